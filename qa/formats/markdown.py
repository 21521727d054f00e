"""Markdown (CommonMark, tables and ~~strikethrough~~), with optional YAML front matter.

The text is what a reader sees: markup, HTML tags and comments are gone, entities are decoded. Questions that a section
answers may stand in a comment anywhere in that section, or in the front matter for the opening section:

    <!-- questions:
    - Who shot first?
    -->
"""

import re
from collections.abc import Sequence
from html import escape
from itertools import zip_longest
from textwrap import shorten
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, paragraph, reference
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from qa.formats import Parsed, TextBuilder, html, leads_in

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$\n?", re.S | re.M)
_FRONT_MATTER_CHARS = 64 * 1024  # YAML is read at some 100,000 characters a second
_TAG = re.compile(r"<(/?)([a-z][a-z0-9-]*)", re.I)
_LONE_TAGS = ("br", "img")  # those without an end that show something
_LISTS = tuple(f"{kind}_list_{end}" for kind in ("bullet", "ordered") for end in ("open", "close"))
_QUESTIONS = re.compile(r"\s*questions?\s*:", re.I)
_BULLET = re.compile(r"(?:^|(?<=\?))[ \t]*(?:[-*+–•◦‣▪●·]|\d{1,3}[.)])\s", re.M)
_HOW_TO_ASK = "write each on a line of its own, such as: - Who built it?"
# By Pandoc's rule, so that prices are none: no space within the dollars, no digit behind them.
_FORMULA = re.compile(r"\$\$(?:[^$\\]|\\.){1,2000}\$\$|\$(?![\s$])(?:[^$\\]|\\.){1,500}(?<!\s)\$(?!\d)", re.S)
_FORMULA_LINES = 50
_MAX_NESTING = 100  # of blocks within blocks; for each of them the parser calls itself


