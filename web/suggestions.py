"""What can be asked: suggestions while typing and the example questions of the empty page, from one generation."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import Literal
from weakref import WeakKeyDictionary

from qa.answer import Status
from qa.documents import Document
from qa.index import Index
from qa.search import allowed_rows
from qa.service import Service
from qa.words import fold, stems
from web.render import headings_of

SUGGESTIONS = 7
EXAMPLES = 4
_SECTIONS_OF_DOCUMENTS = 2000  # reading them takes about a second, once; beyond, only questions are suggested
_EXAMPLES_LOOKED_AT = 5000  # from all over the corpus; the passage of each is read, once a generation
_EXAMPLES_TRIED = 20  # at most; answering one takes some hundredths of a second
_SURE = 0.9  # confidence from which on no better example is looked for
_EXAMPLE = re.compile(r"[A-Z][^\n]{18,68}\?")  # a whole, short question: no keywords, nothing that wraps on a phone


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A question to ask, or a section to go to."""

    kind: Literal["question", "section"]
    text: str
    document: str  # title
    href: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What can be suggested from one generation, with its texts as they are compared with what is typed."""

    questions: list[str]  # folded, in the order of the index
    # By document, each with its text folded; none where there are too many documents to read.
    sections: dict[str, list[tuple[str, Suggestion]]]


_known: WeakKeyDictionary[Index, _Known] = WeakKeyDictionary()


def suggest(index: Index, typed: str, documents: Collection[str] | None = None) -> list[Suggestion]:
    """Return what begins with or holds all the words that were typed: questions first, then sections.

    Args:
        documents: ids of those whose questions and sections are suggested; None for all.
    Raises:
        NoSuchDocument: an id of `documents` is not in the index.
    """
    allowed = allowed_rows(index, documents)
    words = list(dict.fromkeys(map(fold, typed.split())))  # a word that repeats is looked for once
    if not words:
        return []
    known = _known_of(index)
    begins = [re.compile(rf"\b{re.escape(word)}") for word in words]
    fits = (
        (_fit(text, words[0], begins), number)
        for number, text in enumerate(known.questions)
        if allowed is None or allowed[index.questions[number].passage]
    )
    # Whole questions come before lists of keywords.
    best = sorted((not index.questions[number].text.endswith("?"), -fit, number) for fit, number in fits if fit)
    unique: dict[str, int] = {}
    for *_, number in best:
        unique.setdefault(index.questions[number].text.casefold(), number)
    kept = list(unique.values())
    asked = known.sections if documents is None else dict.fromkeys(documents)
    texts = chain.from_iterable(known.sections.get(document_id, ()) for document_id in asked)
    sections = list(islice((section for text, section in texts if _fit(text, words[0], begins)), SUGGESTIONS))
    room = SUGGESTIONS - min(len(sections), SUGGESTIONS // 3)  # a third is left to sections when there are any
    return [*(_question(index, number) for number in kept[:room]), *sections][:SUGGESTIONS]


def examples(service: Service) -> list[str]:
    """Return questions of the corpus that are answered with high confidence, from documents as different as can be."""
    index = service.index
    by_document: dict[str, list[str]] = {}
    for question in index.questions[:: len(index.questions) // _EXAMPLES_LOOKED_AT + 1]:
        if _EXAMPLE.fullmatch(question.text):
            by_document.setdefault(index.passages[question.passage].document_id, []).append(question.text)
    in_turn = [text for texts in zip_longest(*by_document.values()) for text in texts if text]
    sure: list[str] = []
    others: list[str] = []
    for text in in_turn[:_EXAMPLES_TRIED]:
        if len(sure) == EXAMPLES:
            break
        if not any(_alike(text, other) for other in (*sure, *others)):
            reply = service.ask(text, k=3)
            if reply.status is Status.ANSWERED:
                (sure if reply.confidence >= _SURE else others).append(text)
    return [*sure, *others][:EXAMPLES]


def _alike(one: str, other: str) -> bool:
    """Tell whether two questions share most of the words of the shorter one."""
    words, others = set(stems(one)), set(stems(other))
    return 2 * len(words & others) > min(len(words), len(others))


def _question(index: Index, number: int) -> Suggestion:
    question = index.questions[number]
    document = index.documents[index.passages[question.passage].document_id]
    return Suggestion("question", question.text, document.title, "")


def _known_of(index: Index) -> _Known:
    if index not in _known:
        documents = index.documents.values() if len(index.documents) <= _SECTIONS_OF_DOCUMENTS else ()
        _known[index] = _Known(
            questions=[fold(question.text) for question in index.questions],
            sections={document.id: _sections_of(document) for document in documents},
        )
    return _known[index]


def _sections_of(document: Document) -> list[tuple[str, Suggestion]]:
    address = f"/documents/{document.id}?section="
    return [
        (fold(found.text), Suggestion("section", found.text, document.title, f"{address}{found.id}#{found.id}"))
        for found in headings_of(document)
    ]


def _fit(text: str, first: str, begins: list[re.Pattern[str]]) -> int:
    """Return 0 unless every typed word begins a word of the text; more when the text begins with the first one."""
    if not all(begin.search(text) for begin in begins):
        return 0
    return 2 if text.startswith(first) else 1
