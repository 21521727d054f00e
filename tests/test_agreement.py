import pytest

from qa.agreement import compare
from qa.answer import Disagreement, Reply, answer
from qa.index import Index, open_index
from qa.rebuild import rebuild
from qa.settings import Settings
from qa.vectors import Embedder
from tests import alike
from tests.island import AGREED, CONTRADICTED, Topic, books
from tests.pretend import write_files

pytestmark = pytest.mark.model

# Long enough for several passages, which overlap; each bell has a founder of its own.
BELLS = "# Bells\n\n" + " ".join(
    f"Bell number {n} of the lagoon was cast by old {chr(65 + n % 26)}el{chr(97 + n // 26)}k." for n in range(60)
)


@pytest.fixture(scope="module")
def island(tmp_path_factory) -> Index:
    """An index of the two books on one island."""
    root = tmp_path_factory.mktemp("island")
    settings = Settings(corpus=write_files(root / "corpus", books()), index=root / "index")
    rebuild(settings, force=False, progress=lambda *_: None)
    return open_index(settings.index)


@pytest.fixture(scope="module")
def replies_on_like_things(tmp_path_factory, embedder: Embedder) -> dict[str, Reply]:
    """The reply to each question about bridges, clubs, novels and releases, none refused."""
    root = tmp_path_factory.mktemp("alike")
    settings = Settings(corpus=write_files(root / "corpus", alike.DOCUMENTS), index=root / "index")
    rebuild(settings, force=False, progress=lambda *_: None)
    index = open_index(settings.index)
    questions = (*alike.CONTRADICTED, *alike.AGREED)
    return {question: answer(index, embedder, question, min_confidence=0) for question in questions}


@pytest.fixture(scope="module")
def replies(island: Index, embedder: Embedder) -> dict[str, Reply]:
    """The reply to each question, none refused, so that nothing hides behind a refusal."""
    topics = (*CONTRADICTED, *AGREED)
    return {topic.question: answer(island, embedder, topic.question, min_confidence=0) for topic in topics}


def is_planted(topic: Topic, found: Disagreement) -> bool:
    """Tell whether a disagreement is the one of a topic, in either order, each value in the sentence it comes from."""
    claims = {(claim.value, claim.text) for claim in (found.first, found.second)}
    return topic.values is not None and claims == {(topic.values[0], topic.guide), (topic.values[1], topic.chronicle)}


def test_the_books_hold_what_they_must():
    """At least 12 contradictions and 30 questions without one are asked, and every value stands in its sentence."""
    assert len(CONTRADICTED) >= 12
    assert len(AGREED) >= 30
    for topic in CONTRADICTED:
        assert topic.values
        assert topic.values[0] in topic.guide
        assert topic.values[1] in topic.chronicle


def test_where_the_books_agree_nothing_is_shown(replies):
    """On none of the questions on which the books agree, or only one speaks, a disagreement is shown: precision 1."""
    shown = {topic.question: replies[topic.question].disagreements for topic in AGREED}

    assert not {question: found for question, found in shown.items() if found}


def test_most_contradictions_are_shown(replies):
    """At least six in ten of the planted contradictions are shown, and nothing but them."""
    found = {topic.question: replies[topic.question].disagreements for topic in CONTRADICTED}

    wrong = [(topic, one) for topic in CONTRADICTED for one in found[topic.question] if not is_planted(topic, one)]
    assert not wrong
    assert sum(map(bool, found.values())) / len(CONTRADICTED) >= 0.6


def test_like_things_do_not_contradict_each_other(replies_on_like_things):
    """What a document says of one bridge is no word against another: one wrong one in 40 questions at most."""
    wrong = {question for question in alike.AGREED if replies_on_like_things[question].disagreements}

    assert len(alike.AGREED) >= 40
    assert len(wrong) <= 1, wrong


def test_contradictions_are_shown_among_like_things(replies_on_like_things):
    """At least seven in ten of the contradictions of one thing are shown, and nothing but them."""
    found = {
        question: [{one.first.value, one.second.value} for one in replies_on_like_things[question].disagreements]
        for question in alike.CONTRADICTED
    }

    assert not {
        question: pairs for question, pairs in found.items() if pairs not in ([], [alike.CONTRADICTED[question]])
    }
    assert sum(map(bool, found.values())) / len(found) >= 0.7


def test_a_contradiction_is_no_support_among_like_things(replies_on_like_things):
    """Nobody says the same where the only other document that speaks of the thing says something else."""
    answers = {question: replies_on_like_things[question].answer for question in alike.CONTRADICTED}

    assert not {question: found for question, found in answers.items() if found and found.supported_by}


def test_a_disagreement_cites_two_documents(island, replies):
    """Each side is the exact text of another document, within the passage of its rank."""
    seen = 0
    for reply in replies.values():
        for pair in reply.disagreements:
            cited = [reply.passages[claim.passage - 1] for claim in (pair.first, pair.second)]
            assert cited[0].document.id != cited[1].document.id
            for claim, place in zip((pair.first, pair.second), cited, strict=True):
                assert claim.text == place.document.text[claim.start : claim.end]
                assert place.hit.passage.start <= claim.start < claim.end <= place.hit.passage.end
                assert claim.value in claim.text
                seen += 1
    assert seen


