import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytrec_eval
from click.testing import CliRunner, Result

from qa.beir import read_beir
from qa.cli import main
from qa.errors import BadSetting
from qa.evaluation import (
    Evidence,
    Outcome,
    Question,
    failed_gates,
    figures_by_type,
    figures_of,
    figures_to_text,
    read_baseline,
    read_questions,
    run_beir,
    run_questions,
    share,
)
from qa.index import Index
from qa.metrics import Figure
from qa.rebuild import build
from qa.search import search
from qa.settings import Settings
from qa.vectors import Embedder
from qa.words import stems
from tests.retrieval_set import lines, retrieval_set

QUESTIONS: list[dict[str, Any]] = [
    {
        "id": "a",
        "question": "How high is the lighthouse of Skagen?",
        "type": "factoid",
        "answerable": True,
        "answers": ["46 metres"],
        "evidence": [{"doc": "lighthouse.md", "quote": "It stands 46 metres high and is built of grey brick."}],
    },
    {
        "id": "b",
        "question": "Are dogs allowed in the rose beds?",
        "type": "factoid",
        "answerable": True,
        "answers": [],
        "evidence": [{"doc": "garden.txt", "quote": "Dogs are not allowed in the rose beds."}],
    },
    {
        "id": "c",
        "question": "Which submarine sank off the coast of Peru?",
        "type": "far_off",
        "answerable": False,
        "answers": [],
        "evidence": [],
    },
]


def outcome(*, kind: str = "factoid", rank: int | None = None, confidence: float = 0.5, **given: bool) -> Outcome:
    question = Question("i", "Why?", kind, given.get("answerable", True), (), ())
    return Outcome(question, rank, given.get("answered", True), given.get("correct", True), confidence, "")


def value(figures: Mapping[str, Figure | None], name: str) -> float:
    figure = figures[name]
    assert figure
    return figure.value


@pytest.fixture
def question_set(tmp_path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text(lines(*QUESTIONS), encoding="utf-8")
    return path


def test_questions_are_read_as_they_were_written(question_set):
    """Each line is a question; blank lines are passed over."""
    question_set.write_text("\n" + question_set.read_text(encoding="utf-8") + "\n", encoding="utf-8")

    first, _, last = read_questions(question_set)

    quote = "It stands 46 metres high and is built of grey brick."
    assert first == Question(
        "a", QUESTIONS[0]["question"], "factoid", True, ("46 metres",), (Evidence("lighthouse.md", quote),)
    )
    assert not last.answerable


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"question": None}, "`question` must be text"),
        ({"question": " "}, "the question is empty"),
        ({"question": "x" * 1001}, "the question has 1,001 characters"),
        ({"answers": "46 metres"}, "`answers` must be a list of texts"),
        ({"answers": None}, "`answers` must be"),
        ({"answers": [1999]}, "`answers` must be"),
        ({"type": None}, "`type` must be text"),
        ({"id": 7}, "`id` must be text"),
        ({"answerable": "yes"}, "`answerable` must be true or false"),
        ({"evidence": [{"doc": "a.md"}]}, "`evidence` must be a list of objects with the texts `doc` and `quote`"),
        ({"evidence": ["words"]}, "`evidence` must be a list of objects"),
        ({"evidence": [{"doc": "a.md", "quote": None}]}, "`evidence` must be a list of objects"),
        ({"evidence": []}, "`evidence` must not be empty when `answerable` is true"),
    ],
)
def test_a_line_that_is_no_question_is_named(question_set, change, reason):
    """A field that is missing in meaning or of a wrong type is an error that names the file, the line and the field."""
    question_set.write_text(lines(QUESTIONS[0], QUESTIONS[1] | change), encoding="utf-8")

    with pytest.raises(BadSetting, match=rf"questions\.jsonl, line 2 is no question: {re.escape(reason)}"):
        read_questions(question_set)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "it is not JSON (Expecting property name enclosed in double quotes, column 2)"),
        ("[]", "it is no JSON object"),
        ("5", "it is no JSON object"),
        ('{"id": "a"}', "`question` is missing"),
        ("null", "it is no JSON object"),
    ],
)
def test_a_line_that_is_no_object_is_named(question_set, line, reason):
    """So is a line that is no JSON, no object, or lacks a field."""
    question_set.write_text(lines(*QUESTIONS) + line, encoding="utf-8")

    with pytest.raises(BadSetting, match=f"line 4 is no question: {re.escape(reason)}"):
        read_questions(question_set)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """A missing file and one that is not UTF-8 are errors with the path in them."""
    (tmp_path / "latin.jsonl").write_bytes(b"\xe9")

    for name in ("missing.jsonl", "latin.jsonl"):
        with pytest.raises(BadSetting, match=f"{name} cannot be read"):
            read_questions(tmp_path / name)