def _reference(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a link definition, as CommonMark does, but leave footnotes ("[^1]: https://…") in the text."""
    is_footnote = state.src.startswith("[^", state.bMarks[start] + state.tShift[start])
    return not is_footnote and reference(state, start, end, silent)


def _formula(state: StateInline, silent: bool) -> bool:
    """Take a formula as it is written: "*", "_" and "<" are no markup in it, and no backslash is."""
    match = _FORMULA.match(state.src, state.pos)
    if match:
        if not silent:
            state.append_pending(match[0])
        state.pos = match.end()
    return match is not None


def _paragraph(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a paragraph, as CommonMark does, but up to the end of a formula: a line of it with "+ b" is no list item."""
    paragraph(state, start, end, silent)
    text = state.tokens[-2]
    before, opening, _ = text.content.rpartition("$$")
    if opening and before.count("$$") % 2 == 0 and not before.rpartition("\n")[2].strip():
        for line in range(state.line, min(end, state.line + _FORMULA_LINES)):
            if state.isEmpty(line) or state.sCount[line] < state.blkIndent:
                break
            if "$$" in state.src[state.bMarks[line] : state.eMarks[line]]:
                text.content = state.getLines(start, line + 1, state.blkIndent, False).strip()
                state.line = line + 1
                break
    return True


_MARKDOWN = MarkdownIt("commonmark", {"maxNesting": _MAX_NESTING}).enable(["table", "strikethrough"])
_MARKDOWN.block.ruler.at("reference", _reference)
_MARKDOWN.block.ruler.at("paragraph", _paragraph)
_MARKDOWN.inline.ruler.before("escape", "formula", _formula)


def parse(source: str) -> Parsed:
    """Return text, blocks, front matter and attached questions of Markdown `source` (line ends are LF)."""
    metadata, front_questions, notices, body = _split_front_matter(source)
    builder = TextBuilder()
    questions = [(0, question) for question in front_questions]
    page = ""  # HTML blocks that follow each other: a blank line parts them, even within a table
    lists: list[int | None] = []  # one entry for each open list: the next number, or None for bullets
    marker = ""  # waits for the first block of a list item
    heading = 0  # level of the open heading
    row: list[str] | None = None  # cells of the open table row
    tokens = _MARKDOWN.parse(body)
    if any(token.level >= _MAX_NESTING - 1 and token.type in ("blockquote_open", "list_item_open") for token in tokens):
        notices.append(f"some text is missing: it is nested more than {_MAX_NESTING} deep, or stands after such a list")

    def attach(source: str) -> None:
        found, unread = _questions_in(source)
        questions.extend((builder.length, question) for question in found)
        notices.extend(unread)

    shown = _without_contents(tokens)
    for token, following in zip_longest(shown, shown[1:]):
        match token.type:
            case "bullet_list_open":
                lists.append(None)
            case "ordered_list_open":
                lists.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
            case "list_item_open":
                number = lists[-1]
                marker = "- " if number is None else f"{number}. "
                if number is not None:
                    lists[-1] = number + 1
            case "heading_open":
                heading = int(token.tag[1:])
            case "heading_close":
                heading = 0
            case "tr_open":
                row = []
            case "tr_close":
                builder.add_row(row or [], header=following is not None and following.type == "thead_close")
                row = None
            case "fence" | "code_block":
                builder.add("code", token.content)
            case "html_block":
                attach(token.content)
                page += token.content
                if following is None or following.type != "html_block" or _question_lists(following.content):
                    notices += _add_html(builder, page)
                    page = ""
            case "inline":
                text = _inline_text(token.children or [])
                if row is not None:
                    row.append(text.replace("\n", " "))
                elif heading:
                    builder.add("heading", " ".join(text.split()), level=heading)
                elif lists:
                    builder.add("item", text, level=len(lists) - 1, marker=marker)
                    marker = ""
                else:
                    builder.add("paragraph", text)
                attach("".join(child.content for child in token.children or [] if child.type == "html_inline"))
    return builder.build(metadata, tuple(questions), tuple(notices))


def _without_contents(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens without tables of contents: lists of nothing but links within the document.

    Those that a sentence leads in are text.
    """
    kept: list[Token] = []
    depth = begin = 0
    for token in tokens:
        if token.type in _LISTS:
            begin = begin if depth else len(kept)
            depth += token.nesting
        kept.append(token)
        if token.type in _LISTS and not depth and all(map(_only_links, kept[begin:])):
            above = kept[begin - 2] if begin > 1 and kept[begin - 1].type == "paragraph_close" else None
            if above is None or not leads_in(above.content):
                del kept[begin:]
    return kept


def _only_links(token: Token) -> bool:
    """Tell whether a token of a list shows nothing but links within the document."""
    within = False
    for part in token.children or []:
        if part.type == "link_open":
            within = str(part.attrs["href"]).startswith("#")
        elif part.type == "link_close":
            within = False
        elif not within and (part.type in ("image", "html_inline") or part.content.strip()):
            return False
    return token.type == "inline" or token.nesting != 0


def _split_front_matter(source: str) -> tuple[dict[str, str], list[str], list[str], str]:
    """Return (plain values, attached questions, notices, the rest of the source)."""
    match = _FRONT_MATTER.match(source)
    if not match:
        return {}, [], [], source
    if len(match.group(1)) > _FRONT_MATTER_CHARS:
        return {}, [], [f"front matter not read: it is longer than {_FRONT_MATTER_CHARS:,} characters"], source
    body = source[match.end() :]
    try:
        # BaseLoader keeps every scalar the text that it is (no dates, no booleans) and builds no objects.
        values = yaml.load(match.group(1), Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:  # the last two: no such character
        reason = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it is nested too deeply")
        return {}, [], [f"front matter ignored: {reason}"], body
    if not values:
        return {}, [], [], body
    if not isinstance(values, dict):  # text between two horizontal rules
        return {}, [], [], source
    plain = {str(key): _one_line(value) for key, value in values.items() if isinstance(value, str)}
    return {key: value for key, value in plain.items() if value}, *_front_questions(values), body


def _front_questions(values: dict[Any, Any]) -> tuple[list[str], list[str]]:
    """Return the questions in the values of a front matter, and notices of what cannot be read as one."""
    questions: list[str] = []
    notices: list[str] = []
    unread = 0
    for value in (value for key, value in values.items() if _QUESTIONS.fullmatch(f"{key}:")):
        if isinstance(value, str):
            found, missed = _listed(value)
            questions += found
            notices += missed
            continue
        for item in value if isinstance(value, list) else [value]:
            match item:
                case str():
                    questions.append(_one_line(item))
                case dict() if all(isinstance(part, str) for pair in item.items() for part in pair):
                    # In YAML, "- What is DS9: the show?" is no text.
                    questions += [_one_line(f"{before}: {after}") for before, after in item.items()]
                case _:
                    unread += 1
    if unread:
        notices.append(
            f'{unread} of the attached questions not read; write each in quotation marks, such as: - "Who built it?"'
        )
    return [question for question in questions if question], notices


def _one_line(value: str) -> str:
    """Return a value on one line, without the halves of characters that YAML's escapes can write."""
    return " ".join(value.encode("utf-8", "replace").decode().split())


def _question_lists(source: str) -> list[str]:
    """Return what stands behind `questions:` in every such comment of some HTML."""
    comments = (rest.partition("-->") for rest in source.split("<!--")[1:])
    return [inside[match.end() :] for inside, end, _ in comments if end and (match := _QUESTIONS.match(inside))]


def _questions_in(source: str) -> tuple[list[str], list[str]]:
    """Return the questions of every `questions:` comment in some HTML, and notices of what cannot be read as one."""
    found = [_listed(text) for text in _question_lists(source)]
    return [q for questions, _ in found for q in questions], [n for _, notices in found for n in notices]


def _listed(text: str) -> tuple[list[str], list[str]]:
    """Return the questions of a list, and notices of what stands in it without a bullet.

    An item goes on until the next bullet. Lines without one are questions if they end as such, and so is a single line.
    """
    head, *items = _BULLET.split(text)
    lines = [line for line in map(str.strip, head.splitlines()) if line]
    if all(line.endswith("?") for line in lines) or (len(lines) == 1 and not items):
        items, lines = lines + items, []
    unread = shorten(" ".join(lines)[:1000], 60, placeholder=" …")
    notices = [f"attached questions not read: “{unread}”; {_HOW_TO_ASK}"] if lines else []
    return [question for question in map(_one_line, items) if question], notices


def _add_html(builder: TextBuilder, source: str) -> tuple[str, ...]:
    """Add what a reader sees of HTML blocks; return notices about them."""
    parsed = html.parse(f"<body>{source}", whole=True)
    for block in parsed.blocks:
        marker, text = parsed.text[block.start : block.content], parsed.text[block.content : block.end]
        builder.add(block.kind, text, level=block.level, marker=marker)
    return parsed.notices


def _inline_text(tokens: Sequence[Token]) -> str:
    """Return what a reader sees of inline tokens: link texts, image descriptions, no HTML tags, nothing struck out."""
    if any(token.type in ("html_inline", "s_open") for token in tokens):
        return html.parse(_inline_html(tokens), whole=True).text.replace("\n\n", "\n")
    return "".join(map(_visible, tokens))


def _visible(token: Token) -> str:
    match token.type:
        case "text" | "code_inline":
            return token.content
        case "softbreak" | "hardbreak":
            return "\n"
        case "image":
            return _inline_text(token.children or [])
        case _:
            return ""


def _inline_html(tokens: Sequence[Token]) -> str:
    """Return inline tokens as HTML; of their tags only those that are closed, so that none takes in what follows."""
    opened: dict[str, list[int]] = {}
    kept = set()
    for i, token in enumerate(tokens):
        tag = _TAG.match(token.content) if token.type == "html_inline" else None
        if not tag:
            continue
        waiting = opened.setdefault(tag[2].lower(), [])
        if tag[2].lower() in _LONE_TAGS:
            kept.add(i)
        elif not tag[1]:
            waiting.append(i)
        elif waiting:
            kept |= {waiting.pop(), i}
    parts = []
    for i, token in enumerate(tokens):
        if token.type in ("s_open", "s_close"):
            parts.append("<s>" if token.type == "s_open" else "</s>")
        elif i in kept:
            parts.append(token.content)
        else:
            parts.append(escape(_visible(token)).replace("\n", "<br>"))
    return "".join(parts)
