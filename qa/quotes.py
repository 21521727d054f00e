"""Describe a span of a document so that it can be found again after the document was edited.

A quotation carries its place, the document's hash, its words and a little of what stands around it: the position and
quote selectors of the W3C Web Annotation model (https://www.w3.org/TR/annotation-model/, 4.2.4 and 4.2.5). White space
counts as one blank everywhere, so that a text may be wrapped anew. When it is not certain where the words are now,
nothing is returned: a mark on the wrong words is worse than none.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from urllib.parse import urlencode

from qa.documents import Document
from qa.errors import BadQuote
from qa.sentences import Span

WHOLE_CHARS = (
    300  # a longer quotation is carried as its beginning and a hash, so that a link stays within 1,000 characters
)
_OPENING_CHARS = 80
_CONTEXT_CHARS = (32, 64, 128, 256)  # the shortest that tells the copies of a repeated text apart is taken
_DISTINCT_CHARS = 40  # shorter words may turn up anywhere, so they need some of their context to be recognised:
_TELLING_CHARS = 6  # this much of it, on one side
_HASH_DIGITS = 16
_WHITE_SPACE = re.compile(r"\s+")
_WHITE_SPACE_RUN = re.compile(r"\s{2,}")
_MOST_PLACES = 300  # where words begin that are looked at: a log may hold the same opening in each of its lines


class State(StrEnum):
    """What became of a quoted span."""

    UNCHANGED = "unchanged"  # the document is the one that was quoted
    FOUND = "found"  # the document was edited, the words are still there
    GONE = "gone"  # they are not
    UNCLEAR = "unclear"  # they are there more than once, and nothing tells which was meant


@dataclass(frozen=True, slots=True)
class Quote:
    """A quoted span; all its texts have their white space collapsed."""

    start: int  # in code points of the text that was quoted
    end: int
    document: str  # the beginning of that text's SHA-256
    words: str  # the whole quotation or, when it is long, its beginning
    length: int  # of the whole quotation
    sha256: str  # the beginning of its SHA-256
    prefix: str
    suffix: str
    copies: int  # how many times the quotation stood in the document


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quotation is now; `span` is None unless it is certain."""

    state: State
    span: Span | None


def quote(document: Document, start: int, end: int) -> Quote:
    """Return the description of `document.text[start:end]`, which must hold more than white space."""
    text = document.text
    whole = _collapsed(text[start:end]).strip()
    words = whole if len(whole) <= WHOLE_CHARS else whole[:_OPENING_CHARS].rstrip()
    described = Quote(start, end, document.version, words, len(whole), _hash(whole), "", "", 1)
    spans = _occurrences(described, text)
    others = [span for span in spans or () if span[0] >= end or span[1] <= start]
    copies = _MOST_PLACES if spans is None else 1 + len(others)
    for size in _CONTEXT_CHARS:
        prefix, suffix = _before(text, start, size), _after(text, end, size)
        repeated = any(_before(text, s, size) == prefix or _after(text, e, size) == suffix for s, e in others)
        if not repeated:
            break
    return Quote(start, end, described.document, words, len(whole), described.sha256, prefix, suffix, copies)


def find(wanted: Quote, document: Document) -> Place:
    """Return where the quotation stands in the document as it is now."""
    text = document.text
    if document.sha256.startswith(wanted.document):
        here = text[wanted.start : wanted.end]
        if _hash(_collapsed(here).strip()) == wanted.sha256:
            return Place(State.UNCHANGED, (wanted.start, wanted.end))
    spans = _occurrences(wanted, text)
    if not spans:
        return Place(State.UNCLEAR if spans is None else State.GONE, None)
    kept = [_context_kept(wanted, text, span) for span in spans]
    number = _the_one_among_copies(wanted, kept) if wanted.copies > 1 else _the_best(wanted, spans, kept)
    return Place(State.UNCLEAR, None) if number is None else Place(State.FOUND, spans[number])


def to_parameters(described: Quote) -> dict[str, str]:
    """Return a quotation as the parameters of an address; `from_parameters` reads them."""
    parameters = {
        "at": f"{described.start}-{described.end}",
        "doc": described.document,
        "quote": described.words,
        "before": described.prefix,
        "after": described.suffix,
    }
    if described.length != len(described.words):
        parameters |= {"length": str(described.length), "hash": described.sha256}
    if described.copies > 1:
        parameters["copies"] = str(described.copies)
    return parameters


def from_parameters(parameters: Mapping[str, str]) -> Quote:
    """Return the quotation that an address carries.

    Raises:
        BadQuote: a parameter is missing or cannot be read.
    """
    start, end = read_range(parameters.get("at", ""))
    words = _collapsed(parameters.get("quote", "")).strip()
    length = _number(parameters.get("length", str(len(words))), "length")
    if not words:
        raise BadQuote("the link quotes no words: `quote` is missing")
    if length != len(words) and (length <= WHOLE_CHARS or len(words) < _OPENING_CHARS - 1):
        raise BadQuote(f"`quote` has {len(words)} characters, which are no beginning of a quotation of {length}")
    return Quote(
        start=start,
        end=end,
        document=parameters.get("doc", "") or "unknown",
        words=words,
        length=length,
        sha256=parameters.get("hash", _hash(words)),
        prefix=parameters.get("before", "")[-_CONTEXT_CHARS[-1] :],
        suffix=parameters.get("after", "")[: _CONTEXT_CHARS[-1]],
        copies=_number(parameters.get("copies", "1"), "copies"),
    )


