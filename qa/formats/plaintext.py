"""Plain text that has lost its markup: wiki headings, title lines and lists are recognised by their look.

The text is the file itself; nothing is added or taken away, blocks only point into it.
"""

import re
from itertools import pairwise
from statistics import quantiles
from typing import NamedTuple

from qa.formats import MARK, Block, Parsed

_WIKI_HEADING = re.compile(r"^(={1,6})\s*([^=\s].*?)\s*\1$")
_BRACKET_HEADING = re.compile(r"^(\S.{0,120}?)\s*\[(?:edit|edit source|)\]$", re.I)
_UNDERLINE = re.compile(r"^([=\-~^*#])\1{2,}$")
_NO_TITLE = re.compile(r"©|\(c\)|copyright\b.*\d|://", re.I)  # a notice or an address
_CELLS = re.compile(r"(?:[\d.]+\)?\s{1,4}(?=\S))?+\S.*?(?:\s{3,}|\t)\S")  # behind a number there may be a gap
_UNDERLINES = frozenset("=-~^*#")
_ITEM = re.compile(rf"^(\s*)(?:{MARK}|[-*+]|\d{{1,3}}[.)]|\[\d{{1,3}}\])\s{{1,8}}(?=\S)")
_BRACKETS = ("(", "[")  # a margin may break a sentence above them
_NUMBERED = re.compile(r"\d{1,3}\. {1,4}(?=\S)")  # a list item, or the title of a section
_COMPLETE = re.compile(r"[.;:,?!)\]]$|\b(?:and|or)$")  # a line below which an item may begin
_NUMBER = re.compile(r"\d{1,3}")  # of a list item
_SECTION_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,3}){0,3}(?=\.?\s)")
_PART = re.compile(
    r"(?:act|appendix|article|book|chapter|part|scene|section)\s+(?:[ivxlc]+|\d{1,3}|[a-z]|one|two|three|four|five|six|"
    r"seven|eight|nine|ten|eleven|twelve)\.?$",
    re.I,
)
_SAID = re.compile(r"""["“„«‘'].*[?!]["”“»’']$|[^\W\d_a-z][^:\da-z]{3,40}:\s.*\?$""")  # "“Who?”" or "ANN SMITH: Who?"
_LEADER = re.compile(r"(?:\s?[.…·]){4,}\s*\d{1,4}$")  # of a line of contents: the dots up to its page
_LETTER = re.compile(r"[^\W_]")
_GAP = re.compile(r" {2,}(?=\S)|\|(?=.)")  # in front of the cell of a table
_LABEL = re.compile(r"\s*[^\s:][^:\t]{0,40}(?::\s|\t)\s*\S")
_BEFORE_TEXT = "> \t|"  # marks of a quoted mail
_HEADING_CHARS = 200  # a longer line is no heading, whatever marks it carries
_TITLE_CHARS = 80  # a longer line is text, not a title
_TITLE_WORDS = 14
_ENDS = frozenset('.!?:”"。！？؟।۔')  # of a paragraph
_CENTRED = 16  # a line so many columns deeper than the text below it is centred
_INDENT = 3  # text so many columns deeper than a line in capitals right above it is headed by it
_WRAP_CHARS = 100  # text may be hard-wrapped when nearly all of its lines are shorter
_MIN_MARGIN = 40  # nobody wraps text to less
_RAGGED = 0.75  # text that goes on in small letters was wrapped even if this share of the margin had been enough
_TABLE_LINES = 3  # so many that keep a column are a table
_LIST_LINES = 5  # so many lines that all begin with a capital or digit are entries, verse or a log


class _Line(NamedTuple):  # there may be very many
    start: int
    end: int  # without white space
    text: str

    @property
    def first(self) -> int:
        return self.start + len(self.text) - len(self.text.lstrip())

    @property
    def indent(self) -> int:
        return len(self.text[: self.first - self.start].expandtabs())


