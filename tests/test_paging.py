"""The lists of documents come in pieces: all of them in the end, and no piece costs more for a larger corpus."""

import shutil
from dataclasses import replace

import pytest
from selectolax.lexbor import LexborHTMLParser

from qa.rebuild import rebuild
from qa.service import Service
from qa.settings import Settings
from tests.pretend import write_files
from web.app import create_app
from web.suggestions import SUGGESTIONS, suggest

pytestmark = pytest.mark.model
PAGE_BYTES = 30_000


@pytest.fixture(scope="module")
def many(many_settings):
    """A service with 301 documents."""
    service = Service(many_settings)
    service.open()
    return service


@pytest.fixture
def client(many):
    return create_app(many).test_client()


@pytest.fixture
def copied(many_settings, tmp_path):
    """A service on a copy of that index, whose files may be changed below it, and the file of the documents."""
    shutil.copytree(many_settings.index, tmp_path / "index")
    service = Service(replace(many_settings, index=tmp_path / "index"))
    service.open()
    return service, next(tmp_path.glob("index/generations/*/documents.jsonl"))


def keep_only(path, kept):
    """Make every document but the kept rows unreadable, in place, where an index that was opened before sees it."""
    lines = path.read_bytes().splitlines(keepends=True)
    with path.open("r+b") as file:
        for row, line in enumerate(lines):
            file.write(line if row in kept else b"x" * (len(line) - 1) + b"\n")


def follow(client, address):
    """Yield the replies of a list from one on; header and body lead to the same next one."""
    while address:
        response = client.get(address)
        assert response.status_code == 200, response.text
        yield response.get_json()
        address = response.get_json()["next"]
        assert response.headers.get("Link") == (f'<{address}>; rel="next"' if address else None)


def page(response):
    assert response.status_code == 200
    return LexborHTMLParser(response.text)


def text(node):
    return " ".join(node.text().split())


@pytest.mark.parametrize(
    ("address", "sizes"),
    [
        ("/api/v1/documents", [100, 100, 100, 1]),
        ("/api/v1/documents?limit=150", [150, 150, 1]),
        ("/api/v1/documents?limit=301", [301]),
        ("/api/v1/documents?limit=1000", [301]),
    ],
)
def test_following_next_gives_every_document_once(client, many, address, sizes):
    """In the order of the paths; each reply says how many there are in all and which generation it comes from."""
    replies = list(follow(client, address))

    assert [len(reply["documents"]) for reply in replies] == sizes
    listed = [document["id"] for reply in replies for document in reply["documents"]]
    assert listed == list(many.index.documents)
    assert {(reply["total"], reply["index"]["id"]) for reply in replies} == {(301, many.index.manifest.id)}


def test_nothing_comes_after_the_last_document(client, many):
    """Which is no error: who keeps the last id finds out so that there is nothing new."""
    last = list(many.index.documents)[-1]

    reply = client.get("/api/v1/documents", query_string={"after": last}).get_json()

    assert (reply["documents"], reply["next"], reply["total"]) == ([], None, 301)


def test_a_list_goes_on_after_a_rebuild(tmp_path):
    """Nothing that stayed is left out or listed twice; when the place to go on from is gone, that is said."""
    settings = Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")
    write_files(settings.corpus, {f"{name}.txt": f"The {name} stands." for name in ("barn", "dairy", "mill", "oven")})
    service = Service(settings)
    client = create_app(service).test_client()

    def run_rebuild():
        rebuild(settings, force=False, progress=lambda *_: None)
        service.open()

    run_rebuild()
    first = client.get("/api/v1/documents?limit=2").get_json()
    (settings.corpus / "barn.txt").unlink()
    write_files(settings.corpus, {"ark.txt": "The ark floats.", "shed.txt": "The shed leans."})
    run_rebuild()
    rest = [document["path"] for reply in follow(client, first["next"]) for document in reply["documents"]]
    (settings.corpus / "dairy.txt").unlink()
    run_rebuild()
    refused = client.get(first["next"])

    assert [document["path"] for document in first["documents"]] == ["barn.txt", "dairy.txt"]
    assert rest == ["mill.txt", "oven.txt", "shed.txt"]
    assert (refused.status_code, refused.get_json()["type"]) == (404, "/problems/no-such-document")
    assert "begin the list anew" in refused.get_json()["detail"]


