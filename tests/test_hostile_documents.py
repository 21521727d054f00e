"""Folders that somebody filled to do harm: every file is read or named with a reason, in bounded time and memory."""

import hashlib
import os
import re
import socket
import stat
import subprocess
import tempfile
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.corpus import read_corpus
from qa.documents import PARSERS, document_id, parse_document
from qa.rebuild import rebuild
from qa.service import Service
from qa.settings import Settings
from tests.strategies import FRAGMENTS, check
from web.app import create_app

LIMIT = 10 * 2**20
SECONDS = 20
OPENERS = [
    *"![ [ ]( <! <? <![CDATA[ &# \\ ** _ ` ``` ~~~ > # | |- : $ {{ ]] --- ... == =a [edit] 1. - \t".split(" "),
    *"<b> <i><p> <a> <div> <table> <td> <select> <ul><li> <svg> <math> <frameset> <plaintext> <form> <!-- <p".split(
        " "
    ),
    *[
        "\u0301",
        "\u200d",
        "\u202e",
        "\ufeff",
        "\x00",
        "\x1b[2J",
        "\r",
        "\u2028",
        "\x85",
        "\U000e0041",
        "👩\u200d",
        " ",
        "\n",
    ],
]
repeated = st.lists(st.tuples(st.sampled_from(OPENERS + FRAGMENTS), st.integers(1, 2000)), min_size=1, max_size=4)


def reasons(corpus):
    return {notice.path: notice.reason for notice in corpus.notices}


@given(st.sampled_from(sorted(PARSERS)), repeated)
def test_markup_repeated_by_the_thousand_keeps_every_citation(ending, pieces):
    """Whatever is repeated a thousand times and never closed, the document is cut into exact citations."""
    source = "".join(piece * count for piece, count in pieces)[:10_000]

    check_if_text(f"a{ending}", source)


def check_if_text(path: str, source: str) -> None:
    try:
        document, _ = parse_document(path, source)
    except ValueError as error:
        if str(error) != "there is no text in it":
            raise
        return
    check(document)


BOMBS = {
    "images.md": "![" * 500_000,
    "sections.md": "a <![CDATA[" * 200_000,
    "bold.html": "".join(f"<b id={i}><p>" for i in range(100_000)),  # in C, where no signal handler runs
}


def test_a_file_that_takes_too_long_or_too_much_is_skipped_and_the_rest_is_read(tmp_path, write):
    """A parser that would work for minutes or take gigabytes is ended; the notice names reason and setting."""
    folder = write(tmp_path, {**BOMBS, "sound.txt": "A sound sentence."})
    began = time.process_time()

    corpus = read_corpus(folder, LIMIT, 0.5)

    assert time.process_time() - began < 1
    assert [document.path for document in corpus.documents] == ["sound.txt"]
    assert set(reasons(corpus)) == set(BOMBS)
    for reason in reasons(corpus).values():
        assert reason == "could not be read in 0.5 seconds (QA_MAX_DOCUMENT_SECONDS)"


def test_a_parser_that_asks_for_too_much_memory_is_ended(tmp_path, write, monkeypatch):
    """Memory is bounded by the size that a file may have; the notice says so."""
    monkeypatch.setattr("qa.corpus._MEMORY_BYTES", 150 * 2**20)
    monkeypatch.setattr("qa.corpus._MEMORY_PER_BYTE", 0)

    corpus = read_corpus(write(tmp_path, {"a.md": "a\n\n" * 150_000, "sound.txt": "A sentence."}), LIMIT, SECONDS)

    assert reasons(corpus) == {"a.md": "could not be read with 157 MB of memory (QA_MAX_DOCUMENT_BYTES sets how much)"}


LARGE = {
    "divisions.html": "<div>" * 10_000 + "Deep.",
    "bold.html": "<b>" * 10_000 + "Bold.",
    "quotes.md": ">" * 10_000 + " Deep.\n\nAbove.",
    "list.md": "Above.\n\n" + "- " * 10_000 + "a\n\nBelow.",
    "one-line.txt": "A word. " * 50_000,
    "one-word.txt": "a" * 1_000_000,
    "blank-lines.md": "Above." + "\n" * 1_000_000 + "Below.",
    "marks.txt": "e" + "\u0301" * 100_000,
    "open-comment.html": "Text. <!--" + " more" * 100_000,
    "open-fence.md": "Text.\n```\n" + "more\n" * 20_000,
    "open-front-matter.md": "---\ntitle: [\n" * 10_000,
    "entities.html": '<!DOCTYPE d [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>' + "&b;" * 50_000,
    "aliases.md": "---\na: &a [x]\n"
    + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "---\nText.",
}


