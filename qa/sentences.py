"""Find sentences. The splitting is sentencex's; this module keeps its offsets exact and its pieces useful."""

import re
import unicodedata
from collections.abc import Iterator

import sentencex

Span = tuple[int, int]  # start and end in code points of the document's text
_STRETCH_CHARS = 10_000  # sentencex takes quadratic time on some texts: longer paragraphs are given to it in parts
_STRAY_QUOTE = re.compile(r"[\"”’»]+(?=\s|$)")  # at the start of a sentence: closes the quotation before it


def sentence_spans(text: str, start: int, end: int, language: str, max_chars: int) -> list[Span]:
    """Return the sentences of `text[start:end]`, trimmed of white space, in order.

    A line break inside the stretch is no boundary (the stretch is one paragraph or list item), a piece without letters
    or digits and a quotation mark that closes the sentence before it join that sentence, and a sentence of over
    `max_chars` is cut at a word.
    """
    spans: list[Span] = []
    for span in _boundaries(text, start, end, language.split("-")[0].lower() or "en"):
        opening = _STRAY_QUOTE.match(text, *span) if spans else None
        if spans and opening:
            spans[-1] = (spans[-1][0], opening.end())
            span = trimmed(text, opening.end(), span[1])
        if span[0] == span[1]:
            continue
        if spans and not any(ch.isalnum() for ch in text[span[0] : span[1]]):
            spans[-1] = (spans[-1][0], span[1])
        else:
            spans.append(span)
    return [piece for span in spans for piece in _cut(text, span, max_chars)]


def _boundaries(text: str, start: int, end: int, language: str) -> Iterator[Span]:
    """Yield the sentences that sentencex finds, trimmed; a part ends where its last sentence begins."""
    while start < end:
        part = text[start : min(end, start + _STRETCH_CHARS)].replace("\n", " ")
        found = sentencex.get_sentence_boundaries(language, part)
        if start + len(part) < end and len(found) > 1:
            found = found[:-1]
        for boundary in found:
            span = trimmed(text, start + boundary["start_index"], start + boundary["end_index"])
            if span[0] < span[1]:
                yield span
        start += found[-1]["end_index"] if found else len(part)


def trimmed(text: str, start: int, end: int) -> Span:
    """Return the span without white space at its ends; empty spans stay empty."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _cut(text: str, span: Span, max_chars: int) -> list[Span]:
    """Cut a span into pieces of at most `max_chars`, at white space where there is any."""
    start, end = span
    pieces = []
    while end - start > max_chars:
        at = max((i for i in range(start + max_chars, start, -1) if text[i].isspace()), default=start)
        if at == start:
            at = start + max_chars
            while at > start and _joins_previous(text, at):
                at -= 1
            at = at if at > start else start + max_chars
        pieces.append(trimmed(text, start, at))
        start, end = trimmed(text, at, end)
    return [*pieces, (start, end)]


def _joins_previous(text: str, at: int) -> bool:
    """Tell whether the character at `at` forms one visible character with the one before it: marks, joined emoji."""
    is_mark = unicodedata.category(text[at]).startswith("M") or "\U0001f3fb" <= text[at] <= "\U0001f3ff"
    return is_mark or text[at] == "\u200d" or text[at - 1] == "\u200d"