@pytest.mark.parametrize(
    ("address", "rows"),
    [
        ("/api/v1/documents", range(100)),
        ("/api/v1/documents?limit=7&after={99}", range(100, 107)),
        ("/documents", range(50)),
        ("/documents?page=3", range(100, 150)),
        ("/documents?page=7", range(300, 301)),
    ],
)
def test_only_the_documents_of_a_page_are_read(copied, many, address, rows):
    """All others can be unreadable, as the next one of them is."""
    service, path = copied
    client = create_app(service).test_client()
    ids = list(many.index.documents)
    keep_only(path, rows)

    response = client.get(address.format(*ids))

    assert response.status_code == 200
    assert [row for row, name in enumerate(ids) if name in response.text] == [*rows]
    assert client.get(f"/documents/{ids[rows.stop % 301]}").status_code == 500


def test_only_the_documents_of_suggestions_are_read(copied, monkeypatch):
    """All questions fit, and most of their documents are unreadable; there are too many to suggest their sections."""
    monkeypatch.setattr("web.suggestions._SECTIONS_OF_DOCUMENTS", 300)
    service, path = copied
    keep_only(path, range(0, 10 * SUGGESTIONS, 10))

    found = suggest(service.index, "who")

    assert [suggestion.document for suggestion in found] == [f"Well {10 * number}" for number in range(SUGGESTIONS)]


@pytest.mark.parametrize(
    ("number", "place", "linked", "skipping", "turning"),
    [
        (1, "1–50 of 301", "1 2 7", "7", "2"),
        (2, "51–100 of 301", "1 2 3 7", "7", "1 3"),
        (4, "151–200 of 301", "1 3 4 5 7", "3 7", "3 5"),
        (7, "301–301 of 301", "1 6 7", "6", "6"),
    ],
)
def test_a_page_of_the_list_says_where_it_is_and_leads_on(client, number, place, linked, skipping, turning):
    """Its documents, the pages beside it, the first and the last; the others by a box."""
    found = page(client.get("/documents", query_string={"page": number}))
    first, last = map(int, place.partition(" ")[0].split("–"))
    pages = found.css_first("nav.pages")

    assert len(found.css(".documents li")) == last - first + 1
    assert text(found.css_first("p.about")).startswith(f"{place},")
    assert text(found.css_first("title")).startswith(f"Documents, page {number} of 7 ")
    assert pages.attributes["aria-label"]
    assert numbers_in(pages.css("li a")) == linked
    assert numbers_in(pages.css("li a[aria-current=page]")) == str(number)
    assert numbers_in(pages.css("li.skipping a")) == skipping
    assert numbers_in(pages.css("a[rel]")) == turning
    assert pages.css_first("input[name=page]").attributes["max"] == "7"


def numbers_in(links):
    return " ".join(link.attributes["href"].removeprefix("?page=") for link in links)


def test_every_document_is_on_a_page(client, many):
    """Once, in the order of the paths, on pages that keep to their size."""
    listed = []
    for number in range(1, 8):
        response = client.get("/documents", query_string={"page": number})
        assert len(response.data) < PAGE_BYTES
        listed += [link.attributes["href"] for link in page(response).css(".documents h2 a")]

    assert listed == [f"/documents/{name}" for name in many.index.documents]


@pytest.mark.parametrize("number", ["0", "8", "-1", "1.5", "two", "", "9" * 5000])
def test_a_page_that_is_not_there_is_not_found(client, number):
    """Like any other address that leads nowhere."""
    assert client.get("/documents", query_string={"page": number}).status_code == 404


def test_a_short_list_has_no_pages(service):
    """Nothing is offered that leads nowhere."""
    found = page(create_app(service).test_client().get("/documents"))

    assert len(found.css(".documents li")) == len(service.index.documents)
    assert not found.css("nav.pages")