def test_large_and_deep_documents_are_read(tmp_path, write):
    """What is merely long, deep or unfinished is read in seconds."""
    corpus = read_corpus(write(tmp_path, LARGE), LIMIT, SECONDS)

    assert {document.path for document in corpus.documents} == set(LARGE)
    found = reasons(corpus)
    assert "nested more than 100 deep" in found.pop("list.md")
    assert "nested more than 100 deep" in found.pop("quotes.md")
    assert "from “<!-- more more" in found.pop("open-comment.html")
    assert set(found) == {"open-front-matter.md"}


ODD_BYTES = {
    "utf-32.txt": "Text.".encode("utf-32"),
    "utf-16-without-mark.txt": "Text.".encode("utf-16-le"),
    "utf-16-torn.txt": "Text.".encode("utf-16")[:-1],
    "utf-16-half.txt": b"\xff\xfe\x00\xd8\x00\xd8",
    "only-mark.txt": b"\xef\xbb\xbf",
    "two-marks.txt": b"\xef\xbb\xbf\xef\xbb\xbfText.",
    "mixed.txt": "Été. ".encode() + "Été.".encode("cp1252"),
    "undefined.txt": b"Text \x81\x8d\x8f.",
    "null.html": b"<p>Te\0xt</p>",
    "surrogates.txt": b"Text \xed\xa0\x80.",
    "overlong.txt": b"Text \xc0\xae.",
    "control.txt": b"\x01\x02\x03" * 100,
}


def test_bytes_in_no_or_many_encodings_are_read_or_named(tmp_path, write):
    """Torn, mixed and wrongly declared encodings give a document of whole characters, or a reason."""
    corpus = read_corpus(write(tmp_path, {**ODD_BYTES, "sound.txt": "A sentence."}), LIMIT, SECONDS)

    read = {document.path: document.text for document in corpus.documents}
    skipped = {notice.path for notice in corpus.notices if notice.skipped}
    assert read.keys() | skipped == {*ODD_BYTES, "sound.txt"}
    assert all(text.encode() and "\0" not in text for text in read.values())
    assert read["mixed.txt"] == "Ã‰tÃ©. Été."
    assert {"utf-32.txt", "utf-16-without-mark.txt", "null.html", "only-mark.txt", "control.txt"} <= skipped


SCRIPTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>go</a>",
    "<a href=' java\nscript:alert(1)'>go</a>",
    "[go](javascript:alert(1)) ![go](data:text/html;base64,PHNjcmlwdD4=) <javascript:alert(1)>",
    "[go](../../../../etc/passwd) ![go](file:///etc/passwd)",
    "`</code><script>alert(1)</script>`",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;img src=x onerror=alert(1)&#62;",
    "<meta http-equiv=refresh content='0;url=http://x'><base href=//x><link rel=stylesheet href=//x>",
    "<style>@import '//x'</style><form action=//x><input name=q autofocus onfocus=alert(1)>",
    "{{ config }} {% include '/etc/passwd' %}",
    "\"><script>alert(1)</script> '-alert(1)-' --><script>alert(1)</script> </title><script>alert(1)</script>",
]


