"""HTML pages: the text that a reader sees of the main part, without scripts, navigation and footers.

What is struck out is left out, since its words alone would say what the page takes back.
"""

import re
from collections import Counter
from textwrap import shorten

from selectolax.lexbor import LexborHTMLParser, LexborNode

from qa.formats import BlockKind, Parsed, TextBuilder

_HIDDEN = frozenset(
    "script style title template noscript head nav footer button select textarea input iframe object svg math "
    "canvas video audio dialog del s strike".split()
)
_HIDDEN_ROLES = frozenset("banner complementary contentinfo dialog navigation search".split())
_FOLDED_ROLES = frozenset(("tabpanel", "region"))  # hidden until a click shows it
_UNSEEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|text-decoration[^;]{0,60}line-through", re.I)
_HIDDEN_CLASSES = frozenset(("mw-editsection", "linenos", "lineno"))  # MediaWiki's "[edit]", numbers beside code
_RAW = frozenset("script style title textarea iframe".split())  # markup in them is text, up to their end
_BLOCK = frozenset(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form header "
    "hgroup html legend li main ol p section summary table caption tbody thead tfoot tr ul menu hr".split()
)
_LISTS = frozenset(("ul", "ol", "menu"))
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_CONTAINER = re.compile(
    r"<(/?)(?:address|article|aside|blockquote|center|details|dialog|dir|div|dl|fieldset|figcaption|figure|footer|form|"
    r"header|hgroup|main|menu|nav|ol|pre|search|section|summary|ul)\b[^<>]*>",
    re.I,
)
_MAX_DEPTH = 1000  # twice what browsers keep; for every container the parser looks at all that it stands in
_TERMS = 8  # with one description, counting the white space between them
_SUPERSCRIPTS = str.maketrans(dict(zip(" +-−=()0123456789n", " ⁺⁻⁻⁼⁽⁾⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ", strict=True)))
_COLLAPSIBLE = re.compile(r"[ \t\n\r\f]+")  # a no-break space is a character of the text and stays


def parse(source: str, *, whole: bool = False) -> Parsed:
    """Return text, blocks and metadata (title, language, url) of an HTML page.

    Where it has one `main` with text, that is the text, unless the `whole` is asked for.
    """
    source = _flattened(source)
    tree = LexborHTMLParser(source)
    if tree.root is None:
        return TextBuilder().build()
    metadata, notices = _metadata(tree.root), _never_closed(tree, source)
    main = None if whole else _main_part(tree)
    builder = _Walker().run(tree.root) if main is None else _Walker(in_main=True).run(main)
    if main is not None and not builder.length:
        builder = _Walker().run(tree.root)
    return builder.build(metadata, notices=notices)


def _flattened(source: str) -> str:
    """Return the page without the tags of containers that stand deeper than _MAX_DEPTH; their text stays."""
    depth = 0

    def keep(tag: re.Match[str]) -> str:
        nonlocal depth
        closing = bool(tag[1])
        deepest = depth if closing else depth + 1
        depth = max(0, depth - 1) if closing else depth + 1
        return "" if deepest > _MAX_DEPTH else tag[0]

    return _CONTAINER.sub(keep, source)