def test_a_line_ends_only_where_its_json_does(question_set):
    """A byte order mark is no part of the set, and U+2028 within a string ends no line."""
    question = QUESTIONS[0] | {"question": "How high\u2028is the lighthouse?"}
    question_set.write_text("\ufeff" + json.dumps(question, ensure_ascii=False) + "\r\n", encoding="utf-8")

    assert [found.question for found in read_questions(question_set)] == ["How high is the lighthouse?"]


def test_a_set_without_questions_is_named(question_set):
    """A file of blank lines is no question set."""
    question_set.write_text("\n\n", encoding="utf-8")

    with pytest.raises(BadSetting, match=r"questions\.jsonl holds no question"):
        read_questions(question_set)


def test_figures_by_hand():
    """Four answerable questions and two unanswerable ones give the shares that can be counted."""
    figures = figures_of(
        [
            outcome(rank=1, confidence=0.9),
            outcome(rank=3, confidence=0.8, correct=False),
            outcome(rank=5, confidence=0.3, answered=False),
            outcome(rank=None, confidence=0.6, correct=False),
            outcome(answerable=False, answered=False, confidence=0.2, correct=False),
            outcome(answerable=False, confidence=0.7, correct=False),
        ]
    )

    assert {name: value(figures, name) for name in figures} == {
        "hit@1": 0.25,
        "hit@3": 0.5,
        "hit@5": 0.75,
        "mrr@10": pytest.approx((1 + 1 / 3 + 1 / 5) / 4),
        "answer_correct": 0.25,
        "false_refusals": 0.25,
        "refused_unanswerable": 0.5,
        "auc": pytest.approx(6 / 8),
    }
    assert "hit@1                   0.250" in figures_to_text(figures)


def test_figures_by_type_hold_what_belongs_to_the_type():
    """Each type has figures of its own questions only, None where it has no question of the kind."""
    figures = figures_by_type([outcome(rank=1), outcome(kind="far_off", answerable=False, answered=False)])

    assert list(figures) == ["factoid", "far_off"]
    assert value(figures["factoid"], "hit@1") == value(figures["far_off"], "refused_unanswerable") == 1
    assert figures["far_off"]["hit@1"] is None
    assert figures["factoid"]["auc"] is None
    assert "hit@1" not in figures_to_text(figures["far_off"])


@pytest.mark.parametrize(
    ("quote", "text", "expected"),
    [
        ("Odo’s “link” – gone", 'It is ODO\'s "link" -  gone now.', 1.0),
        ("abcdefgh", "xxabcdxx efgh", 0.5),
        ("", "anything", 0.0),
        ("something", "", 0.0),
    ],
)
def test_the_share_of_a_quote(quote, text, expected):
    """The share is of the longest block, with white space, case and typography folded."""
    assert share(quote, text) == expected


@pytest.mark.parametrize(
    ("name", "recorded", "found", "worse"),
    [
        ("hit@1", 0.8, 0.75, True),
        ("hit@1", 0.8, 0.79, False),
        ("hit@1", 0.8, 0.95, False),
        ("false_refusals", 0.1, 0.15, True),
        ("false_refusals", 0.1, 0.11, False),
        ("false_refusals", 0.1, 0.0, False),
    ],
)
def test_the_gate_knows_which_way_is_worse(name, recorded, found, worse):
    """A figure fails when it is worse by more than its tolerance: lower, and for false refusals higher."""
    failures = failed_gates({name: Figure(found, 0, 1, 9)}, {name: {"value": recorded, "tolerance": 0.02}})

    assert bool(failures) is worse
    assert all(name in failure for failure in failures)


def test_a_recorded_figure_must_be_there():
    """A figure that is recorded but was not measured fails."""
    baseline = {"auc": {"value": 0.9, "tolerance": 1.0}, "old": {"value": 0.0, "tolerance": 1.0}}

    assert len(failed_gates({"auc": None}, baseline)) == 2


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"hit@1": 0.8}',
        '{"hit@1": {"value": "high", "tolerance": 0}}',
        '{"hit@1": {"value": NaN, "tolerance": 0}}',
    ],
)
def test_a_file_that_is_no_baseline_is_named(tmp_path, content):
    """A baseline without values or tolerances is an error with the path in it."""
    path = tmp_path / "baseline.json"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(BadSetting, match=r"baseline\.json is no baseline: each figure needs a number"):
        read_baseline(path)


