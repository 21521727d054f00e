"""Find sentences. The splitting is sentencex's; this module keeps its offsets exact and its pieces useful."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import chain

import sentencex

Span = tuple[int, int]  # start and end in code points of the document's text
_STRETCH_CHARS = 10_000  # sentencex takes quadratic time on some texts: longer paragraphs are given to it in parts
_QUOTE = r"[\"”’»]+(?=\s|$)"
_SOURCE = r"\([^()]{1,200}(?<![.!?])\)\.?(?=\s|$)"
_CLOSING = re.compile(
    rf"(?:{_QUOTE}\s*)?{_SOURCE}|{_QUOTE}"
)  # at the start of a sentence: belongs to the one before it
# Marks of footnotes behind a full stop, such as [^1], [citation needed] or [3]:45.
_FOOTNOTES = re.compile(r"([.!?。！？।۔؟։])([\"'”’»)]{0,2})((?:\[[^\[\]\n]{1,30}\](?::\d+(?:[–-]\d+)?)?|[⁰¹²³⁴-⁹†‡])+)")
_LABEL = re.compile(r"\b(?:approx|avg|chap|ch|ep|eq|est|para|tel|vol)s?\.$", re.I)  # that sentencex does not know
_LABEL_CHARS = len("approxs.")
_LABEL_NUMBER = re.compile(r"\d|[IVXLC]+\b")
_QUOTATION_OR_MARK = re.compile(r'(?<!\d)"[^"]*"|(?<=[\d\s])"')  # a mark alone is one of inches, or never closed
# After everyday words that sentencex takes for abbreviations ("He left in May. Ann came."), but not before a number.
_FULL_STOP = re.compile(r"\.(?=\s+(?![IVXLC]{2,}\b)[A-Z])(?:(?<=\b[Mm]ay\.)|(?<=\b[Nn]o\.))")


def sentence_spans(text: str, start: int, end: int, language: str, max_chars: int) -> list[Span]:
    """Return the sentences of `text[start:end]`, trimmed of white space, in order.

    A line break inside the stretch is no boundary (the stretch is one paragraph or list item). A piece joins the
    sentence before it when it goes on with it or has no letters or digits, and so does what closes it: a quotation
    mark, or a source in brackets. A sentence of over `max_chars` is cut at a word.
    """
    spans: list[Span] = []
    before = (start, start)
    for piece in _boundaries(text, start, end, language.split("-")[0].lower() or "en"):
        opening = _CLOSING.match(text, *piece) if spans else None
        if opening:
            spans[-1] = (spans[-1][0], opening.end())
        span = trimmed(text, opening.end(), piece[1]) if opening else piece
        if span[0] == span[1]:
            continue
        if spans and (_goes_on(text, before, span) or not any(ch.isalnum() for ch in text[span[0] : span[1]])):
            spans[-1] = (spans[-1][0], span[1])
        else:
            spans.append(span)
        before = span
    return [piece for span in spans for piece in _cut(text, span, max_chars)]


def _goes_on(text: str, before: Span, span: Span) -> bool:
    """Tell whether a piece goes on with the one before it: after "Vol.", or with a small letter ("on E! as part")."""
    if _LABEL_NUMBER.match(text, *span) and _LABEL.search(text, max(before[0], before[1] - _LABEL_CHARS), before[1]):
        return True
    # Two letters, for "iPhone" begins a sentence; and some people write everything small.
    begins = text[span[0] : span[0] + 2]
    return begins[0].islower() and begins.islower() and not text[before[0]].islower()


def _boundaries(text: str, start: int, end: int, language: str) -> Iterator[Span]:
    """Yield the sentences that sentencex finds, trimmed; a part ends where its last sentence begins."""
    while start < end:
        stop = end if end - start <= _STRETCH_CHARS else _last_break(text, start, start + _STRETCH_CHARS)
        part = text[start:stop]
        found = sentencex.get_sentence_boundaries(language, _plainer(part))
        if stop < end and len(found) > 1:
            found = found[:-1]
        for boundary in found:
            span = trimmed(text, start + boundary["start_index"], start + boundary["end_index"])
            if span[0] < span[1]:
                yield span
        start += found[-1]["end_index"] if found else len(part)


def _plainer(text: str) -> str:
    """Return a text of the same length without what leads sentencex astray."""
    text = _QUOTATION_OR_MARK.sub(lambda match: match[0] if len(match[0]) > 1 else "″", text.replace("\n", " "))
    text = _FOOTNOTES.sub(lambda match: match[1] + match[2] + match[1] * len(match[3]), text)
    return _FULL_STOP.sub("!", text)


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
        at = _last_break(text, start, start + max_chars)
        pieces.append(trimmed(text, start, at))
        start, end = trimmed(text, at, end)
    return [*pieces, (start, end)]


def _last_break(text: str, start: int, limit: int) -> int:
    """Return the last place up to `limit` to cut the text at: white space, or else between two visible characters."""
    places = range(limit, start, -1)
    spaces = (at for at in places if text[at].isspace())
    return next(chain(spaces, (at for at in places if not _joins_previous(text, at))), limit)


def _joins_previous(text: str, at: int) -> bool:
    """Tell whether the character at `at` forms one visible character with the one before it: marks, joined emoji."""
    is_mark = unicodedata.category(text[at]).startswith("M") or "\U0001f3fb" <= text[at] <= "\U0001f3ff"
    return is_mark or text[at] == "\u200d" or text[at - 1] == "\u200d"
