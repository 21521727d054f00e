"""Run a question set or a retrieval set against the very search that serves (docs/evaluation.md)."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from math import isfinite
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from qa.answer import Reply, Status, answer
from qa.beir import BeirQuery, read_beir, read_record
from qa.confidence import confidence_of
from qa.errors import BadQuestion, BadSetting
from qa.index import Index
from qa.metrics import Figure, auc_figure, mean_figure, ndcg, recall, reciprocal_rank
from qa.rebuild import build
from qa.search import CANDIDATES, MAX_QUESTION_CHARS, Hit, check_question, search
from qa.vectors import Embedder

PASSAGES = 10  # asked for each question; hit@n looks at the first n
EVIDENCE_SHARE = 0.6  # a passage is a hit when it holds this much of an evidence quote in one block
_DEPTH = 200  # passages taken from each first stage for recall@100: a document can have several
LOWER_IS_BETTER = frozenset({"false_refusals"})
_FOLD = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-"})

Figures = dict[str, Figure | None]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Words that answer a question, and the document that they stand in."""

    doc: str  # path of the document within the corpus
    quote: str


@dataclass(frozen=True, slots=True)
class Question:
    """One line of a question set."""

    id: str
    question: str
    type: str
    answerable: bool
    answers: tuple[str, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question."""

    question: Question
    rank: int | None  # of the first passage that holds evidence
    answered: bool
    correct: bool  # the answer sentence holds a gold answer or the evidence
    confidence: float
    answer: str


def read_questions(path: Path) -> list[Question]:
    """Read a question set.

    Raises:
        BadSetting: the file cannot be read or a line is no question; the message names the line.
    """
    questions = []
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # splitlines would cut within strings of JSON
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            questions.append(_question(read_record(line)))
        except (ValueError, BadQuestion) as error:
            raise BadSetting(f"{path}, line {number} is no question: {error}; see docs/evaluation.md") from error
    if not questions:
        raise BadSetting(f"{path} holds no question; see docs/evaluation.md")
    return questions


def _question(record: dict[str, Any]) -> Question:
    for name, (fits, meaning) in _FIELDS.items():
        if not fits(record.get(name)):
            raise ValueError(f"`{name}` must be {meaning}" if name in record else f"`{name}` is missing")
    if record["answerable"] and not record["evidence"]:
        raise ValueError("`evidence` must not be empty when `answerable` is true")
    return Question(
        id=record["id"],
        question=check_question(record["question"]),
        type=record["type"],
        answerable=record["answerable"],
        answers=tuple(record["answers"]),
        evidence=tuple(Evidence(e["doc"], e["quote"]) for e in record["evidence"]),
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_evidence(value: object) -> bool:
    return isinstance(value, dict) and _is_text(value.get("doc")) and _is_text(value.get("quote"))


# Of a question: what tells whether its value can be used, and how that is said.
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "id": (_is_text, "text"),
    "question": (_is_text, "text"),
    "type": (_is_text, "text"),
    "answerable": (lambda value: isinstance(value, bool), "true or false"),
    "answers": (lambda value: isinstance(value, list) and all(map(_is_text, value)), "a list of texts"),
    "evidence": (
        lambda value: isinstance(value, list) and all(map(_is_evidence, value)),
        "a list of objects with the texts `doc` and `quote`",
    ),
}


def unknown_documents(index: Index, questions: Sequence[Question]) -> list[str]:
    """Return the documents that questions name for their evidence and the index does not hold, each once."""
    known = {document.path for document in index.documents.values()}
    named = dict.fromkeys(evidence.doc for question in questions for evidence in question.evidence)
    return [path for path in named if path not in known]


def run_questions(
    index: Index, embedder: Embedder, questions: Sequence[Question], min_confidence: float
) -> Iterator[Outcome]:
    """Ask every question and hold the reply against its evidence."""
    for question in questions:
        reply = answer(index, embedder, question.question, min_confidence=min_confidence, k=PASSAGES)
        yield _outcome(question, reply)


def figures_of(outcomes: Sequence[Outcome]) -> Figures:
    """Return the figures of a run, None where there is no question of that kind."""
    yes = [outcome for outcome in outcomes if outcome.question.answerable]
    no = [outcome for outcome in outcomes if not outcome.question.answerable]
    return {
        **{f"hit@{n}": mean_figure([float((o.rank or PASSAGES + 1) <= n) for o in yes]) for n in (1, 3, 5)},
        f"mrr@{PASSAGES}": mean_figure([1.0 / o.rank if o.rank else 0.0 for o in yes]),
        "answer_correct": mean_figure([float(o.correct and o.answered) for o in yes]),
        "false_refusals": mean_figure([float(not o.answered) for o in yes]),
        "refused_unanswerable": mean_figure([float(not o.answered) for o in no]),
        "auc": auc_figure([o.confidence for o in yes], [o.confidence for o in no]),
    }


def figures_by_type(outcomes: Sequence[Outcome]) -> dict[str, Figures]:
    """Return the figures of each type of question, by name."""
    types = sorted({outcome.question.type for outcome in outcomes})
    return {name: figures_of([o for o in outcomes if o.question.type == name]) for name in types}


def run_beir(
    folder: Path,
    embedder: Embedder,
    limit: int | None,
    min_confidence: float,
    progress: Callable[[str, int, int], object],
) -> Figures:
    """Index a retrieval set in a folder of its own and return its figures, computed as trec_eval does.

    `keyword_ndcg@10` and `sentence_ndcg@10` are what each first stage reaches alone.

    Args:
        limit: how many questions of each kind at most, the first ones; None for all.
    """
    beir = read_beir(folder)
    queries, unanswerable = beir.queries[:limit], beir.unanswerable[:limit]
    with TemporaryDirectory() as temporary:
        index = build(beir.documents, embedder, Path(temporary), progress)
        judged = []
        parts: dict[str, list[float]] = {"keyword": [], "sentence": []}
        confidences: dict[bool, list[float]] = {True: [], False: []}
        for number, query in enumerate((*queries, *unanswerable), 1):
            hits, confidence = _asked(index, embedder, query)
            confidences[bool(query.relevant)].append(confidence)
            if query.relevant:
                judged.append((_ranking(index, embedder, query, hits), query.relevant))
                for part, values in parts.items():
                    # What a first stage puts first is among the candidates, so that this is its own ranking.
                    own = sorted(hits, key=attrgetter(f"signals.{part}"), reverse=True)
                    ranking = _documents(hit for hit in own if getattr(hit.signals, part) > 0)
                    values.append(ndcg(_without_itself(ranking, query), query.relevant, 10))
            progress("questions", number, len(queries) + len(unanswerable))
    figures: Figures = {
        "ndcg@10": mean_figure([ndcg(ranking, grades, 10) for ranking, grades in judged]),
        **{f"recall@{n}": mean_figure([recall(r, grades, n) for r, grades in judged]) for n in (1, 5, 10, 100)},
        "mrr@10": mean_figure([reciprocal_rank(ranking, grades, 10) for ranking, grades in judged]),
        **{f"{part}_ndcg@10": mean_figure(values) for part, values in parts.items()},
    }
    if unanswerable:
        yes, no = confidences[True], confidences[False]
        figures["false_refusals"] = mean_figure([float(value < min_confidence) for value in yes])
        figures["refused_unanswerable"] = mean_figure([float(value < min_confidence) for value in no])
        figures["auc"] = auc_figure(yes, no)
    return figures


def read_baseline(path: Path) -> dict[str, dict[str, float]]:
    """Read a baseline file: figure name → {"value", "tolerance"}.

    Raises:
        BadSetting: it cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        baseline = {name: {"value": float(e["value"]), "tolerance": float(e["tolerance"])} for name, e in found.items()}
        if not all(isfinite(number) for recorded in baseline.values() for number in recorded.values()):
            raise ValueError("a value or tolerance is no number")
    except OSError as error:
        raise BadSetting(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadSetting(
            f"{path} is no baseline: each figure needs a number as its `value` and its `tolerance`; "
            "see docs/evaluation.md"
        ) from error
    return baseline


def failed_gates(figures: Figures, baseline: dict[str, dict[str, float]]) -> list[str]:
    """Return one line for each figure that is worse than the recorded one by more than its tolerance.

    Args:
        baseline: as `read_baseline` returns it.
    """
    failures = []
    for name, recorded in baseline.items():
        found = figures.get(name)
        if found is None:
            failures.append(f"{name}: recorded {recorded['value']}, but this run has no such figure")
            continue
        worse = recorded["value"] - found.value
        if name in LOWER_IS_BETTER:
            worse = -worse
        if worse > recorded["tolerance"]:
            failures.append(
                f"{name}: {found.value:.3f} is worse than the recorded {recorded['value']:.3f} "
                f"by more than {recorded['tolerance']:.3f}"
            )
    return failures


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """Return one line of a per-question file."""
    question = outcome.question
    return {
        "id": question.id,
        "type": question.type,
        "question": question.question,
        "answerable": question.answerable,
        "rank": outcome.rank,
        "answered": outcome.answered,
        "correct": outcome.correct,
        "confidence": round(outcome.confidence, 4),
        "answer": outcome.answer,
    }


def figures_to_json(figures: Figures) -> dict[str, Any]:
    """Return figures as JSON-ready values."""
    return {name: asdict(figure) if figure else None for name, figure in figures.items()}


def figures_to_text(figures: Figures) -> str:
    """Return figures as a table for a terminal."""
    lines = [f"{'':<22}{'value':>7}   95 % interval       n"]
    for name, figure in figures.items():
        if figure:
            lines.append(f"{name:<22}{figure.value:>7.3f}   {figure.low:.3f} - {figure.high:.3f}  {figure.n:>6}")
    return "\n".join(lines)


def _outcome(question: Question, reply: Reply) -> Outcome:
    ranks = (
        cited.rank for cited in reply.passages if holds_evidence(question, cited.document.path, cited.hit.passage.text)
    )
    text = reply.answer.text if reply.answer else ""
    return Outcome(
        question=question,
        rank=next(ranks, None),
        answered=reply.status is Status.ANSWERED,
        correct=bool(text) and is_correct(question, text),
        confidence=reply.confidence,
        answer=text,
    )


def holds_evidence(question: Question, path: str, text: str) -> bool:
    """Tell whether a stretch of the document at `path` holds evidence for the answer."""
    return any(e.doc == path and share(e.quote, text) >= EVIDENCE_SHARE for e in question.evidence)


def is_correct(question: Question, text: str) -> bool:
    """Tell whether an answer holds a gold string or the evidence itself."""
    folded = _folded(text)
    if any(re.search(rf"(?<!\w){re.escape(_folded(gold))}(?!\w)", folded) for gold in question.answers if gold.strip()):
        return True
    quotes = [evidence.quote for evidence in question.evidence]
    return any(share(quote, text) >= 0.5 or (len(text) > 25 and share(text, quote) >= 0.8) for quote in quotes)


def share(quote: str, text: str) -> float:
    """Return which share of `quote` stands in `text` as one block, white space and typography folded, 0..1."""
    wanted, given = _folded(quote), _folded(text)
    if not wanted or wanted in given:
        return float(bool(wanted))
    matcher = SequenceMatcher(None, wanted, given, autojunk=False)
    return matcher.find_longest_match(0, len(wanted), 0, len(given)).size / len(wanted)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).translate(_FOLD).replace("…", "...").split()).lower()


