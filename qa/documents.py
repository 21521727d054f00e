"""Read one file into a document."""

import codecs
import hashlib
import os
import re
import stat
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, takewhile
from operator import attrgetter
from pathlib import Path, PurePosixPath

from qa.formats import Block, BlockKind, Parsed, html, markdown, plaintext

PARSERS: dict[str, Callable[[str], Parsed]] = {
    ".md": markdown.parse,
    ".markdown": markdown.parse,
    ".txt": plaintext.parse,
    ".html": html.parse,
    ".htm": html.parse,
}
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]+)", re.I)
# Only what pages are written in: Python's other codecs are no character sets, slow or able to make half characters.
_WEB_CHARSETS = re.compile(
    r"iso-8859-\d{1,2}|windows-125\d|koi8-[ru]|gb18030|big5|euc-jp|iso-2022-jp|cp1252|cp932|cp949"
)
# What browsers read instead: wider sets of the same bytes (WHATWG Encoding Standard, 4.2).
_WIDER_CHARSETS = {
    **dict.fromkeys(("iso-8859-1", "latin1", "us-ascii", "ascii"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis"), "cp932"),
    "euc-kr": "cp949",
}
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_VERSION_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Document:
    """One file as it is searched, served and cited: every offset counts code points of `text`."""

    id: str  # from the path: the same file keeps its id when it is edited
    path: str  # within the corpus, with forward slashes
    title: str
    kind: str
    source: str  # where the text comes from, as the front matter says
    url: str
    language: str  # BCP 47
    license: str
    sha256: str  # of `text` in UTF-8
    text: str
    blocks: tuple[Block, ...]
    questions: tuple[tuple[int, str], ...]  # (offset, question that the section there answers)

    @property
    def version(self) -> str:
        """The beginning of the hash: what addresses carry, to tell whether the text was edited since."""
        return self.sha256[:_VERSION_DIGITS]


@dataclass(frozen=True, slots=True)
class Shown:
    """A block as it is shown: it begins a line, and only code has line breaks in it."""

    kind: BlockKind
    depth: int  # of a list item, below the items that are shown with it; else 0
    marker: str  # of a list item, with a blank; else ""
    text: str


def read_document(path: Path, root: Path, max_bytes: int) -> tuple[Document, tuple[str, ...]]:
    """Return the document in a file, and notices about it.

    Args:
        path: below `root`, which is resolved.
        max_bytes: of the file.
    Raises:
        OSError: the file cannot be read.
        ValueError: it is not to be read, or holds no text; the message says why.
    """
    data = _bytes_of(path, root, max_bytes)
    source, guessed = _decode(data, is_html=path.suffix.lower() in (".html", ".htm"))
    document, notices = parse_document(path.relative_to(root).as_posix(), source)
    return document, (*guessed, *notices)


def parse_document(path: str, source: str) -> tuple[Document, tuple[str, ...]]:
    """Return the document that `source` is, and notices about it.

    Args:
        path: within the corpus, with forward slashes; its ending names the format.
        source: the decoded file.
    Raises:
        ValueError: there is no text in it; the message says so.
    """
    pure = PurePosixPath(path)
    parsed = PARSERS[pure.suffix.lower()](source.replace("\r\n", "\n").replace("\r", "\n"))
    if not parsed.text.strip():
        raise ValueError("there is no text in it")
    meta = parsed.metadata
    language, doubts = _language(meta.get("language", "en"))
    document = Document(
        id=document_id(path),
        path=path,
        title=meta.get("title") or _first_heading(parsed) or " ".join(pure.stem.split()),
        kind=meta.get("kind", ""),
        source=meta.get("retold_from") or meta.get("source", ""),
        url=url if (url := meta.get("url", "")).lower().startswith(("https://", "http://")) else "",
        language=language,
        license=meta.get("license", ""),
        sha256=hashlib.sha256(parsed.text.encode()).hexdigest(),
        text=parsed.text,
        blocks=parsed.blocks,
        questions=parsed.questions,
    )
    return document, (*parsed.notices, *doubts)


def shown_blocks(document: Document, start: int, end: int) -> list[Shown]:
    """Return the blocks of `document.text[start:end]`, each to begin a line."""
    shown: list[Shown] = []
    open_levels: list[int] = []
    first = max(0, bisect_right(document.blocks, start, key=attrgetter("start")) - 1)
    for block in takewhile(lambda block: block.start < end, islice(document.blocks, first, None)):
        begin, content = max(start, block.start), max(start, block.content)
        marker, text = document.text[begin:content].strip(), document.text[content : min(end, block.end)]
        if not text:
            continue
        is_item = block.kind == "item"
        open_levels = [level for level in open_levels if level < block.level] + [block.level] if is_item else []
        shown.append(
            Shown(
                block.kind,
                depth=max(0, len(open_levels) - 1),
                marker=f"{marker} " if marker else "",
                text=text if block.kind == "code" else " ".join(text.split()),
            )
        )
    return shown


def document_id(path: str) -> str:
    """Return a readable id that is unique to `path`, safe in an address."""
    slug = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(path).stem.lower()).strip("-")[:40].strip("-")
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    return f"{slug}-{digest}" if slug else digest


def _first_heading(parsed: Parsed) -> str:
    headings = (b for b in parsed.blocks if b.kind == "heading")
    first = next((b for b in headings if b.level == 1), None)
    return " ".join(parsed.text[first.start : first.end].split()) if first else ""


def _language(named: str) -> tuple[str, tuple[str, ...]]:
    """Return the tag of a language, English for what is no tag, and notices about it."""
    tag = named.replace("_", "-")  # as in names of locales: de_DE
    if _LANGUAGE_TAG.fullmatch(tag):
        return tag, ()
    return "en", (f'language {named[:40]!r} is no tag such as "de" or "pt-BR"; read as English',)


def _bytes_of(path: Path, root: Path, max_bytes: int) -> bytes:
    """Return what is in the file; raise ValueError or OSError with the reason if it is to be skipped."""
    if any(unicodedata.category(ch) in ("Cc", "Cs") for ch in str(path.relative_to(root))):
        raise ValueError("has a name that cannot be cited: it holds control characters or is not UTF-8")
    target = _target(path)
    if not target.is_relative_to(root):
        raise ValueError("is a link that leads out of the corpus")
    if path.is_symlink() and target.is_dir():
        raise ValueError("is a link to a folder; linked folders are not entered")
    if path.suffix.lower() not in PARSERS:
        raise ValueError(f"unknown kind of file (read are {', '.join(PARSERS)})")
    if path.is_symlink() and not target.exists():
        raise ValueError("is a link that leads nowhere")
    if not target.is_file():  # asked before opening: to open a device may set something going
        raise ValueError("is not a regular file")
    # Whatever takes the file's place in between, it is no link that is followed and no pipe that is waited for.
    descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("is not a regular file")
        data = b"" if status.st_size > max_bytes else file.read(max_bytes + 1)
    size = max(status.st_size, len(data))  # it may have grown
    if size > max_bytes:
        raise ValueError(f"has {size:,} bytes, more than the limit of {max_bytes:,} (QA_MAX_DOCUMENT_BYTES)")
    if not data.strip():
        raise ValueError("is empty")
    return data


def _target(link: Path) -> Path:
    try:
        return link.resolve()
    except RuntimeError as error:  # what Python before 3.13 says of links that lead to each other
        raise ValueError("is a link that leads back to itself") from error


def _decode(data: bytes, *, is_html: bool) -> tuple[str, tuple[str, ...]]:
    """Decode by byte order mark, as UTF-8, by the charset a page declares, or as Windows-1252 with a notice."""
    declared = _META_CHARSET.search(data[:2048]) if is_html else None
    candidates = [encoding for bom, encoding in _BOMS if data.startswith(bom)] or ["utf-8"]
    if declared:
        charset = declared.group(1).decode("ascii", "replace").lower()
        charset = _WIDER_CHARSETS.get(charset, charset)
        if _WEB_CHARSETS.fullmatch(charset):
            candidates.append(charset)
    for encoding in (*candidates, "cp1252"):
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if len(_CONTROL.findall(text)) > len(text) // 1000 or "\x00" in text:
            break
        guessed = encoding == "cp1252" and encoding not in candidates
        return text, ("is not UTF-8; read as Windows-1252",) if guessed else ()
    raise ValueError("is not text (binary data or an unknown encoding)")
