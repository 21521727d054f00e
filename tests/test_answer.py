import gc
from dataclasses import replace

import pytest

from qa.answer import ANSWER_PASSAGES, DEFAULT_K, CitedPassage, Reply, Status, _choose, answer
from qa.confidence import confidence_of
from qa.documents import Document, parse_document
from qa.errors import BadQuestion, NoSuchDocument
from qa.extent import MAX_ANSWER_CHARS
from qa.index import KEPT_DOCUMENTS, Index
from qa.rebuild import build
from qa.search import MAX_K, Hit, Signals, fusion_weights, search
from qa.vectors import Embedder
from qa.words import stems, words_of

pytestmark = pytest.mark.model

PLAIN = {
    "When was the lighthouse of Skagen lit for the first time?": "1858",
    "Who was the first keeper?": "Anna Ancher",
    "Are dogs allowed in the rose beds?": "Dogs are not allowed",
    "How much rhubarb does rhubarb soup take?": "one kilogram",
    "What is done with the lens at dawn?": "clean the lens",
    "How many grams of sugar are needed?": "200 grams",
}
ABSENT = "Which submarine sank off the coast of Peru?"


def ask(index: Index, embedder: Embedder, question: str, **options: object) -> Reply:
    return answer(index, embedder, question, **{"min_confidence": 0.5, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(("question", "words"), PLAIN.items())
def test_a_plain_question_is_answered_verbatim(tiny_index, embedder, question, words):
    """The answer holds what is asked for, is exactly a span of its document, and lies within its passage."""
    reply = ask(tiny_index, embedder, question)

    assert reply.status is Status.ANSWERED
    assert reply.answer
    assert words in reply.answer.text
    cited = reply.passages[reply.answer.passage - 1]
    assert reply.answer.text == cited.document.text[reply.answer.start : reply.answer.end]
    assert cited.hit.passage.start <= reply.answer.start < reply.answer.end <= cited.hit.passage.end
    assert reply.answer.passage <= ANSWER_PASSAGES


def test_an_answer_is_whole_sentences_and_short(service):
    """An answer begins and ends with a sentence; more than 300 characters has only a single sentence that is longer."""
    index, answered = service.index, 0
    for passage in index.passages[:40:2]:
        start, end = passage.sentences[0]
        reply = service.ask(passage.text[start - passage.start : end - passage.start][:200], exact=True)
        if reply.answer:
            answered += 1
            cited = reply.passages[reply.answer.passage - 1].hit.passage
            first = next(n for n, span in enumerate(cited.sentences) if span[0] == reply.answer.start)
            last = next(n for n, span in enumerate(cited.sentences) if span[1] == reply.answer.end)
            assert last - first in (0, 1)
            assert len(reply.answer.text) <= MAX_ANSWER_CHARS or first == last
    assert answered > 10


def test_one_sentence_may_be_longer(tmp_path, embedder):
    """A single sentence of more than 300 characters is given whole."""
    mills = ", ".join(f"past mill {n}" for n in range(40))
    sentence = f"The lantern of Vesso was carried {mills} and into the sea."
    document, _ = parse_document("a.txt", f"{sentence} It was wet.")
    index = build([document], embedder, tmp_path, lambda *_: None)

    reply = ask(index, embedder, "Where was the lantern of Vesso carried?", min_confidence=0)

    assert reply.answer
    assert reply.answer.text == sentence


@pytest.mark.parametrize(
    ("question", "expected"),
    [("How long does Vesso cake bake?", "Bake it for 45 minutes."), ("How do I make Vesso cake?", None)],
)
def test_one_step_answers_a_question_for_its_value(tmp_path, embedder, question, expected):
    """Of a recipe the step with the time is quoted when that is asked for, else all steps."""
    steps = "1. Knead a smooth dough of flour and eggs.\n2. Bake it for 45 minutes.\n3. Let it cool down."
    document, _ = parse_document("a.md", f"# Vesso cake\n\n{steps}")
    index = build([document], embedder, tmp_path, lambda *_: None)

    reply = ask(index, embedder, question, min_confidence=0)

    assert reply.answer
    assert reply.answer.text == (expected or steps)


@pytest.mark.parametrize(("mills", "alone"), [(5, False), (25, True)])
def test_a_short_answer_takes_in_a_neighbour_that_fits(tmp_path, embedder, mills, alone):
    """A short sentence is given with its neighbour as long as both have at most 300 characters, else alone."""
    short = "The lantern of Vesso was made by Otto Heide."
    neighbour = f"It was carried {', '.join(f'past mill {n}' for n in range(mills))}."
    document, _ = parse_document("a.txt", f"{short} {neighbour}")
    index = build([document], embedder, tmp_path, lambda *_: None)

    reply = ask(index, embedder, "Who made the lantern of Vesso?", min_confidence=0)

    assert reply.answer
    assert reply.answer.text == (short if alone else f"{short} {neighbour}")


def test_of_two_neighbours_the_better_one_comes_along(tmp_path, embedder):
    """A short sentence between one that is about the same and one that is not is given with the former."""
    document, _ = parse_document(
        "a.txt", "The lamp of the tower needs oil. Anna lit the lamp of the tower first. Goats keep the grass short."
    )
    index = build([document], embedder, tmp_path, lambda *_: None)

    reply = ask(index, embedder, "Who first lit the lamp of the tower?", min_confidence=0)

    assert reply.answer
    assert reply.answer.text == "The lamp of the tower needs oil. Anna lit the lamp of the tower first."


@pytest.mark.parametrize(
    ("scores", "sentences", "chosen"),
    [
        ((0.80, 0.79), ((0.2, 0.7), (0.8, 0.1)), (1, 0)),
        ((0.80, 0.79), ((0.2, 0.7), (0.7, 0.1)), (0, 1)),  # the better passage, if its sentence is as good
        ((0.80, 0.70), ((0.2, 0.7), (0.8, 0.1)), (0, 1)),  # the other one is too far behind
        ((0.80, 0.79, 0.79, 0.79), ((0.2, 0.7), (0.1, 0.1), (0.1, 0.1), (0.9, 0.9)), (0, 1)),  # of three passages only
    ],
)
def test_a_good_sentence_wins_over_a_slightly_better_passage(tiny_index, scores, sentences, chosen):
    """The answer need not stand in the first passage, whose words may be spread over sentences that say little."""
    passage = next(one for one in tiny_index.passages if len(one.sentences) == 2)
    hits = [
        Hit(passage, 0, score, Signals(0, 0, 0, 0), fusion_weights(), fits)
        for score, fits in zip(scores, sentences, strict=True)
    ]

    assert _choose(tuple(CitedPassage(n, hit, tiny_index.documents, (), "") for n, hit in enumerate(hits, 1))) == chosen


def test_what_the_documents_do_not_say_is_refused(tiny_index, embedder):
    """The status says so, there is no answer, and the nearest passages are there all the same."""
    reply = ask(tiny_index, embedder, ABSENT)

    assert reply.status is Status.NOT_IN_DOCUMENTS
    assert reply.answer is None
    assert reply.disagreements == ()
    assert reply.confidence < 0.5
    assert len(reply.passages) == min(DEFAULT_K, len(tiny_index.passages))


def test_the_edges_of_the_limit(tiny_index, embedder):
    """With a limit of 0 every question is answered, with 1 none; a confidence that equals the limit is enough."""
    plain = next(iter(PLAIN))
    confidence = ask(tiny_index, embedder, plain).confidence

    assert ask(tiny_index, embedder, ABSENT, min_confidence=0).answer
    assert ask(tiny_index, embedder, plain, min_confidence=1).answer is None
    assert ask(tiny_index, embedder, plain, min_confidence=confidence).answer
    assert ask(tiny_index, embedder, plain, min_confidence=confidence + 1e-9).answer is None


def test_nothing_found_is_not_answered(tiny_index, embedder):
    """A filter that allows no document gives a reply without passages, even at a limit of 0."""
    reply = ask(tiny_index, embedder, next(iter(PLAIN)), documents=[], min_confidence=0)

    assert reply.status is Status.NOT_IN_DOCUMENTS
    assert (reply.answer, reply.passages, reply.confidence) == (None, (), 0.0)


def test_passages_are_the_first_hits(tiny_index, embedder):
    """A reply has the first k hits of the search, ranked from 1, and the same confidence for every k."""
    question = next(iter(PLAIN))
    found = search(tiny_index, embedder, question)
    for k in (1, 2, MAX_K):
        reply = ask(tiny_index, embedder, question, k=k)

        assert [cited.hit for cited in reply.passages] == list(found.hits[:k])
        assert [cited.rank for cited in reply.passages] == list(range(1, len(reply.passages) + 1))
        assert reply.candidates == found.hits
        assert reply.confidence == confidence_of(found)


@pytest.mark.parametrize("k", [0, -1, MAX_K + 1])
def test_k_has_bounds(tiny_index, embedder, k):
    """Another number of passages than 1 to 20 is refused with the number."""
    with pytest.raises(BadQuestion, match=f"k is {k}; it must be a whole number from 1 to 20"):
        ask(tiny_index, embedder, "Who kept the light?", k=k)


def test_errors_of_the_search_come_through(tiny_index, embedder):
    """A question that is none and a document that is not there are errors, not refusals."""
    with pytest.raises(BadQuestion):
        ask(tiny_index, embedder, "?!")
    with pytest.raises(NoSuchDocument):
        ask(tiny_index, embedder, "Who kept the light?", documents=["nowhere"])


def test_highlights_are_the_words_of_the_question(tiny_index, embedder):
    """Every word of a passage with the stem of a question word is highlighted, and nothing else."""
    question = "Which keepers clean the lens of the lighthouse?"
    reply = ask(tiny_index, embedder, question)

    marked = 0
    for cited in reply.passages:
        text = cited.hit.passage.text
        wanted = [word for word in words_of(text) if word.stem in stems(question)]
        assert [text[start:end] for start, end in cited.highlights] == [text[w.start : w.end] for w in wanted]
        marked += len(wanted)
    assert marked


def test_highlights_follow_the_correction(tiny_index, embedder):
    """With a misspelt word, what was searched is highlighted; with `exact` it is not."""
    question = "When was the lighthuose lit?"

    def marked(*, exact: bool) -> set[str]:
        reply = ask(tiny_index, embedder, question, exact=exact, min_confidence=0)
        return {c.hit.passage.text[a:b].lower() for c in reply.passages for a, b in c.highlights}

    assert "lighthouse" in marked(exact=False)
    assert "lighthouse" not in marked(exact=True)


def test_the_same_question_has_the_same_reply(tiny_index, embedder):
    """Two replies to one question differ in nothing but the time they took."""
    one, two = (ask(tiny_index, embedder, next(iter(PLAIN))) for _ in range(2))

    assert replace(one, stages={}) == replace(two, stages={})
    assert one.took_ms > 0
    assert one.index is tiny_index


def test_replies_do_not_keep_documents(tmp_path, embedder: Embedder):
    """However many replies are held, as the cache does, no more documents stay in memory than the index keeps."""
    documents = [parse_document(f"{n:02}.txt", f"House number {n} of the lane is old.")[0] for n in range(80)]
    index = build(documents, embedder, tmp_path, lambda *_: None)

    replies = [ask(index, embedder, f"Which house is number {n}?", min_confidence=0, k=MAX_K) for n in range(0, 80, 2)]

    assert len({cited.document.path for reply in replies for cited in reply.passages}) > KEPT_DOCUMENTS
    held = [one for one in gc.get_objects() if type(one) is Document and one.text.startswith("House number")]
    assert len(held) <= len(documents) + KEPT_DOCUMENTS


@pytest.mark.parametrize(
    ("text", "question", "expected"),
    [
        (
            "The inn serves three soups:\n\n- Leek soup.\n- Fish soup.\n- Rhubarb soup.\n\nIt opens at noon.",
            "Which soups does the inn serve?",
            "The inn serves three soups:\n\nLeek soup.\nFish soup.\nRhubarb soup.",
        ),
        (
            "The inn serves soup every day of the week. Three kinds are ready:\n\n- Leek soup.\n- Fish soup.",
            "Does the inn serve soup every day of the week?",
            "The inn serves soup every day of the week. Three kinds are ready:\n\nLeek soup.\nFish soup.",
        ),
        (
            "Goats keep the grass short.\n\nAnna lit the lamp of the tower.\n\nThe harbour was dredged.",
            "Who lit the lamp of the tower?",
            "Anna lit the lamp of the tower.",
        ),
        (
            "Goats keep the grass short. Anna lit the lamp of the tower. Nobody helped her with the lamp of the tower.",
            "Who lit the lamp of the tower?",
            "Anna lit the lamp of the tower. Nobody helped her with the lamp of the tower.",
        ),
        (
            "“The lamp of the tower was my life, and nothing else.”\n\n- Anna Lund\n- Read also: ten towers",
            "What did the lamp of the tower mean to its keeper?",
            "“The lamp of the tower was my life, and nothing else.”\n\nAnna Lund",
        ),
    ],
)
def test_an_answer_takes_in_what_belongs_to_it(tmp_path, embedder: Embedder, text, question, expected):
    """A lead-in comes with its items, a quotation with who said it, a short sentence with one of its own paragraph."""
    document, _ = parse_document("a.md", text)
    index = build([document], embedder, tmp_path, lambda *_: None)

    reply = ask(index, embedder, question, min_confidence=0)

    assert reply.answer
    assert "".join(reply.answer.text.split("- ")) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [("Who is the mayor of Port Selwyn?", "Gwen Ashdown"), ("What is the population of Port Selwyn?", "3,418")],
)
def test_a_fact_need_not_repeat_the_name_of_its_page(tmp_path, embedder: Embedder, question, expected):
    """A row that has the fact wins over the sentence that has but the name, which the title gives to each of them."""
    facts = {"Population": "3,418 (2021)", "Established": "1842", "Mayor": "Gwen Ashdown", "Time zone": "UTC+10"}
    rows = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in facts.items())
    text = "<b>Port Selwyn</b> is a town on the east coast of Tasmania. It lies 118 km north-east of Hobart."
    page = f"<h1>Port Selwyn</h1><table>{rows}</table><p>{text}</p>"
    document, _ = parse_document("a.html", page)
    index = build([document], embedder, tmp_path, lambda *_: None)

    reply = ask(index, embedder, question, min_confidence=0)

    assert reply.answer
    assert expected in reply.answer.text
    assert "east coast" not in reply.answer.text