def read_range(text: str) -> Span:
    """Return the two numbers of "START-END".

    Raises:
        BadQuote: it is something else, or empty.
    """
    match = re.fullmatch(r"([0-9]{1,12})-([0-9]{1,12})", text)
    if match is None or int(match.group(1)) >= int(match.group(2)):
        raise BadQuote(f"{text!r} is no range of characters; write it as START-END, e.g. 120-480")
    return int(match.group(1)), int(match.group(2))


def read_place(text: str) -> tuple[str, int, int]:
    """Return the parts of "DOCUMENT:START-END".

    Raises:
        BadQuote: it is something else.
    """
    document_id, colon, span = text.rpartition(":")
    if not colon or not document_id:
        raise BadQuote(f"{text!r} names no place; write it as DOCUMENT:START-END, e.g. guide-1a2b3c4d:120-480")
    return document_id, *read_range(span)


def lasting_link(document: Document, start: int, end: int) -> str:
    """Return the address of a span that survives edits of the document, without the host."""
    return f"/documents/{document.id}?{urlencode(to_parameters(quote(document, start, end)))}#at"


def short_link(document: Document, start: int, end: int) -> str:
    """Return the address of a span by its place alone, without the host; nothing is marked once the text was edited."""
    return f"/documents/{document.id}?at={start}-{end}&doc={document.version}#at"


def to_annotation_target(document: Document, start: int, end: int) -> dict[str, object]:
    """Return a span as the target of a W3C Web Annotation, with the whole quotation."""
    described = quote(document, start, end)
    return {
        "source": f"/documents/{document.id}",
        "selector": [
            {
                "type": "TextQuoteSelector",
                "exact": document.text[start:end],
                "prefix": described.prefix,
                "suffix": described.suffix,
            },
            {"type": "TextPositionSelector", "start": start, "end": end},
        ],
        "state": {"type": "urn:sha256", "value": document.sha256},
    }


def _occurrences(wanted: Quote, text: str) -> list[Span] | None:
    """Return the places where the whole quotation stands, not as a part of longer words; None if too many may be it."""
    first, *rest = map(re.escape, wanted.words.split())
    # Looked back for behind the first word, so that the search can skip to it.
    opening = rf"(?<!\w{first})" if wanted.words[0].isalnum() and not wanted.prefix[-1:].isalnum() else ""
    found = []
    for number, match in enumerate(re.finditer(r"\s+".join([first + opening, *rest]), text)):
        if number == _MOST_PLACES:
            return None
        end = match.end() if wanted.length == len(wanted.words) else _end_after(text, match.start(), wanted.length)
        whole = _collapsed(text[match.start() : end]).strip()
        cuts_word = text[end - 1 : end].isalnum() and text[end : end + 1].isalnum() and not wanted.suffix[:1].isalnum()
        if len(whole) == wanted.length and _hash(whole) == wanted.sha256 and not cuts_word:
            found.append((match.start(), end))
    return found


def _end_after(text: str, start: int, length: int) -> int:
    """Return where a text that begins at `start` has `length` characters with white space collapsed."""
    end = start + length
    # Looked for only as far as needed, since what follows may be long; a run that is found there counts whole.
    while found := _WHITE_SPACE_RUN.search(text, start, end + 1):
        run = _WHITE_SPACE.match(text, found.start())
        assert run
        start = run.end()
        end += len(run.group()) - 1
    return min(end, len(text))


def _the_best(wanted: Quote, spans: Sequence[Span], kept: Sequence[tuple[int, int]]) -> int | None:
    """Return the place of words that stood once in the document: where most of their context is, then the nearest.

    If they stand there several times now, they were doubled.
    """
    best = max(range(len(spans)), key=lambda number: (sum(kept[number]), -abs(spans[number][0] - wanted.start)))
    is_distinct = wanted.length >= _DISTINCT_CHARS and len(spans) == 1
    return best if is_distinct or max(kept[best]) >= _TELLING_CHARS else None


def _the_one_among_copies(wanted: Quote, kept: Sequence[tuple[int, int]]) -> int | None:
    """Return the place of words that stood several times: the only one with its whole context.

    One side is enough as long as all copies are there. When some are gone, the one that is left may be another.
    """
    sides = [(before == len(wanted.prefix)) + (after == len(wanted.suffix)) for before, after in kept]
    needed = 1 if len(kept) == wanted.copies else 2
    return sides.index(max(sides)) if max(sides) >= needed and sides.count(max(sides)) == 1 else None


def _context_kept(wanted: Quote, text: str, span: Span) -> tuple[int, int]:
    """Return how many characters before and after a span are the ones that stood next to the quotation."""
    before = _before(text, span[0], len(wanted.prefix))
    after = _after(text, span[1], len(wanted.suffix))
    return _shared_opening(before[::-1], wanted.prefix[::-1]), _shared_opening(after, wanted.suffix)


def _shared_opening(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _before(text: str, at: int, size: int) -> str:
    # Twice the size is enough unless most of it is white space, and then a shorter context is compared.
    return _collapsed(text[max(0, at - 2 * size) : at])[-size:] if size else ""


def _after(text: str, at: int, size: int) -> str:
    return _collapsed(text[at : at + 2 * size])[:size]


def _collapsed(text: str) -> str:
    return _WHITE_SPACE.sub(" ", text)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]


def _number(text: str, name: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise BadQuote(f"`{name}` is {text!r}; it must be a whole number")
    return int(text)