def parse(source: str) -> Parsed:
    """Return text and blocks of plain `source` (line ends are LF)."""
    lines = _lines(source)
    marked = [_explicit_heading(lines, i) for i in range(len(lines))]
    explicit = any(marked)
    short = _has_short_lines(lines)
    blocks: list[Block] = []
    i = 0
    while i < len(lines):
        line, found, above = lines[i], marked[i], blocks[-1] if blocks else None
        if not line.text.strip():
            i += 1
        elif found:
            block, used = found
            blocks.append(block)
            i += used
        elif (above is None or not explicit) and _is_heading(
            lines, marked, i, short, opening=above is None, in_list=_counts_on(source, above, line)
        ):
            blocks.append(Block("heading", line.first, line.end, line.first, _level(line, above)))
            i += 1
        else:
            run = lines[i : _end_of_run(lines, marked, i)] if short else [line]
            if _is_table(run):
                blocks.append(Block("code", line.start, run[-1].end, line.start))
            else:
                blocks += [_text_block(part[0], part[-1].end) for part in _unwrapped(run)]
            i += len(run)
    return Parsed(source, tuple(blocks))


def _lines(source: str) -> list[_Line]:
    lines, start = [], 0
    for text in source.split("\n"):
        lines.append(_Line(start, start + len(text.rstrip()), text))
        start += len(text) + 1
    return lines


def _has_short_lines(lines: list[_Line]) -> bool:
    """Tell whether line breaks may come from an editor's margin, so that a paragraph may be several lines."""
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
    # Looked at by their first or last character before by a pattern: nearly every line is none.
    if text[0] == "=" and (match := _WIKI_HEADING.match(text)):
        start, end = line.first + match.start(2), line.first + match.end(2)
        return Block("heading", start, end, start, len(match.group(1))), 1
    if text[-1] == "]" and (match := _BRACKET_HEADING.match(text)):
        start, end = line.first + match.start(1), line.first + match.end(1)
        return Block("heading", start, end, start, 2), 1
    below = lines[i + 1].text.strip() if i + 1 < len(lines) else ""
    if len(text) > _TITLE_CHARS or not _is_rule(below) or not _LETTER.search(text):
        return None
    is_long = len(below) >= _MIN_MARGIN and _is_blank(lines, i + 2) and _begins(lines, i) and _looks_like_title(text)
    if abs(len(below) - len(text)) <= 2 or is_long:
        return Block("heading", line.first, line.end, line.first, 1 if below[0] == "=" else 2), 2
    return None


def _looks_like_title(text: str) -> bool:
    """Tell whether a line is short and neither a sentence nor a notice nor cells of a table."""
    if len(text) > _TITLE_CHARS or len(text.split()) > _TITLE_WORDS or _NO_TITLE.search(text) or _CELLS.match(text):
        return False
    if _SAID.match(text):  # what somebody says
        return False
    opening = text.lstrip("\"'“‘(¿¡")[:1]
    ending = text.rstrip("\"'”’»)")[-1:]
    # In scripts without capitals any letter may begin a title.
    return opening.isalnum() and not opening.islower() and ending not in ("", *"].!:;,…。！؛،।۔")


def _is_heading(
    lines: list[_Line], marked: list[tuple[Block, int] | None], i: int, short: bool, *, opening: bool, in_list: bool
) -> bool:
    """Tell whether line `i`, which no mark makes a heading, is one.

    Args:
        opening: whether it is the first line with text.
        in_list: whether its number is the next one of the list above it.
    """
    text, below = lines[i].text.strip(), _next_text(lines, i)
    if below is None or not _may_be_title(lines, i, short):
        return False
    alone = _stands_alone(lines, i)
    is_numbered = _NUMBERED.match(text) is not None
    if is_numbered and (in_list or not alone or _ITEM.match(lines[below].text)):
        return False
    if marked[below]:
        return opening and alone
    if alone and opening and not _SECTION_NUMBER.match(text) and _is_below_title(lines, below):
        return True
    # "CHAPTER II" may stand above the chapter's name.
    is_part = (is_numbered or bool(_PART.match(text))) and _may_be_title(lines, below, short)
    return _heads_text(lines, marked, i, short) or (is_part and _heads_text(lines, marked, below, short))


def _is_below_title(lines: list[_Line], i: int) -> bool:
    """Tell whether line `i` may follow the title of the file: one line, facts, or a chapter, but no address."""
    line = lines[i]
    text = line.text.strip()
    return text[0].isalnum() and (_stands_alone(lines, i) or _has_label(line) or _PART.match(text) is not None)