class _Walker:
    """Walk the tree without recursion, so that no depth of nesting can exhaust the stack."""

    def __init__(self, *, in_main: bool = False) -> None:
        self._in_main = in_main
        self._builder = TextBuilder()
        self._inline: list[str] = []
        self._superscripts: list[int] = []  # one entry for each open one: where it begins in the inline text
        self._lists: list[int | None] = []  # one entry for each open list: the next number, or None for bullets
        self._marker = ""
        self._heading = 0
        self._open: Counter[str] = Counter()  # blocks, by their tags
        self._after_term = False  # a term right here has its description together with the one just read
        self._row: list[str] | None = None
        self._in_head = False  # the open row stands in the head of the table
        self._names_columns = False  # the open row has text in header cells only

    def run(self, root: LexborNode) -> TextBuilder:
        """Return the text at and below `root`."""
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                self._leave(node.tag or "")
                continue
            if not self._enter(node):
                continue
            stack.append((node, True))
            child = node.last_child
            while child is not None:
                stack.append((child, False))
                child = child.prev
        self._flush()
        return self._builder

    def _enter(self, node: LexborNode) -> bool:
        """Take in one node; return whether its children are to be visited."""
        tag = node.tag or ""
        if tag == "-text":
            self._inline.append(_COLLAPSIBLE.sub(" ", node.text_content or ""))
            return False
        if _is_hidden(node) or _is_permalink(node) or (tag == "aside" and not self._is_note(node)):
            return False
        if tag == "br":
            self._inline.append("\n")
        elif tag == "img":
            self._inline.append(node.attributes.get("alt") or "")
        elif tag == "sup":
            self._superscripts.append(len(self._inline))
        elif tag == "pre":
            self._add_code(_text_of(node))
            return False
        elif tag in _HEADINGS:
            self._flush()
            self._heading = _HEADINGS[tag]
        elif tag in ("td", "th"):
            self._flush()
        elif tag in _BLOCK:
            if not (tag == "dt" and self._after_term and _has_description(node)):
                self._flush()
            if tag in _LISTS and not self._lists and _is_contents(node) and not self._builder.leads_in():
                return False
            if tag == "table":
                self._end_row()  # a table within a cell: the outer one only lays out the page
            self._open[tag] += 1
            self._open_list_or_row(tag, node)
        return True

    def _is_note(self, node: LexborNode) -> bool:
        """Tell whether an aside belongs to the text around it, as a note or a warning does, and is no sidebar."""
        in_text = self._in_main or self._open["main"] or self._open["article"]
        return bool(self._open["aside"] or (in_text and _is_mostly_text(node)))

    def _open_list_or_row(self, tag: str, node: LexborNode) -> None:
        if tag in _LISTS:
            start = node.attributes.get("start") or "1"
            self._lists.append((int(start) if re.fullmatch("[0-9]{1,9}", start) else 1) if tag == "ol" else None)
        elif tag == "li":
            number = self._lists[-1] if self._lists else None
            self._marker = "- " if number is None else f"{number}. "
            if number is not None:
                self._lists[-1] = number + 1
        elif tag == "tr" and not _lays_out(node):
            self._row = []
            self._in_head = node.parent is not None and node.parent.tag == "thead"
            self._names_columns = True

    def _add_code(self, text: str) -> None:
        """Add preformatted text; several lines in the cell of a table end the row, which only lays them out."""
        if self._row is not None and "\n" not in text.strip("\n"):
            self._inline.append(f" {_COLLAPSIBLE.sub(' ', text)} ")
            return
        self._flush()
        self._end_row()
        self._builder.add("code", text)

    def _leave(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._flush()
            self._heading = 0
        elif tag == "sup":
            start = min(self._superscripts.pop(), len(self._inline))  # a block in it has taken what stood before
            raised = "".join(self._inline[start:])
            self._inline[start:] = [_superscript(self._inline[start - 1][-1:] if start else "", raised)]
        elif tag in ("td", "th"):
            if self._row is not None:
                self._row.append(self._take_inline().replace("\n", " "))
                self._names_columns &= tag == "th" or not self._row[-1]
            else:
                self._flush()
        elif tag == "tr":
            self._end_row()
        elif tag in _BLOCK:
            if tag == "dt":
                self._inline.append("\n")
                self._after_term = True
            else:
                self._flush()
            self._open[tag] -= 1
            if tag in _LISTS:
                self._lists.pop()
                self._marker = ""

    def _end_row(self) -> None:
        """Add the cells of the open row, if there is one, and what stands in it outside of a cell."""
        if self._row is not None:
            row, self._row = self._row, None
            outside = self._take_inline().replace("\n", " ")
            self._builder.add_row([*row, outside] if outside else row, header=self._in_head or self._names_columns)

    def _take_inline(self) -> str:
        """Return the collected inline text; the only line breaks in it are those of `<br>`."""
        text = re.sub(" {2,}", " ", "".join(self._inline))
        self._inline.clear()
        return "\n".join(line.strip(" ") for line in text.split("\n")).strip("\n")

    def _flush(self) -> None:
        """Add what was collected as one block of the kind that is open."""
        self._after_term = False
        if self._row is not None:  # block elements inside a table cell
            self._inline.append(" ")
            return
        text = self._take_inline()
        kind: BlockKind = "heading" if self._heading else "item" if self._lists else "paragraph"
        if kind == "heading":
            self._builder.add(kind, text.replace("\n", " "), level=self._heading)
            if text.strip():
                self._heading = 0  # what comes after a block is no heading, even if the heading was never closed
        elif kind == "item" and text.strip():
            self._builder.add(kind, text, level=len(self._lists) - 1, marker=self._marker)
            self._marker = ""
        else:
            self._builder.add(kind, text, level=self._open["dd"])


def _metadata(root: LexborNode) -> dict[str, str]:
    """Return language, title and address as far as the page names them."""
    found = {"language": root.attributes.get("lang") or ""}
    if (title := root.css_first("head > title")) is not None:
        found["title"] = " ".join(title.text().split())
    if (link := root.css_first('head > link[rel="canonical"]')) is not None:
        found["url"] = link.attributes.get("href") or ""
    return {name: value for name, value in found.items() if value}


def _main_part(tree: LexborHTMLParser) -> LexborNode | None:
    """Return what the page names as its main part, if it names one and shows it."""
    named = [node for node in tree.css("main, [role=main]") if not _is_hidden(node)]
    if len(named) != 1:
        return None
    around = named[0].parent
    while around is not None and around.tag != "body":
        if _is_hidden(around):
            return None
        around = around.parent
    return named[0]


def _never_closed(tree: LexborHTMLParser, source: str) -> tuple[str, ...]:
    """Return a notice if the page ends within a comment or script: all text after its beginning is in it."""
    node = tree.body if tree.body is not None and tree.body.child is not None else tree.head
    while node is not None and node.last_child is not None:
        node = node.last_child
    if node is None or node.parent is None:
        return ()
    if node.tag == "-comment":
        inside, opening, closing = node.comment_content or "", "<!--", "-->"
    elif node.tag == "-text" and node.parent.tag in _RAW:
        inside, opening, closing = node.text_content or "", f"<{node.parent.tag}>", f"</{node.parent.tag}>"
    else:
        return ()
    inside = inside.strip()
    if not inside or not source.rstrip().endswith(inside):
        return ()
    beginning = shorten(f"{opening} {inside[:1000]}", 60, placeholder=" …")
    return (f"the text from “{beginning}” on is missing: it is never closed with “{closing}”",)


def _is_hidden(node: LexborNode) -> bool:
    """Tell whether a reader does not see the node, or sees a tool of the page."""
    tag, attributes = node.tag or "", node.attributes
    return (
        (tag in _HIDDEN and not _is_text_here(node))
        or tag.startswith(("-", "!"))
        or ("hidden" in attributes and attributes.get("role") not in _FOLDED_ROLES)
        # What folds is marked so too while it is closed, but is text; signs and icons are no blocks.
        or (attributes.get("aria-hidden") == "true" and tag not in _BLOCK)
        or bool(_UNSEEN.search(attributes.get("style") or ""))
        or not _HIDDEN_ROLES.isdisjoint((attributes.get("role") or "").split())
        or not _HIDDEN_CLASSES.isdisjoint((attributes.get("class") or "").split())
    )


def _is_text_here(node: LexborNode) -> bool:
    """Tell whether the node is a heading that folds its section, or says who a quotation is from."""
    parent = node.parent.tag if node.parent is not None else ""
    if node.tag == "button":
        return parent in _HEADINGS and _is_blank(node.prev) and _is_blank(node.next)
    return node.tag == "footer" and parent == "blockquote"


def _is_blank(beside: LexborNode | None) -> bool:
    """Tell whether nothing but white space stands on one side of a node."""
    return beside is None or (
        beside.tag == "-text"
        and not (beside.text_content or "").strip()
        and (beside.prev is None or beside.next is None)
    )


def _lays_out(row: LexborNode) -> bool:
    """Tell whether the table of a row only lays out the page, as those of newsletters say."""
    table = row.parent
    while table is not None and table.tag != "table":
        table = table.parent
    return table is not None and table.attributes.get("role") in ("presentation", "none")


def _has_description(term: LexborNode) -> bool:
    """Tell whether a description follows after a few more terms at most; links are no terms but a table of contents."""
    below = term.next
    for _ in range(_TERMS):
        if below is not None and below.tag in ("dt", "-text"):
            below = below.next
    return below is not None and below.tag == "dd" and _is_mostly_text(term)


def _is_mostly_text(node: LexborNode) -> bool:
    """Tell whether the node has no heading and more text than links."""
    linked = outside = 0
    stack = [(node, False)]
    while stack:
        current, in_link = stack.pop()
        if current.tag in _HEADINGS:
            return False
        if current.tag == "-text":
            length = len((current.text_content or "").strip())
            linked += length if in_link else 0
            outside += 0 if in_link else length
        elif not _is_hidden(current):
            stack += ((child, in_link or current.tag == "a") for child in current.iter(include_text=True))
    return outside > linked


def _is_permalink(node: LexborNode) -> bool:
    """Tell whether the node is a mere sign that links within the page, such as the "¶" after a heading."""
    if node.tag != "a" or not (node.attributes.get("href") or "").startswith("#"):
        return False
    child = node.child
    sign = child.text_content or "" if child is not None and child.tag == "-text" and child.next is None else ""
    return bool(sign) and not any(ch.isalnum() for ch in sign)


def _is_contents(node: LexborNode) -> bool:
    """Tell whether the node is a list of nothing but links within the page, its table of contents."""
    stack = [node]
    while stack:
        current = stack.pop()
        if current.tag == "a" and (current.attributes.get("href") or "").startswith("#"):
            continue
        if current.tag == "img" or (current.tag == "-text" and (current.text_content or "").strip()):
            return False
        if not _is_hidden(current):
            stack += current.iter(include_text=True)
    return True


def _superscript(before: str, text: str) -> str:
    """Return a superscript as it can be read in plain text: 10⁶, x^a, but 21st and [1]."""
    if all(ord(ch) in _SUPERSCRIPTS for ch in text):
        return text.translate(_SUPERSCRIPTS)
    is_word = len(text) > 1 and text.isalpha()
    if is_word or not (before.isalnum() or before == ")") or not (text[0].isalnum() or text[0] in "+-−"):
        return text
    return f"^{text}" if text.isalnum() else f"^({text})"


def _text_of(node: LexborNode) -> str:
    """Return the text below preformatted `node` as it is written; not by `node.text`, which recurses."""
    parts, stack = [], [node]
    while stack:
        current = stack.pop()
        if current.tag == "-text":
            parts.append(current.text_content or "")
        elif current.tag == "br":
            parts.append("\n")
        elif _is_hidden(current):
            continue
        elif current.tag == "sup":
            parts.append("^")
        child = current.last_child
        while child is not None:
            stack.append(child)
            child = child.prev
    return "".join(parts)
