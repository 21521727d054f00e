"""A citation to copy: plain text, Markdown, BibTeX, CSL-JSON and a Web Annotation."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import urljoin

from qa.documents import Document, Shown, shown_blocks
from qa.quotes import lasting_link, short_link, to_annotation_target

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~])")


@dataclass(frozen=True, slots=True)
class Cited:
    """One span of a document, ready to be cited."""

    document: Document
    start: int
    end: int
    headings: tuple[str, ...]
    host: str  # e.g. "http://127.0.0.1:8000/"
    accessed: date

    @property
    def blocks(self) -> list[Shown]:
        """The quotation by its paragraphs, list items, table rows and stretches of code."""
        return shown_blocks(self.document, self.start, self.end)

    @property
    def words(self) -> str:
        """The quotation with a line for each block and those of code; a paragraph is one line."""
        return "\n".join("  " * block.depth + block.marker + block.text for block in self.blocks)

    @property
    def link(self) -> str:
        """The whole address of the span, which survives edits of the document."""
        return urljoin(self.host, lasting_link(self.document, self.start, self.end))

    @property
    def short_link(self) -> str:
        """The address of the span by its place alone: for fields in which a long address does harm."""
        return urljoin(self.host, short_link(self.document, self.start, self.end))

    @property
    def place(self) -> str:
        """Title and section path."""
        return " › ".join((" ".join(self.document.title.split()), *self.headings))


def cite(document: Document, start: int, end: int, headings: tuple[str, ...], host: str) -> Cited:
    """Return a citation of `document.text[start:end]`, accessed today."""
    return Cited(document, start, end, headings, host, datetime.now(UTC).date())


def to_plain(cited: Cited) -> str:
    """Return the quotation and its source, in one paragraph if the quotation is one."""
    words = cited.words
    separator = "\n" if "\n" in words else " "
    source = f", {cited.document.source}" if cited.document.source else ""
    return (
        f"“{words}”{separator}{cited.place}{source}, {cited.document.path}, characters {cited.start}–{cited.end}, "
        f"accessed {cited.accessed.isoformat()}. {cited.link}\n"
    )


def to_markdown(cited: Cited) -> str:
    """Return the citation as a quotation with its linked source below."""
    lines = [*_markdown_lines(cited.blocks), "", f"— [{_escape_markdown(cited.place)}]({cited.link})"]
    return "".join(f"> {line}".rstrip() + "\n" for line in lines)


def to_bibtex(cited: Cited) -> str:
    """Return the citation as an entry that BibTeX and BibLaTeX read."""
    document = cited.document
    values = {
        "title": "{" + _escape_latex(" ".join(document.title.split())) + "}",  # braces keep its capitals
        "howpublished": rf"\url{{{_escape_url(cited.short_link)}}}",
        "year": str(cited.accessed.year),
        "note": _escape_latex(
            f"{' › '.join(cited.headings) + ', ' if cited.headings else ''}{document.path}, characters "
            f"{cited.start}–{cited.end}, accessed {cited.accessed.isoformat()}"
        ),
        "annote": _escape_latex(cited.words),
    }
    if document.source:
        values["organization"] = "{" + _escape_latex(document.source) + "}"
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in values.items())
    return f"@misc{{{_key(cited)},\n{lines}\n}}\n"


def to_csl_json(cited: Cited) -> str:
    """Return the citation as CSL-JSON, what Zotero, pandoc and citeproc read: a list of one item."""
    document = cited.document
    item: dict[str, object] = {
        "id": _key(cited),
        "type": "webpage",
        "title": " ".join(document.title.split()),
        "container-title": document.source,
        "section": " › ".join(cited.headings),
        "abstract": cited.words,
        "language": document.language,
        "note": f"{document.path}, characters {cited.start}–{cited.end}",
        "URL": cited.link,
        "accessed": {"date-parts": [[cited.accessed.year, cited.accessed.month, cited.accessed.day]]},
    }
    return json.dumps([{name: value for name, value in item.items() if value}], ensure_ascii=False, indent=2) + "\n"


def to_annotation(cited: Cited) -> str:
    """Return the span as a W3C Web Annotation with quote and position selectors."""
    target = to_annotation_target(cited.document, cited.start, cited.end)
    annotation = {
        "@context": "http://www.w3.org/ns/anno.jsonld",
        "type": "Annotation",
        "motivation": "highlighting",
        "target": target | {"source": urljoin(cited.host, str(target["source"]))},
    }
    return json.dumps(annotation, ensure_ascii=False, indent=2) + "\n"


def to_link(cited: Cited) -> str:
    """Return the address alone."""
    return cited.link + "\n"


@dataclass(frozen=True, slots=True)
class Format:
    """A form in which a citation can be had; `name` ends its address."""

    name: str
    label: str
    mimetype: str
    render: Callable[[Cited], str]


FORMATS = {
    form.name: form
    for form in (
        Format("txt", "Plain text", "text/plain", to_plain),
        Format("md", "Markdown", "text/markdown", to_markdown),
        Format("bib", "BibTeX", "application/x-bibtex", to_bibtex),
        Format("json", "CSL-JSON", "application/vnd.citationstyles.csl+json", to_csl_json),
        Format("link", "Link", "text/plain", to_link),
        Format("jsonld", "Web Annotation", "application/ld+json", to_annotation),
    )
}


def _key(cited: Cited) -> str:
    return f"{cited.document.id}-{cited.start}-{cited.end}"


def _escape_latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def _escape_url(address: str) -> str:
    # Within \url only braces, backslashes and percent signs trouble TeX; the address holds none but percent signs.
    return address.replace("%", r"\%").replace("#", r"\#")


def _markdown_lines(blocks: Sequence[Shown]) -> Iterator[str]:
    """Return blocks as lines of Markdown: lists stay lists and code stays code, all else is a paragraph each."""
    above = None
    for block in blocks:
        if above and not above == block.kind == "item":
            yield ""
        above = block.kind
        if block.kind == "code":
            fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", block.text))])
            yield from (fence, *block.text.split("\n"), fence)
        else:
            marker = "- " if block.marker and not block.marker[0].isdigit() else block.marker
            # Four blanks reach below the text of a bullet as well as of a number.
            yield "    " * block.depth + marker + _escape_markdown(block.text)


def _escape_markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)