def _may_be_title(lines: list[_Line], i: int, short: bool) -> bool:
    """Tell whether line `i` looks like a title and begins something."""
    text = lines[i].text.strip()
    if short and not _begins(lines, i):
        return False
    if not short and ": " in text and not _is_blank(lines, i - 1):  # one of several such as "Length: 300 m"
        return False
    if _PART.match(text):
        return True
    if match := _NUMBERED.match(text):
        return _looks_like_title(text[match.end() :])
    return not _ITEM.match(text) and _looks_like_title(text)


def _heads_text(lines: list[_Line], marked: list[tuple[Block, int] | None], i: int, short: bool) -> bool:
    """Tell whether line `i` stands above text of its own."""
    line, first = lines[i], _next_text(lines, i)
    if first is None:
        return False
    below = [lines[first]]
    if short:
        deeper = below[0].indent - line.indent
        if first == i + 1:  # as in manual pages
            return line.text.isupper() and not line.indent and deeper >= _INDENT
        # What stands deeper than the text below it is an example, unless it is centred or below a rule.
        if -_CENTRED < deeper < 0 and not _is_below_rule(lines, i):
            return False
        run = lines[first : _end_of_run(lines, marked, first)]
        if _is_table(run):
            return True
        below = _unwrapped(run)[0]
    is_long = below[-1].end - below[0].first > _TITLE_CHARS
    # Above "(a)" a sentence may begin that goes on in each of the items.
    is_list = _ITEM.match(below[0].text) is not None and not below[0].text.lstrip().startswith("(")
    return is_long or below[-1].text.rstrip()[-1:] in _ENDS or is_list


def _level(line: _Line, above: Block | None) -> int:
    """Return the level of a heading that no mark gives one: by the dots in its number, or by what it stands below."""
    text = line.text.strip()
    number = _SECTION_NUMBER.match(text)
    if above is None and not _NUMBERED.match(text):
        return 1
    if number:
        return 2 + number[0].count(".")
    return 3 if above is not None and above.kind == "heading" and above.level == 2 else 2


def _next_text(lines: list[_Line], i: int) -> int | None:
    """Return the next line below line `i` with text."""
    return next((k for k in range(i + 1, len(lines)) if lines[k].text.strip()), None)


def _stands_alone(lines: list[_Line], i: int) -> bool:
    return _is_blank(lines, i - 1) and _is_blank(lines, i + 1)


def _is_blank(lines: list[_Line], i: int) -> bool:
    return not (0 <= i < len(lines) and lines[i].text.strip())


def _begins(lines: list[_Line], i: int) -> bool:
    """Tell whether line `i` stands below a blank line, a rule or the number of its chapter, or is the first one."""
    if _is_blank(lines, i - 1):
        return True
    above = lines[i - 1].text.strip()
    return _is_rule(above) or (_is_blank(lines, i - 2) and _PART.match(above) is not None)


def _is_below_rule(lines: list[_Line], i: int) -> bool:
    """Tell whether the last line with text above line `i` is a rule."""
    above = (lines[k].text.strip() for k in range(i - 1, -1, -1))
    return _is_rule(next(filter(None, above), ""))


def _is_rule(text: str) -> bool:
    return text[:1] in _UNDERLINES and bool(_UNDERLINE.match(text))


def _end_of_run(lines: list[_Line], marked: list[tuple[Block, int] | None], i: int) -> int:
    """Return where the lines end that stand with line `i` in a paragraph or list item, exclusive."""
    end = i + 1
    while end < len(lines):
        if _is_blank(lines, end) or _begins_item(lines, end) or marked[end]:
            break
        end += 1
    return end


def _begins_item(lines: list[_Line], i: int) -> bool:
    """Tell whether line `i` begins a list item; a number in brackets does so only where the line above is complete."""
    line = lines[i].text
    if not _ITEM.match(line):
        return False
    return not line.lstrip().startswith(_BRACKETS) or bool(_COMPLETE.search(lines[i - 1].text.rstrip()))


