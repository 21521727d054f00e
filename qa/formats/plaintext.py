"""Plain text that has lost its markup: wiki headings, title lines and lists are recognised by their look.

The text is the file itself; nothing is added or taken away, blocks only point into it.
"""

import re
from dataclasses import dataclass
from statistics import quantiles

from qa.formats import Block, Parsed

_WIKI_HEADING = re.compile(r"^(={1,6})\s*([^=\s].*?)\s*\1$")
_BRACKET_HEADING = re.compile(r"^(\S.{0,120}?)\s*\[(?:edit|edit source|)\]$", re.I)
_UNDERLINE = re.compile(r"^([=\-~^*#])\1{2,}$")
_ITEM = re.compile(r"^(\s*)(?:[-•*+◦‣▪]|\d{1,3}[.)])\s{1,8}(?=\S)")
_HEADING_CHARS = 200  # a longer line is no heading, whatever marks it carries
_TITLE_CHARS = 80  # a longer line is text, not a title
_TITLE_WORDS = 14
_WRAP_CHARS = 100  # text is hard-wrapped when nearly all of its lines are shorter


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text.rstrip())

    @property
    def first(self) -> int:
        return self.start + len(self.text) - len(self.text.lstrip())


def parse(source: str) -> Parsed:
    """Return text and blocks of plain `source` (line ends are LF)."""
    lines = _lines(source)
    explicit = any(_explicit_heading(lines, i) for i in range(len(lines)))
    wrapped = _is_wrapped(lines)
    blocks: list[Block] = []
    i = 0
    while i < len(lines):
        line = lines[i]
        found = _explicit_heading(lines, i)
        if not line.text.strip():
            i += 1
        elif found:
            block, used = found
            blocks.append(block)
            i += used
        elif not explicit and _is_title_line(lines, i, wrapped):
            level = 2 if blocks else 1
            blocks.append(Block("heading", line.first, line.end, line.first, level))
            i += 1
        else:
            last = _last_line_of_block(lines, i) if wrapped else i
            blocks.append(_text_block(line, lines[last].end))
            i = last + 1
    return Parsed(source, tuple(blocks))


def _lines(source: str) -> list[_Line]:
    lines, start = [], 0
    for text in source.split("\n"):
        lines.append(_Line(start, text))
        start += len(text) + 1
    return lines


def _is_wrapped(lines: list[_Line]) -> bool:
    """Tell whether line breaks come from an editor's margin, so that a paragraph is a run of lines."""
    lengths = [len(line.text.rstrip()) for line in lines if line.text.strip()]
    if len(lengths) < 2 or max(lengths) > 3 * _WRAP_CHARS:
        return False
    return quantiles(lengths, n=20, method="inclusive")[18] <= _WRAP_CHARS


def _explicit_heading(lines: list[_Line], i: int) -> tuple[Block, int] | None:
    """Return the heading that line `i` marks as one, and how many lines it takes."""
    line = lines[i]
    text = line.text.strip()
    if not 0 < len(text) <= _HEADING_CHARS:
        return None
    if match := _WIKI_HEADING.match(text):
        start, end = line.first + match.start(2), line.first + match.end(2)
        return Block("heading", start, end, start, len(match.group(1))), 1
    if match := _BRACKET_HEADING.match(text):
        start, end = line.first + match.start(1), line.first + match.end(1)
        return Block("heading", start, end, start, 2), 1
    below = lines[i + 1].text.strip() if i + 1 < len(lines) else ""
    underlined = (
        abs(len(below) - len(text)) <= 2
        and len(text) <= _TITLE_CHARS
        and _UNDERLINE.match(below)
        and not _UNDERLINE.match(text)
    )
    if underlined:
        return Block("heading", line.first, line.end, line.first, 1 if below[0] == "=" else 2), 2
    return None


def _is_title_line(lines: list[_Line], i: int, wrapped: bool) -> bool:
    """Tell whether line `i` is short, not a sentence, and stands above text of its own."""
    text = lines[i].text.strip()
    if len(text) > _TITLE_CHARS or len(text.split()) > _TITLE_WORDS or _ITEM.match(lines[i].text):
        return False
    opening = text.lstrip("\"'“‘(¿¡")[:1]
    ending = text.rstrip("\"'”’»)")[-1:]
    if not (opening.isupper() or opening.isdigit()) or ending in ("", *".!:;,…"):
        return False
    if wrapped and ((i > 0 and lines[i - 1].text.strip()) or (i + 1 < len(lines) and lines[i + 1].text.strip())):
        return False
    below = next((lines[k].text for k in range(i + 1, len(lines)) if lines[k].text.strip()), "")
    stands_above_text = len(below.strip()) > _TITLE_CHARS or below.strip()[-1:] in (".", "!", "?", ":", "”", '"')
    return bool(below) and (stands_above_text or bool(_ITEM.match(below)))


def _last_line_of_block(lines: list[_Line], i: int) -> int:
    """Return the last line of the hard-wrapped paragraph or list item that begins at line `i`."""
    last = i
    while last + 1 < len(lines):
        following = lines[last + 1].text
        if not following.strip() or _ITEM.match(following) or _explicit_heading(lines, last + 1):
            break
        last += 1
    return last


def _text_block(line: _Line, end: int) -> Block:
    """Return the paragraph or list item that begins with `line`."""
    match = _ITEM.match(line.text)
    if not match:
        return Block("paragraph", line.first, end, line.first)
    depth = len(match.group(1).expandtabs(4)) // 4
    return Block("item", line.first, end, line.start + match.end(), depth)
