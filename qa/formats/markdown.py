"""Markdown (CommonMark and tables), with optional YAML front matter.

The text is what a reader sees: markup, HTML tags and comments are gone, entities are decoded. Questions that a section
answers may stand in a comment anywhere in that section, or in the front matter for the opening section:

    <!-- questions:
    - Who shot first?
    -->
"""

import re
from collections.abc import Sequence

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from qa.formats import Parsed, TextBuilder, html

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$\n?", re.S | re.M)
_FRONT_MATTER_CHARS = 64 * 1024  # YAML is read at some 100,000 characters a second
_LINE_BREAK = re.compile(r"<br\s*/?>", re.I)
_BULLET = re.compile(r"^\s*[-*]\s+(.*\S)\s*$")
_MAX_NESTING = 100  # of blocks within blocks; for each of them the parser calls itself
_MARKDOWN = MarkdownIt("commonmark", {"maxNesting": _MAX_NESTING}).enable("table")


def parse(source: str) -> Parsed:
    """Return text, blocks, front matter and attached questions of Markdown `source` (line ends are LF)."""
    metadata, front_questions, notices, body = _split_front_matter(source)
    builder = TextBuilder()
    questions = [(0, question) for question in front_questions]
    lists: list[int | None] = []  # one entry for each open list: the next number, or None for bullets
    marker = ""  # waits for the first block of a list item
    heading = 0  # level of the open heading
    row: list[str] | None = None  # cells of the open table row
    tokens = _MARKDOWN.parse(body)
    if any(token.level >= _MAX_NESTING - 1 and token.type in ("blockquote_open", "list_item_open") for token in tokens):
        notices += (f"some text is missing: it is nested more than {_MAX_NESTING} deep, or stands after such a list",)
    for token in tokens:
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
                builder.add_row(row or [])
                row = None
            case "fence" | "code_block":
                builder.add("code", token.content)
            case "html_block":
                questions += [(builder.length, question) for question in _questions_in(token.content)]
                _add_html(builder, token.content)
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
    return builder.build(metadata, tuple(questions), notices)


def _split_front_matter(source: str) -> tuple[dict[str, str], list[str], tuple[str, ...], str]:
    """Return (plain values, attached questions, notices, the rest of the source)."""
    match = _FRONT_MATTER.match(source)
    if not match:
        return {}, [], (), source
    if len(match.group(1)) > _FRONT_MATTER_CHARS:
        return {}, [], (f"front matter not read: it is longer than {_FRONT_MATTER_CHARS:,} characters",), source
    body = source[match.end() :]
    try:
        # BaseLoader keeps every scalar the text that it is (no dates, no booleans) and builds no objects.
        values = yaml.load(match.group(1), Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:  # the last two: no such character
        reason = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it is nested too deeply")
        return {}, [], (f"front matter ignored: {reason}",), body
    if not values:
        return {}, [], (), body
    if not isinstance(values, dict):  # text between two horizontal rules
        return {}, [], (), source
    plain = {str(key): _one_line(value) for key, value in values.items() if isinstance(value, str)}
    listed = values.get("questions")
    questions = [_one_line(q) for q in listed if isinstance(q, str)] if isinstance(listed, list) else []
    return {key: value for key, value in plain.items() if value}, [q for q in questions if q], (), body


def _one_line(value: str) -> str:
    """Return a value on one line, without the halves of characters that YAML's escapes can write."""
    return " ".join(value.encode("utf-8", "replace").decode().split())


def _questions_in(source: str) -> list[str]:
    """Return the questions of every `questions:` comment in an HTML block."""
    comments = (rest.partition("-->") for rest in source.split("<!--")[1:])
    lists = (inside.strip() for inside, end, _ in comments if end and inside.strip().startswith("questions:"))
    lines = (line for listed in lists for line in listed.splitlines())
    return [match.group(1) for match in map(_BULLET.match, lines) if match]


def _add_html(builder: TextBuilder, source: str) -> None:
    """Add what a reader sees of an HTML block."""
    parsed = html.parse(source)
    for block in parsed.blocks:
        marker, text = parsed.text[block.start : block.content], parsed.text[block.content : block.end]
        builder.add(block.kind, text, level=block.level, marker=marker)


def _inline_text(tokens: Sequence[Token]) -> str:
    """Return the visible text of inline tokens: link texts, image descriptions, no HTML tags."""
    parts = []
    for token in tokens:
        match token.type:
            case "text" | "code_inline":
                parts.append(token.content)
            case "softbreak" | "hardbreak":
                parts.append("\n")
            case "html_inline" if _LINE_BREAK.fullmatch(token.content):
                parts.append("\n")
            case "image":
                parts.append(_inline_text(token.children or []))
    return "".join(parts)