@pytest.mark.parametrize(
    "question",
    [
        "How many steps lead to the lamp?",
        "When did lightning strike the church tower?",
        "Who was mayor during the famine?",
        "How far can the light be seen?",
        "What stands on the altar?",
    ],
)
def test_who_says_the_same_supports(replies, question):
    """Where both books give the same value or the same words, the answer lists the passage of the other one."""
    reply = replies[question]

    assert reply.answer
    own = reply.passages[reply.answer.passage - 1].document.id
    assert reply.answer.passage not in reply.answer.supported_by
    assert {reply.passages[rank - 1].document.id for rank in reply.answer.supported_by} - {own}


@pytest.mark.parametrize("question", ["What do the fishermen catch?", "Why was the museum moved?"])
def test_who_says_something_else_does_not_support(replies, question):
    """Where the books give different things and reasons, neither supports the other, although most words are shared."""
    reply = replies[question]

    assert reply.answer
    assert reply.answer.supported_by == ()


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        (
            "Does the tool support Python 3.8?",
            "Version 2.3 of the tool does not support Python 3.8 and keeps the legacy parser.",
            "Version 2.3 of the tool supports Python 3.8 and drops the legacy parser.",
        ),
        (
            "Why was the bridge destroyed?",
            "The old bridge was destroyed in 1913, because the river rose after the snow melted.",
            "The old bridge was destroyed in 1950, because the river rose after the snow melted.",
        ),
        (
            "What is the address of the office?",
            "The address of the project office is 14 Quay Street.",
            "The address of the project office is 27 Quay Street.",
        ),
    ],
)
def test_who_says_the_opposite_does_not_support(tmp_path, write, embedder: Embedder, question, first, second):
    """A denial, or another figure, takes the support away that the shared words seem to give; equal words support."""

    def supported_by(texts):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        settings = Settings(corpus=write(folder / "corpus", texts), index=folder / "index")
        rebuild(settings, force=False, progress=lambda *_: None)
        reply = answer(open_index(settings.index), embedder, question, min_confidence=0)
        assert reply.answer
        return reply.answer.supported_by

    assert supported_by({"a.md": first, "b.md": second}) == ()
    assert supported_by({"a.md": first, "b.md": f"It is known: {first}"}) == (2,)


def test_who_gives_less_of_the_date_does_not_support(tmp_path, write, embedder: Embedder):
    """Where the answer names the day, a document that gives the year does not support, one that gives the day does."""
    texts = {
        "a.md": "The lighthouse on the cape was first lit on June 2, 1871, before a small crowd.",
        "b.md": "The lighthouse on the cape was first lit in 1871, before a small crowd.",
        "c.md": "The lighthouse on the cape was first lit on 2 June 1871, before quite a small crowd.",
    }
    settings = Settings(corpus=write(tmp_path / "corpus", texts), index=tmp_path / "index")
    rebuild(settings, force=False, progress=lambda *_: None)

    reply = answer(
        open_index(settings.index), embedder, "On what day was the lighthouse on the cape first lit?", min_confidence=0
    )

    assert reply.answer
    quoted = reply.passages[reply.answer.passage - 1].document.path
    supporting = [reply.passages[rank - 1].document.path for rank in reply.answer.supported_by]
    assert (quoted, supporting) in (("a.md", ["c.md"]), ("c.md", ["a.md"]))


def test_words_that_only_open_a_list_item_are_no_names(tmp_path, write, embedder: Embedder):
    """A document that says "Long trousers …" does not make "long" of "How long …?" a thing that both must name."""
    texts = {
        "a.md": "The warranty lasts three years from the day of purchase.",
        "b.md": "The warranty lasts two years from the day of purchase.",
        "c.md": "- Long trousers keep ticks away.\n- Short ones do not.",
    }
    settings = Settings(corpus=write(tmp_path / "corpus", texts), index=tmp_path / "index")
    rebuild(settings, force=False, progress=lambda *_: None)

    reply = answer(open_index(settings.index), embedder, "How long does the warranty last?", min_confidence=0)

    assert len(reply.disagreements) == 1


def test_nobody_supports_what_they_contradict(replies):
    """A passage is never listed both as support and as the other side."""
    for reply in replies.values():
        others = {pair.second.passage for pair in reply.disagreements}
        assert reply.answer is None or not others & set(reply.answer.supported_by)


def test_a_document_does_not_support_itself_by_an_overlap(tmp_path, write, embedder: Embedder):
    """A passage that holds the very sentence of the answer, since passages overlap, says nothing new."""
    settings = Settings(corpus=write(tmp_path / "corpus", {"bells.md": BELLS}), index=tmp_path / "index")
    rebuild(settings, force=False, progress=lambda *_: None)
    index = open_index(settings.index)
    question = "Who cast a bell of the lagoon?"
    hits = sorted(answer(index, embedder, question, min_confidence=0, k=20).candidates, key=lambda hit: hit.row)
    shared = set(hits[0].passage.sentences) & set(hits[1].passage.sentences)

    assert shared
    for span in shared:
        number = hits[0].passage.sentences.index(span)
        assert compare(index, question, hits, 0, number).supporters == ()


def test_a_refused_question_shows_no_disagreement(island: Index, embedder: Embedder):
    """Where the documents do not answer, there is nothing to differ about."""
    reply = answer(island, embedder, CONTRADICTED[0].question, min_confidence=1)

    assert reply.answer is None
    assert reply.disagreements == ()