@pytest.mark.model
def test_a_run_finds_the_evidence(tiny_index: Index, embedder: Embedder, question_set):
    """Plain questions have their evidence at rank 1 and a correct answer; the absent one is refused."""
    high, dogs, absent = run_questions(tiny_index, embedder, read_questions(question_set), 0.5)

    assert (high.rank, high.answered, high.correct) == (1, True, True)
    assert (dogs.rank, dogs.answered, dogs.correct) == (1, True, True)
    assert (absent.rank, absent.answered, absent.correct, absent.answer) == (None, False, False, "")
    assert high.confidence > absent.confidence


Evaluate = Callable[..., Result]


@pytest.fixture
def evaluate(tiny_settings: Settings, question_set) -> Evaluate:
    """Return a function that runs `qa eval` on the three questions."""

    def run(*options: str | Path) -> Result:
        arguments = ["eval", str(question_set), "--index", str(tiny_settings.index), *map(str, options)]
        result = CliRunner().invoke(main, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.mark.model
def test_the_command_prints_figures_and_writes_lines(evaluate, tmp_path):
    """`qa eval --json --per-question` prints all figures, those of each type too, and writes a line a question."""
    result = evaluate("--json", "--per-question", tmp_path / "lines.jsonl")

    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["figures"]["hit@1"] == {"value": 1.0, "low": pytest.approx(0.158, abs=0.001), "high": 1.0, "n": 2}
    assert found["by_type"].keys() == {"factoid", "far_off"}
    written = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in written] == ["a", "b", "c"]
    assert [line["rank"] for line in written] == [1, 1, None]


def test_a_file_that_cannot_be_written_is_told_before_the_run(question_set, tmp_path):
    """Wrong usage, although there is no index to run against: the file is opened first."""
    options = ["--per-question", str(tmp_path / "no" / "lines.jsonl"), "--index", str(tmp_path / "none")]

    result = CliRunner().invoke(main, ["eval", str(question_set), *options])

    assert result.exit_code == 2
    assert "no/lines.jsonl': No such file or directory" in result.stderr


def test_a_baseline_that_cannot_be_read_is_told_before_the_run(question_set, tmp_path):
    """So is a file that is no baseline."""
    (tmp_path / "gate.json").write_text("{", encoding="utf-8")
    options = ["--gate", str(tmp_path / "gate.json"), "--index", str(tmp_path / "none")]

    result = CliRunner().invoke(main, ["eval", str(question_set), *options])

    assert result.exit_code == 2
    assert "gate.json is no baseline" in result.stderr


@pytest.mark.model
def test_a_set_about_other_documents_is_noted(evaluate, question_set):
    """Evidence in a document that the index does not hold cannot be found, which the figures alone would not tell."""
    elsewhere = {"evidence": [{"doc": f"{name}.md", "quote": "It stands."} for name in ("tower", "pier", "tower")]}
    question_set.write_text(lines(*QUESTIONS, QUESTIONS[0] | elsewhere), encoding="utf-8")

    result = evaluate()

    assert result.exit_code == 0
    assert "does not hold 2 of the documents with evidence, such as tower.md" in result.stderr


@pytest.mark.model
@pytest.mark.parametrize(("recorded", "code"), [(1.0, 0), (1.2, 1)])
def test_the_gate_decides_the_exit_code(evaluate, tmp_path, recorded, code):
    """`--gate` ends with 0 when no figure is worse than recorded, else with 1 and a line on stderr that names it."""
    (tmp_path / "gate.json").write_text(json.dumps({"hit@1": {"value": recorded, "tolerance": 0.1}}), encoding="utf-8")

    result = evaluate("--gate", tmp_path / "gate.json")

    assert result.exit_code == code
    assert ("worse: hit@1" in result.stderr) is bool(code)


@pytest.mark.model
def test_a_retrieval_set_is_run_through_the_very_search(tmp_path, write, embedder: Embedder):
    """`run_beir` builds, asks and measures: its figures are pytrec_eval's on the ranking of the same search."""
    folder = write(tmp_path / "set", retrieval_set())

    figures = run_beir(folder, embedder, None, 0.5, lambda *_: None)

    beir = read_beir(folder)
    index = build(beir.documents, embedder, tmp_path / "index", lambda *_: None)
    run, by_keyword = {}, {}
    names_of_rows = [passage.document_id for passage in index.passages]
    for query in beir.queries:
        names = list(dict.fromkeys(hit.passage.document_id for hit in search(index, embedder, query.text).hits))
        run[query.id] = {name: float(len(names) - place) for place, name in enumerate(names)}
        scores = index.keywords.scores(stems(query.text))
        by_keyword[query.id] = {name: float(s) for name, s in zip(names_of_rows, scores, strict=True) if s}
    qrels = {query.id: query.relevant for query in beir.queries}
    judged = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.1,5,10,100", "recip_rank"}).evaluate(run)
    measures = {"ndcg@10": "ndcg_cut_10", "mrr@10": "recip_rank"} | {
        f"recall@{n}": f"recall_{n}" for n in (1, 5, 10, 100)
    }
    for ours, theirs in measures.items():
        assert value(figures, ours) == pytest.approx(sum(one[theirs] for one in judged.values()) / len(judged))
    judged = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10"}).evaluate(by_keyword)
    alone = sum(one["ndcg_cut_10"] for one in judged.values()) / len(judged)
    assert value(figures, "keyword_ndcg@10") == pytest.approx(alone)
    assert value(figures, "ndcg@10") > 0.9
    assert value(figures, "auc") == 1
    assert value(figures, "refused_unanswerable") == 1
    figure = figures["auc"]
    assert figure
    assert figure.n == 6