def _unwrapped(run: list[_Line]) -> list[list[_Line]]:
    """Part lines that follow each other into paragraphs, so that each line break within one is only a margin's.

    At such a break the next word did not fit any more. Where that holds of few breaks, or every line begins as an entry
    does, there is no margin: by chance alone the next word does not fit behind the longest lines of a list.
    """
    margin = min(_WRAP_CHARS, max(_MIN_MARGIN, *(line.end - line.start for line in run)))
    breaks = list(pairwise(run))
    ragged = [_is_wrap(above, line, margin * _RAGGED) for above, line in breaks]
    strict = [loose and _is_wrap(*pair, margin) for loose, pair in zip(ragged, breaks, strict=True)]
    likely = sum(wrap or (loose and _goes_on(line)) for wrap, loose, line in zip(strict, ragged, run[1:], strict=True))
    labels = sum(map(_has_label, run))
    is_list = labels >= max(2, len(run) - 1) or (len(run) >= _LIST_LINES and all(map(_begins_entry, run[1:])))
    if is_list or 2 * likely < len(breaks):
        wraps = [wrap and _goes_on(line) and not _has_label(line) for wrap, line in zip(strict, run[1:], strict=True)]
    else:
        wraps = ragged
    is_item = bool(_ITEM.match(run[0].text))
    parts = [[run[0]]]
    for line, wrap in zip(run[1:], wraps, strict=True):
        above = parts[-1][-1].text
        if above[-1:].isdigit() and _LEADER.search(above):
            parts.append([line])
        elif wrap or (is_item and line.first - line.start > run[0].first - run[0].start):  # it hangs below the item
            parts[-1].append(line)
        else:
            parts.append([line])
    return parts


def _is_table(run: list[_Line]) -> bool:
    """Tell whether several lines keep a column, and are not facts such as "Length:   300 m", each for itself."""
    if _ITEM.match(run[0].text):
        return False
    texts: list[str] = []
    columns: set[int] = set()
    for line in run:
        if not _LETTER.search(line.text):  # a rule
            continue
        text = line.text.expandtabs()
        gaps = {gap.end() for gap in _GAP.finditer(text)}
        columns = columns & gaps if texts else gaps
        if not columns:
            return False
        texts.append(text)
    if len(texts) < _TABLE_LINES:
        return False
    before = [text[: max(columns)].rstrip() for text in texts[1:]]  # the first line may only name the columns
    return all(_LETTER.search(text) and not text.endswith(":") for text in before)


def _is_wrap(above: _Line, line: _Line, margin: float) -> bool:
    """Tell whether the first word of a line did not fit on the one above."""
    room = margin - (above.end - above.start + 1)
    return len(line.text) > room and len(_first_word(line)) > room and bool(_first_letter(line))


def _goes_on(line: _Line) -> bool:
    """Tell whether a line begins as the middle of a sentence does."""
    return _first_letter(line).islower()


def _has_label(line: _Line) -> bool:
    """Tell whether a line is like "Length: 300 m", or begins a row of cells."""
    return _LABEL.match(line.text) is not None


def _begins_entry(line: _Line) -> bool:
    """Tell whether a line begins with a capital or digit, and is not in capitals as a whole."""
    first = _first_letter(line)
    return first.isdigit() or (first.isupper() and not line.text.isupper())


def _first_word(line: _Line) -> str:
    return next(iter(line.text.lstrip(_BEFORE_TEXT).split(None, 1)), "")


def _first_letter(line: _Line) -> str:
    match = _LETTER.search(line.text)
    return match[0] if match else ""


def _counts_on(source: str, above: Block | None, line: _Line) -> bool:
    """Tell whether a line has the next number behind that of the list item above it."""
    if above is None or above.kind != "item":
        return False
    number, following = _NUMBER.match(source, above.start), _NUMBER.match(source, line.first)
    return number is not None and following is not None and int(following[0]) == int(number[0]) + 1


def _text_block(line: _Line, end: int) -> Block:
    """Return the paragraph or list item that begins with `line`."""
    match, first = _ITEM.match(line.text), line.first
    if not match:
        return Block("paragraph", first, end, first)
    depth = len(match.group(1).expandtabs(4)) // 4
    return Block("item", first, end, line.start + match.end(), depth)