class Elements(HTMLParser):
    """Collects every element of a page with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.model
def test_no_markup_of_a_document_reaches_the_page(tmp_path, write):
    """Scripts, handlers and addresses in file names, titles, headings and text arrive as text or not at all."""
    files = {
        "<img src=x onerror=alert(1)>.md": "A sentence about the harbour.",
        "all.html": "".join(f"<h1>{script}</h1><p>Harbour {script}.</p><pre>{script}</pre>" for script in SCRIPTS),
        "all.txt": "".join(f"= {script} =\n\nHarbour {script}.\n\n- {script}\n\n" for script in SCRIPTS),
    }
    for number, script in enumerate(SCRIPTS):
        quoted = script.replace("'", "''").replace("\n", " ")
        files[f"{number}.md"] = (
            f"---\ntitle: '{quoted}'\nkind: '{quoted}'\nurl: 'javascript:alert(1)'\n"
            f"questions:\n  - '{quoted} harbour?'\n---\n# {script}\n\nHarbour {number} {script} is here.\n"
        )
    settings = Settings(corpus=write(tmp_path / "corpus", files), index=tmp_path / "index", feedback=Path("off"))
    assert rebuild(settings, force=False, progress=lambda *_: None).documents == len(files)
    service = Service(settings)
    service.open()
    client = create_app(service).test_client()
    documents = service.index.documents.values()
    harmless = {tag for tag, _ in elements_of(client, "/")} | set("p h1 h2 h3 pre code ul ol li mark cite q".split())

    pages = [
        "/",
        "/documents",
        *(f"/documents/{d.id}" for d in documents),
        f"/?q=harbour+{SCRIPTS[0]}",
        "/?q=harbour+7",
    ]
    for page in pages:
        for tag, attributes in elements_of(client, page):
            assert not any(attribute.startswith("on") for attribute in attributes), (page, tag, attributes)
            addresses = [attributes.get(key) or "" for key in ("href", "src", "action", "srcdoc", "data", "content")]
            assert not any(re.match(r"\s*(java\s*script|data:text|file|//|http)", a, re.I) for a in addresses), (
                addresses
            )
            if tag == "script":
                assert (attributes.get("src") or "").startswith("/static/"), (page, attributes)
            assert tag not in ("iframe", "svg", "object", "embed", "base", "style", "frame") or tag in harmless, (
                page,
                tag,
            )


def elements_of(client, page):
    response = client.get(page)
    assert response.status_code == 200, page
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    return Elements(response.get_data(as_text=True)).found


def test_odd_things_in_the_folder_are_neither_followed_nor_waited_for(tmp_path, write):
    """Pipes, sockets, devices, links to any of them and out of the folder are named, and nothing is opened."""
    folder = write(tmp_path / "corpus", {"sound.txt": "A sentence.", "sub/inner.txt": "Inner."})
    secret = write(tmp_path / "outside", {"secret.txt": "Secret."}) / "secret.txt"
    os.mkfifo(folder / "pipe.md")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket.md"))
    links = {
        "zero.txt": "/dev/zero",
        "memory.txt": "/proc/self/mem",
        "terminal.txt": "/dev/tty",
        "pipe.txt": tmp_path / "pipe",
        "absolute.txt": secret,
        "relative.txt": "../outside/secret.txt",
        "through.txt": "sub/../../outside/secret.txt",
        "second.txt": "absolute.txt",
        "outside": secret.parent,
        "up": "..",
        "self": ".",
    }
    for name, target in links.items():
        (folder / name).symlink_to(target)
    (folder / "a.txt").symlink_to("b.txt")
    (folder / "b.txt").symlink_to("a.txt")
    devices = {"pipe.md", "socket.md", *make_device(folder / "null.txt")}

    corpus = read_corpus(folder, LIMIT, SECONDS)

    assert [document.path for document in corpus.documents] == ["sound.txt", "sub/inner.txt"]
    found = reasons(corpus)
    assert {found.pop(name) for name in devices} == {"is not a regular file"}
    assert found.pop("self") == "is a link to a folder; linked folders are not entered"
    assert {found.pop("a.txt"), found.pop("b.txt")} == {"is a link that leads back to itself"}
    assert set(found) == set(links) - {"self"}
    assert set(found.values()) == {"is a link that leads out of the corpus"}


def make_device(path: Path) -> list[str]:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero, which never ends
    except PermissionError:
        return []
    return [path.name]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path, secret: path.symlink_to(secret), "Too many levels of symbolic links"),
        (lambda path, _: os.mkfifo(path), "is not a regular file"),
        (lambda path, _: path.mkdir(), "Is a directory"),
        (lambda path, _: None, "No such file or directory"),
        (lambda path, _: path.write_text("x" * 2000), "has 2,000 bytes, more than the limit of 1,000"),
    ],
)
def test_a_file_that_turns_into_something_else_gives_nothing_away(
    tmp_path, write, pretend_models, monkeypatch, change, reason
):
    """A file that becomes a link, a pipe, a folder, nothing or huge just before it is opened is named, not read."""
    folder = write(tmp_path / "corpus", {"changing.txt": "Harmless.", "sound.txt": "A sentence."})
    secret = write(tmp_path / "outside", {"secret.txt": "Secret."}) / "secret.txt"
    system_open = os.open

    def change_and_open(path, *arguments, **keywords):
        if Path(path).name == "changing.txt":
            path.unlink()
            change(path, secret)
        return system_open(path, *arguments, **keywords)

    monkeypatch.setattr(os, "open", change_and_open)
    corpus = read_corpus(folder, 1000, SECONDS)

    assert [document.text for document in corpus.documents] == ["A sentence."]
    assert reasons(corpus)["changing.txt"].startswith(reason)


def test_what_the_system_refuses_is_named(write, pretend_models):
    """A file or folder that may not be read is skipped with the system's reason; root reads as somebody else."""
    with tempfile.TemporaryDirectory() as name:  # unlike tmp_path, open to everybody
        folder = write(Path(name), {"good.txt": "Good.", "shut.txt": "Shut.", "closed/x.txt": "X."})
        folder.chmod(0o755)
        (folder / "shut.txt").chmod(0)
        (folder / "closed").chmod(0)
        if os.geteuid() == 0:
            os.seteuid(65534)
            try:
                corpus = read_corpus(folder, LIMIT, SECONDS)
            finally:
                os.seteuid(0)
        else:
            corpus = read_corpus(folder, LIMIT, SECONDS)
        (folder / "closed").chmod(0o755)

    assert [document.path for document in corpus.documents] == ["good.txt"]
    assert reasons(corpus) == {
        "shut.txt": "Permission denied",
        "closed": "folder cannot be read: Permission denied",
    }