@pytest.mark.model
def test_a_set_with_odd_questions_is_run_to_its_end(tmp_path, write, embedder: Embedder):
    """A question longer than a person may ask is cut, one of signs alone finds nothing; neither stops the run."""
    files = retrieval_set()
    files["queries.jsonl"] += lines(
        {"_id": "long", "text": "Which soup of rhubarb is eaten cold? " * 60}, {"_id": "signs", "text": "?!"}
    )
    files["qrels/test.tsv"] += "long\td3\t1\nsigns\td3\t1\n"
    del files["unanswerable.jsonl"]

    figures = run_beir(write(tmp_path, files), embedder, None, 0.5, lambda *_: None)

    figure = figures["recall@100"]
    assert figure
    assert (figure.value, figure.n) == (pytest.approx(5 / 6), 6)
    assert "auc" not in figures


@pytest.mark.model
def test_a_document_under_the_id_of_its_query_is_left_out(tmp_path, write, embedder: Embedder):
    """A query that is a document of the set itself does not find itself, unless that is judged relevant."""
    soup = "Rhubarb soup is eaten cold in summer."
    files = {
        "corpus.jsonl": lines({"_id": "1", "text": soup}, {"_id": "2", "text": f"They say: {soup}"}),
        "queries.jsonl": lines({"_id": "1", "text": soup}, {"_id": "2", "text": "Who says that soup is eaten cold?"}),
        "qrels/test.tsv": "1\t2\t1\n2\t2\t1\n",
    }

    figures = run_beir(write(tmp_path, files), embedder, None, 0.5, lambda *_: None)

    for name in ("recall@1", "keyword_ndcg@10", "sentence_ndcg@10"):
        assert value(figures, name) == 1


@pytest.mark.model
def test_a_hundred_documents_are_found_where_there_are_so_many(tmp_path, write, embedder: Embedder):
    """Recall@100 looks deeper than an answer needs: a hundred relevant ones of 120 documents are all found."""
    names = [f"d{number}" for number in range(120)]
    about = ["rhubarb soup" if number < 100 else "the old clock" for number in range(120)]
    files = {
        "corpus.jsonl": lines(
            *({"_id": name, "text": f"Page {name} tells of {it}."} for name, it in zip(names, about, strict=True))
        ),
        "queries.jsonl": lines({"_id": "q", "text": "Which pages tell of rhubarb soup?"}),
        "qrels/test.tsv": "".join(f"q\t{name}\t1\n" for name in names[:100]),
    }

    figures = run_beir(write(tmp_path, files), embedder, None, 0.5, lambda *_: None)

    assert value(figures, "recall@100") == 1


@pytest.mark.model
def test_a_limit_asks_the_first_questions(tmp_path, write, embedder: Embedder):
    """With a limit of one, one answerable and one unanswerable question are asked, and progress counts both."""
    told: list[tuple[str, int, int]] = []

    figures = run_beir(write(tmp_path, retrieval_set()), embedder, 1, 0.5, lambda *stage: told.append(stage))

    figure = figures["ndcg@10"]
    assert figure
    assert figure.n == 1
    assert told[-1] == ("questions", 2, 2)


@pytest.mark.model
def test_the_command_runs_a_retrieval_set(tmp_path, write):
    """`qa eval --beir` prints its figures; without a file of the set it ends with 2 and names the file."""
    folder = write(tmp_path / "set", retrieval_set())

    fine = CliRunner().invoke(main, ["eval", "--beir", str(folder), "--json"])
    (folder / "queries.jsonl").unlink()
    broken = CliRunner().invoke(main, ["eval", "--beir", str(folder)])

    assert fine.exit_code == 0
    assert json.loads(fine.stdout)["figures"]["recall@100"]["value"] == 1
    assert broken.exit_code == 2
    assert "queries.jsonl" in broken.stderr