def _asked(
    index: Index, embedder: Embedder, query: BeirQuery, *, depth: int = CANDIDATES, read: bool = True
) -> tuple[Sequence[Hit], float]:
    """Return the passages found and the confidence.

    Some sets ask with whole paragraphs: what is beyond the longest question is left out. A question without a letter
    or digit finds nothing.
    """
    try:
        found = search(index, embedder, query.text.strip()[:MAX_QUESTION_CHARS], depth=depth, read=read)
    except BadQuestion:
        return (), 0.0
    return found.hits, confidence_of(found)


def _ranking(index: Index, embedder: Embedder, query: BeirQuery, hits: Sequence[Hit]) -> list[str]:
    """Return the documents of the passages found and, for recall@100, those that a deeper search adds."""
    deeper, _ = _asked(index, embedder, query, depth=_DEPTH, read=False)  # only the first ones would be read, again
    return _without_itself(dict.fromkeys((*_documents(hits), *_documents(deeper))), query)


def _without_itself(ranking: Iterable[str], query: BeirQuery) -> list[str]:
    """Leave out the document with the id of the query, as in the evaluation of BEIR: some sets ask with a document.

    If it is judged relevant it stays, for ids can be equal by chance.
    """
    return [name for name in ranking if name != query.id or name in query.relevant]


def _documents(hits: Iterable[Hit]) -> list[str]:
    """Return the documents of passages, each at the place of its best one."""
    return list(dict.fromkeys(hit.passage.document_id for hit in hits))