def test_a_folder_nested_a_thousand_deep_is_read(tmp_path, write, request):
    """Depth is no matter until the system itself refuses the path, and then the rest is read."""
    folder = write(tmp_path / "corpus", {"sound.txt": "A sentence."})
    request.addfinalizer(lambda: subprocess.run(["rm", "-rf", folder], check=True))  # pytest's own removal recurses
    here = os.open(folder, os.O_RDONLY)
    for number in range(2500):  # two characters each: more than the 4,096 that a path may have
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
        if number == 1200:
            with open("deep.txt", "w", opener=lambda path, flags, at=here: os.open(path, flags, dir_fd=at)) as file:
                file.write("Deep.")
    os.close(here)

    corpus = read_corpus(folder, LIMIT, SECONDS)

    assert [document.text for document in corpus.documents] == ["A sentence.", "Deep."]
    assert [notice.reason for notice in corpus.notices] == ["folder cannot be read: File name too long"]
    assert corpus.notices[0].path.endswith("d/d")


def test_ten_thousand_tiny_files_are_read(tmp_path, write, pretend_models):
    """Many small files take seconds, and one bad one among them is found."""
    write(tmp_path, {f"{n % 100}/{n}.txt": f"Sentence {n}." for n in range(10_000)} | {"5/bad.txt": b"\0"})

    corpus = read_corpus(tmp_path, LIMIT, SECONDS)

    assert len(corpus.documents) == len({document.id for document in corpus.documents}) == 10_000
    assert list(reasons(corpus)) == ["5/bad.txt"]


def test_two_paths_with_the_same_id_are_not_mixed_up(tmp_path, write):
    """Somebody may look for two names whose ids collide: the second is skipped, so that citations stay exact."""
    first, second = colliding_names()
    assert document_id(first) == document_id(second)

    corpus = read_corpus(write(tmp_path, {first: "The first.", second: "The second."}), LIMIT, SECONDS)

    assert len(corpus.documents) == 1
    [notice] = corpus.notices
    assert notice.skipped
    assert notice.reason == f"has by chance the id of {corpus.documents[0].path}; rename it"


def colliding_names() -> tuple[str, str]:
    seen: dict[bytes, str] = {}
    for number in range(1_000_000):
        name = f"{number:b}".translate({48: "日", 49: "月"}) + ".md"  # no letter of it is in the id's readable part
        digest = hashlib.sha256(name.encode()).digest()[:4]
        if digest in seen:
            return seen[digest], name
        seen[digest] = name
    raise AssertionError
