"""What can be asked: suggestions while typing and the example questions of the empty page, from one generation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Literal
from weakref import WeakKeyDictionary

from qa.answer import Status
from qa.index import Index
from qa.service import Service
from qa.words import fold, stems
from web.render import headings_of

SUGGESTIONS = 7
EXAMPLES = 4
_SECTIONS_OF_DOCUMENTS = 2000  # reading them takes about a second, once; beyond, only questions are suggested
_EXAMPLES_TRIED = 20  # answering one takes some hundredths of a second
_EXAMPLE = re.compile(r"[A-Z][^\n]{18,68}\?")  # a whole, short question: no keywords, nothing that wraps on a phone


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A question to ask, or a section to go to."""

    kind: Literal["question", "section"]
    text: str
    document: str  # title
    href: str


_kept_sections: WeakKeyDictionary[Index, list[Suggestion]] = WeakKeyDictionary()


def suggest(index: Index, typed: str, limit: int = SUGGESTIONS) -> list[Suggestion]:
    """Return what begins with or holds all the words that were typed: questions first, then sections."""
    words = [fold(word) for word in typed.split()]
    if not words:
        return []
    questions = [(_fit(q.text, words), number) for number, q in enumerate(index.questions)]
    # Whole questions come before lists of keywords.
    best = sorted((not index.questions[number].text.endswith("?"), -fit, number) for fit, number in questions if fit)
    found = [_question(index, number) for *_, number in best]
    unique = {suggestion.text.casefold(): suggestion for suggestion in reversed(found)}
    kept = list(reversed(unique.values()))
    sections = list(islice(_sections(index, words), limit))
    room = max(limit - len(sections), limit - limit // 3)  # a third is left to sections when there are any
    return [*kept[:room], *sections][:limit]


def examples(service: Service) -> list[str]:
    """Return questions of the corpus that are answered with high confidence, from documents as different as can be."""
    index = service.index
    by_document: dict[str, list[str]] = {}
    for question in index.questions:
        if _EXAMPLE.fullmatch(question.text):
            by_document.setdefault(index.passages[question.passage].document_id, []).append(question.text)
    in_turn = [text for texts in zip_longest(*by_document.values()) for text in texts if text]
    answered = []
    for text in in_turn[:_EXAMPLES_TRIED]:
        reply = service.ask(text, k=3)
        if reply.status is Status.ANSWERED:
            answered.append((reply.confidence, text))
    chosen: list[str] = []
    for _, text in sorted(answered, reverse=True):
        if not any(_alike(text, other) for other in chosen):
            chosen.append(text)
    return chosen[:EXAMPLES]


def _alike(one: str, other: str) -> bool:
    """Tell whether two questions share most of the words of the shorter one."""
    words, others = set(stems(one)), set(stems(other))
    return 2 * len(words & others) > min(len(words), len(others))


def _question(index: Index, number: int) -> Suggestion:
    question = index.questions[number]
    document = index.documents[index.passages[question.passage].document_id]
    return Suggestion("question", question.text, document.title, "")


def _sections(index: Index, words: list[str]) -> Iterator[Suggestion]:
    return (section for section in _all_sections(index) if _fit(section.text, words))


def _all_sections(index: Index) -> list[Suggestion]:
    """Return the sections of all documents; none, where there are too many to read them all."""
    if index not in _kept_sections:
        documents = index.documents.values() if len(index.documents) <= _SECTIONS_OF_DOCUMENTS else ()
        _kept_sections[index] = [
            Suggestion("section", heading.text, one.title, f"/documents/{one.id}?section={heading.id}#{heading.id}")
            for one in documents
            for heading in headings_of(one)
        ]
    return _kept_sections[index]


def _fit(text: str, words: list[str]) -> int:
    """Return 0 unless every typed word begins a word of the text; more when the text begins with them."""
    folded = fold(text)
    if not all(re.search(rf"\b{re.escape(word)}", folded) for word in words):
        return 0
    return 2 if folded.startswith(words[0]) else 1
