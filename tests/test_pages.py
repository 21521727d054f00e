"""The pages as they come from the server: complete without a script, safe whatever the documents hold."""

import gzip
import re
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from selectolax.lexbor import LexborHTMLParser

from qa.answer import Claim, Disagreement
from qa.documents import parse_document
from qa.feedback import OFF, read
from qa.index import open_index
from qa.rebuild import build, rebuild
from qa.service import Service
from qa.settings import Settings
from web.app import create_app
from web.suggestions import examples, suggest

ANSWERED = "How high is the lighthouse of Skagen?"
PAGE_BYTES = 60_000
STATIC = Path(__file__).parents[1] / "web" / "static"


def page(response, status=200):
    assert response.status_code == status, response.text
    return LexborHTMLParser(response.text)


def text(node):
    return " ".join(node.text().split())


def ask(client, question=ANSWERED, **parameters):
    return page(client.get("/", query_string={"q": question, **parameters}))


def document_id(service, path):
    return next(d.id for d in service.index.documents.values() if d.path == path)


@pytest.fixture
def refusing(site_settings):
    """A client of a service that is never sure enough."""
    service = Service(replace(site_settings, min_confidence=1.0))
    service.open()
    return create_app(service).test_client()


def test_the_empty_page_has_the_box_and_examples(client):
    """The box has the focus, and every example is answered."""
    home = page(client.get("/"))
    examples = [a.attributes["href"] for a in home.css(".questions a")]

    assert "autofocus" in home.css_first("#q").attributes
    assert examples
    assert all(page(client.get(href)).css_first("section.answer") for href in examples)


def test_examples_are_looked_for_until_enough_are_sure(service, monkeypatch):
    """A question that is answered for sure ends the search; without one all are tried, and answered ones are shown."""
    asked, ask_service = [], service.ask
    monkeypatch.setattr(service, "ask", lambda text, **options: asked.append(text) or ask_service(text, **options))
    monkeypatch.setattr("web.suggestions.EXAMPLES", 1)

    monkeypatch.setattr("web.suggestions._SURE", 0.0)
    (first,) = examples(service)
    assert asked[-1] == first

    until_found = len(asked)
    asked.clear()
    monkeypatch.setattr("web.suggestions._SURE", 1.1)
    assert examples(service) == [first]
    assert len(asked) > until_found


def test_the_answer_is_quoted_cited_and_marked(client, service):
    """The quotation, its mark in the passage and the document are the same characters."""
    reply = service.ask(ANSWERED)
    found = ask(client)

    quoted = text(found.css_first(".answer blockquote p"))
    assert reply.answer.text in quoted
    assert found.css_first(".answer a.cite").attributes["href"] == f"#p{reply.answer.passage}"
    marks = "".join(m.text() for m in found.css(f"#p{reply.answer.passage} mark.answer"))
    assert "".join(marks.split()) == "".join(reply.answer.text.split())
    assert [int(n.text()) for n in found.css("article .rank")] == list(range(1, len(reply.passages) + 1))
    assert found.css_first("#q").attributes["value"] == ANSWERED


def test_sources_are_parted_outside_their_names(client):
    """Within the name of a section written from right to left, the mark would stand on its wrong side."""
    shown = {text(source): [text(name) for name in source.css("bdi")] for source in ask(client).css(".source")}

    assert shown == {" › ".join(names): names for names in shown.values()}
    assert max(map(len, shown.values())) > 1


def test_open_in_document_marks_the_passage(client, service):
    """The link of each passage leads to a page whose mark is that passage."""
    found = ask(client)
    for cited, article in zip(service.ask(ANSWERED).passages, found.css("article"), strict=True):
        document = page(client.get(article.css_first(".tools > a").attributes["href"]))

        assert "".join("".join(m.text() for m in document.css("mark")).split()) == "".join(
            cited.hit.passage.text.split()
        )
        assert len(document.css("#at")) == 1


def test_a_refusal_says_so_and_shows_the_nearest(refusing):
    """No answer is quoted, nothing is marked as one."""
    found = ask(refusing)

    assert "do not answer" in text(found.css_first("h2"))
    assert not found.css("section.answer, mark.answer:not(.legend *)")
    assert "Nearest" in text(found.css_first("#passages-title"))


def test_a_misspelt_word_is_corrected_with_a_way_back(client):
    """The link asks for the words as they were typed."""
    found = ask(client, "How high is the lighthuose of Skagen?")

    assert "lighthouse" in text(found.css_first(".notice"))
    back = page(client.get(found.css_first(".notice a").attributes["href"]))
    assert not back.css(".notice")
    assert "lighthuose" in back.css_first("#q").attributes["value"]


def test_one_document_can_be_asked_alone(client, service):
    """Only its passages come back, the filter shows it, and there is a way to ask all."""
    garden = document_id(service, "garden.txt")
    found = ask(client, "When is it open?", documents=garden)

    assert {text(a) for a in found.css("article h3 bdi:first-child")} == {service.index.documents[garden].title}
    assert [i.attributes["value"] for i in found.css(".filter input[checked]")] == [garden]
    assert any("Ask all" in text(a) for a in found.css(".filter a"))


def test_support_and_disagreement_are_shown(service):
    """ "Also said in" links to the passages; both versions stand side by side with their sources."""

    class Disagreeing:
        settings, index = service.settings, service.index

        def ask(self, *arguments, **options):
            reply = service.ask(*arguments, **options)
            one, two = (
                Claim(c.hit.passage.text[:20], value, c.rank, c.hit.passage.start, c.hit.passage.start + 20)
                for c, value in zip(reply.passages[:2], ("46 metres", "47 metres"), strict=True)
            )
            return replace(
                reply, answer=replace(reply.answer, supported_by=(2, 3)), disagreements=(Disagreement(one, two),)
            )

    found = ask(create_app(Disagreeing()).test_client())

    assert [a.attributes["href"] for a in found.css(".also a")] == ["#p2", "#p3"]
    assert [text(v) for v in found.css(".versions .value")] == ["46 metres", "47 metres"]
    assert len(found.css(".versions figcaption .source")) == 2
    assert found.css_first("#main").attributes["data-announce"].startswith("Answered. The documents differ. ")


@pytest.mark.parametrize("question", ["", "   ", "?!", "x" * 1001])
def test_a_question_that_cannot_be_used_is_explained_at_the_box(client, question):
    """The status is 400, the box keeps what was typed."""
    found = page(client.get("/", query_string={"q": question}), 400)

    assert text(found.css_first("[role=alert]"))
    box = found.css_first("#q").attributes
    assert box["aria-invalid"] == "true"
    assert box["value"] == question.strip()
    assert "maxlength" not in box  # a browser would cut what is pasted without a word


def test_hostile_questions_are_text(client):
    """A question with markup comes back escaped, wherever it is shown."""
    response = client.get("/", query_string={"q": '"><script>alert(1)</script> lighthouse'})

    assert "<script>alert" not in response.text
    assert 'src="/static/' in response.text


@pytest.mark.parametrize("path", ["hostile.md", "arabic.md", "word.txt", "chronicle.md", "notes/recipe.html"])
def test_odd_documents_have_safe_pages(client, service, path):
    """No element of the source survives, and the page keeps to its size."""
    response = client.get(f"/documents/{document_id(service, path)}")
    found = page(response)

    assert len(found.css("script")) == 1
    assert not found.css("img, svg, iframe, [onerror], [onload], [style], a[href^='javascript']")
    assert len(response.data) < PAGE_BYTES


def test_a_document_speaks_its_language(client, service):
    """`lang` is the document's, the direction follows each paragraph."""
    found = page(client.get(f"/documents/{document_id(service, 'arabic.md')}"))

    assert found.css_first("article").attributes["lang"] == "ar"
    assert all(p.attributes["dir"] == "auto" for p in found.css("article p"))


def test_a_long_document_has_parts_and_links_find_theirs(client, service):
    """Each entry of the table of contents leads to the part that holds its section."""
    address = f"/documents/{document_id(service, 'chronicle.md')}"
    found = page(client.get(address))

    assert "Part 1 of" in text(found.css_first("nav.parts"))
    for link in [found.css(".contents a")[number] for number in (0, 35, 69)]:
        query, _, anchor = link.attributes["href"].partition("#")
        assert page(client.get(address + query)).css_first(f"#{anchor}")
    assert client.get(address + "?part=99").status_code == 404


def test_a_link_into_an_edited_document_is_honest(client, service):
    """Words that are gone are shown, and nothing is marked."""
    address = f"/documents/{document_id(service, 'lighthouse.md')}"
    found = page(
        client.get(address, query_string={"at": "3-40", "doc": "0" * 16, "quote": "Nobody ever wrote this down."})
    )

    assert "no longer in this document" in text(found.css_first("[role=status].problem"))
    assert "Nobody ever wrote this down." in text(found.css_first(".problem blockquote"))
    assert not found.css("mark")


@pytest.mark.parametrize("at", ["3-40", "0-999999"])
def test_a_place_in_an_edited_document_is_not_marked(client, service, at):
    """A link that holds no words to look for says so, even when its place lies beyond the end by now."""
    address = f"/documents/{document_id(service, 'lighthouse.md')}"
    found = page(client.get(address, query_string={"at": at, "doc": "0" * 16}))

    assert "not certain" in text(found.css_first("[role=status].problem"))
    assert not found.css("mark, .problem blockquote")
    assert page(client.get(address, query_string={"at": "3-40"})).css("mark")
    page(client.get(address, query_string={"at": "x", "doc": "0" * 16}), 400)


@pytest.mark.parametrize("at", ["x", "5-3", "0-999999", "1-"])
def test_a_broken_link_is_explained(client, service, at):
    """The page names what cannot be read."""
    found = page(client.get(f"/documents/{document_id(service, 'lighthouse.md')}", query_string={"at": at}), 400)

    assert at in text(found.css_first("main"))


@pytest.mark.parametrize(("address", "status"), [("/documents/none", 404), ("/nowhere", 404), ("/feedback", 405)])
def test_an_address_that_is_no_page_leads_to_others(client, address, status):
    """To the question box and the list; what is only for programs is not said."""
    found = page(client.get(address), status)

    assert [a.attributes["href"] for a in found.css("main a")] == ["/", "/documents"]
    assert not re.search(r"\.md\b|header|method", text(found.css_first("main")), re.I)


def kept(found):
    """Return what the question box of a page would send."""
    fields = found.css("main form.ask input:not([type=checkbox])")
    return [(field.attributes["name"], field.attributes["value"]) for field in fields]


def test_a_question_that_is_refused_for_now_is_not_lost(site_settings, service):
    """It stays in the box with all that it was asked with, and one link asks it again as it was."""
    lighthouse = document_id(service, "lighthouse.md")
    busy, limited = (
        Service(replace(site_settings, **changes)) for changes in ({"question_seconds": 0.001}, {"rate_limit": "1/day"})
    )
    for refusing, status in ((busy, 503), (limited, 429)):
        refusing.open()
        client = create_app(refusing).test_client()
        if refusing is limited:
            ask(client)
        address = f"/?q=How+high+is+%22it%22&k=7&documents={lighthouse}&exact=true"
        found = page(client.get(address), status)

        assert kept(found) == [("q", 'How high is "it"'), ("documents", lighthouse), ("k", "7")]
        (again,) = (link for link in found.css("main a") if text(link) == "Try again")
        assert parse_qs(again.attributes["href"]) == parse_qs(address)


def test_a_question_to_a_document_that_is_gone_goes_to_all(client):
    """The box keeps the question without the filter, and so does the link."""
    found = page(client.get("/?q=How+high&documents=renamed"), 404)

    assert kept(found) == [("q", "How high")]
    assert [(text(a), a.attributes["href"]) for a in found.css("main a")] == [("Ask all documents", "/?q=How+high")]


def test_a_kind_of_problem_is_explained_without_being_one(client):
    """It leads to the other kinds."""
    found = page(client.get("/problems/busy"))

    assert "Error" not in text(found.css_first("main"))
    assert [a.attributes["href"] for a in found.css("main a")] == ["/api#errors"]


def test_no_index_names_the_command(tmp_path):
    """The status is 503 on every page that needs one."""
    service = Service(Settings(index=tmp_path / "index"))
    client = create_app(service).test_client()
    with pytest.raises(Exception, match="qa rebuild"):
        service.open()

    for address in ("/", "/?q=Who", "/documents"):
        assert "qa rebuild" in text(page(client.get(address), 503).css_first(".command"))


@pytest.mark.parametrize("address", ["/?documents=x; run: rm -r corpus", "/documents/x; run: rm -r corpus"])
def test_only_commands_of_ours_are_shown_as_such(client, address):
    """What a link brings along never stands there as the advice of the service."""
    found = page(client.get(address), 404)

    assert not found.css(".command")
    assert "folder of the service" not in text(found.css_first("main"))


def test_citations_are_files_of_their_kind(client, service):
    """Each link of the menu gives its format, and the link format gives the lasting address."""
    found = ask(client)
    links = {text(a): a.attributes["href"] for a in found.css(".answer .citing a")}

    assert list(links) == ["Plain text", "Markdown", "BibTeX", "CSL-JSON", "Link"]
    for href in links.values():
        response = client.get(href)
        assert response.status_code == 200
        assert response.headers["Content-Disposition"].startswith("inline; filename=")
    assert client.get(links["BibTeX"]).text.startswith("@misc{")
    assert client.get(links["Link"].replace("/link?", "/jsonld?")).json["type"] == "Annotation"
    lasting = client.get(links["Link"]).text.strip()
    assert page(client.get(lasting)).css_first("#at")


def test_the_index_may_change_while_a_citation_is_made(service, tiny_index):
    """Everything comes from the generation that was there first, even if the next one has no such document."""

    class Changing:
        settings, generations = service.settings, [service.index]

        @property
        def index(self):
            return self.generations.pop() if self.generations else tiny_index

    client = create_app(Changing()).test_client()

    assert client.get(f"/documents/{document_id(service, 'arabic.md')}/cite/txt?at=0-5").status_code == 200


def test_a_page_made_before_an_edit_cites_and_keeps_nothing(client, service, site_settings):
    """Its places may hold other words now: it says so and how to go on."""
    lighthouse = document_id(service, "lighthouse.md")
    version = service.index.documents[lighthouse].sha256[:8]
    found = ask(client)
    href = found.css_first(".answer .citing a").attributes["href"]
    fields = {i.attributes["name"]: i.attributes.get("value") or "" for i in found.css(".feedback input")}
    verdicts = len(list(read(site_settings.feedback))) if site_settings.feedback.exists() else 0

    assert f"doc={version}" in href
    assert fields["doc"] == version
    for response in (
        client.get(href.replace(version, "0" * 16)),
        client.post("/feedback", data={**fields, "doc": "0" * 16, "helpful": "yes"}),
    ):
        assert "was changed since" in text(page(response, 400).css_first(".lede"))
    assert kept(page(response, 400)) == [("q", ANSWERED)]
    assert (len(list(read(site_settings.feedback))) if site_settings.feedback.exists() else 0) == verdicts


def test_a_verdict_is_kept(client, site_settings):
    """With the words of the document, not the ones that were sent."""
    found = ask(client)
    fields = {i.attributes["name"]: i.attributes.get("value") or "" for i in found.css(".feedback input")}
    client.post("/feedback", data={**fields, "helpful": "no", "comment": " too\nlong "})

    given = list(read(site_settings.feedback))[-1]
    assert (given.question, given.helpful, given.comment) == (ANSWERED, False, "too long")
    assert given.answer in text(found.css_first(".answer blockquote"))
    assert given.document == "lighthouse.md"


def test_the_thanks_lead_back_to_the_answer(client, service):
    """With everything that it was asked with; the theme, which cannot come back to what was sent, leads home."""
    asked = {"q": ANSWERED, "k": "7", "documents": [document_id(service, "lighthouse.md")], "exact": "true"}
    found = page(client.get("/", query_string=asked))
    fields = {i.attributes["name"]: i.attributes["value"] for i in found.css(".feedback input")}
    thanks = page(client.post("/feedback", data={**fields, "helpful": "yes"}))

    assert parse_qs(urlsplit(thanks.css_first("main a").attributes["href"]).query) == {
        "q": [ANSWERED], "k": ["7"], "documents": asked["documents"], "exact": ["true"]
    }  # fmt: skip
    assert thanks.css_first(".theme input").attributes["value"] == "/"


def test_nobody_is_asked_whether_some_documents_rightly_do_not_answer(refusing, service):
    """It would be kept as a question that no document answers."""
    assert ask(refusing).css(".feedback")
    assert not ask(refusing, documents=document_id(service, "garden.txt")).css(".feedback")


@pytest.mark.parametrize("header", [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")])
def test_a_verdict_from_another_site_is_refused(client, header):
    """So that no page elsewhere can fill the file."""
    response = client.post("/feedback", data={"q": ANSWERED, "helpful": "yes"}, headers=[header])

    assert response.status_code == 404


@pytest.mark.parametrize("fields", [{"helpful": "maybe"}, {"place": "x"}, {"place": "{id}:0-99999"}, {"q": " "}])
def test_a_verdict_that_makes_no_sense_is_refused(client, service, fields):
    """Nothing of it is kept."""
    fields = {name: value.replace("{id}", document_id(service, "chronicle.md")) for name, value in fields.items()}
    response = client.post("/feedback", data={"q": ANSWERED, "helpful": "yes", **fields})

    assert response.status_code == 400


def test_feedback_can_be_turned_off(site_settings):
    """Then nobody is asked, and nothing is taken."""
    service = Service(replace(site_settings, feedback=OFF))
    service.open()
    client = create_app(service).test_client()

    assert not ask(client).css(".feedback")
    assert client.post("/feedback", data={"q": ANSWERED, "helpful": "yes"}).status_code == 404


def test_the_theme_is_remembered_without_a_script(client):
    """The cookie decides what the server sends; the way back stays on this site."""
    for elsewhere in (
        "//evil.example/",
        "/\\evil.example/",
        "/\t/evil.example/",
        "https://evil.example/",
        "/\r\nX-A: b",
        "",
    ):
        response = client.post("/theme", data={"theme": "dark", "back": elsewhere})
        assert response.headers["Location"] == "/"

    assert client.post("/theme", data={"theme": "dark", "back": "/?q=Who"}).headers["Location"] == "/?q=Who"
    assert page(client.get("/")).css_first("html").attributes["data-theme"] == "dark"
    assert client.post("/theme", data={"theme": "pink"}).status_code == 404


def test_suggestions_are_questions_and_sections(client):
    """Words may be begun; nothing typed suggests nothing."""
    found = client.get("/api/v1/suggest", query_string={"q": "keep"}).json["suggestions"]
    assert ("question", "What did the first lighthouse keeper earn?") in {(s["kind"], s["text"]) for s in found}
    section = next(s for s in found if s["kind"] == "section")
    path, _, anchor = section["href"].partition("#")

    assert page(client.get(path)).css_first(f"#{anchor}")
    assert client.get("/api/v1/suggest", query_string={"q": " "}).json["suggestions"] == []


@pytest.mark.model
@pytest.mark.parametrize(
    ("below", "elements"),
    [
        ("- Leek soup\n  - with bread\n- Fish soup", ["li.depth-0", "li.depth-1", "li.depth-0"]),
        ("```\n# soup\n  inn --serve\n```", ["pre"]),
        ("| Soup | Price |\n|---|---|\n| Leek | 3 crowns |", ["th", "th", "td", "td"]),
    ],
)
def test_what_answers_is_laid_out_as_in_its_passage(tmp_path, write, below, elements):
    """Lists keep their depth, tables their cells and code its lines."""
    corpus = write(tmp_path / "corpus", {"inn.md": f"The inn serves soups:\n\n{below}\n"})
    settings = Settings(corpus=corpus, index=tmp_path / "index")
    rebuild(settings, force=False, progress=lambda *_: None)
    service = Service(settings)
    service.open()

    found = ask(create_app(service).test_client(), "Which soups does the inn serve?")

    answer, passage = found.css_first(".answer blockquote"), found.css_first("#p1 .text")
    assert answer.text().strip() == passage.text().strip()
    for shown in (answer, passage):
        parts = shown.css("li, pre, th, td")
        assert [".".join(filter(None, (part.tag, part.attributes.get("class")))) for part in parts] == elements


@pytest.mark.model
def test_a_question_that_is_attached_twice_is_suggested_where_it_fits_best(tmp_path, embedder):
    """In whatever letters its copies are written, it stands at the place of the best one, once."""
    attached = ["Keeper of what?", "Keeper since when?", "KEEPER OF WHAT?"]
    listed = "\n".join(f"- {question}" for question in attached)
    document, _ = parse_document("a.md", f"# Tower\n\n<!-- questions:\n{listed}\n-->\n\nAnna kept it for ten years.")
    index = build([document], embedder, tmp_path, lambda *_: None)

    assert [found.text for found in suggest(index, "keeper")] == ["Keeper of what?", "Keeper since when?"]


def test_one_passage_is_one(client):
    """In the footer and in what is announced."""
    found = ask(client, k=1)

    assert " 1 passage below." in (found.css_first("#main").attributes["data-announce"] or "")
    assert " 1 passage found in" in text(found.css_first("footer"))


def test_a_word_that_repeats_is_looked_for_once(many_settings):
    """However long a line somebody sends, it suggests what its words do, in about the same time."""
    index = open_index(many_settings.index)

    def timed(typed):
        found, began = suggest(index, typed), time.perf_counter()
        for _ in range(20):
            suggest(index, typed)
        return found, time.perf_counter() - began

    once, single = timed("well")
    often, repeated = timed("well " * 200)

    assert once
    assert often == once
    assert repeated < 10 * single


def test_suggestions_can_be_kept_to_some_documents(client, service):
    """Questions and sections; an id that is not in the index is told as elsewhere."""

    def suggested(typed, *paths):
        documents = [document_id(service, path) for path in paths]
        found = client.get("/suggest", query_string={"q": typed, "documents": documents}).json["suggestions"]
        return {(s["kind"], s["document"]) for s in found}

    lighthouse = "The lighthouse of Skagen"
    assert suggested("the", "lighthouse.md") == {("question", lighthouse)}
    assert suggested("keep", "garden.txt", "lighthouse.md") == {("question", lighthouse), ("section", lighthouse)}
    assert suggested("keep", "garden.txt") == set()
    assert client.get("/api/v1/suggest?q=keep&documents=none").json["type"] == "/problems/no-such-document"


def test_pages_keep_to_their_budget(client, service):
    """HTML, style and scripts of each page stay under 60 kB, uncompressed."""
    fixed = sum(path.stat().st_size for path in STATIC.iterdir() if path.name != "reference.css")  # only /api has it
    for address in ("/", f"/?q={ANSWERED}", "/documents", *(f"/documents/{name}" for name in service.index.documents)):
        assert fixed + len(client.get(address).data) < PAGE_BYTES, address


def test_the_first_paint_needs_one_style_sheet(client):
    """Scripts are modules, which never block, and nothing comes from elsewhere."""
    found = page(client.get("/"))

    (style,) = (link.attributes["href"] for link in found.css("link[rel=stylesheet]"))
    assert style.endswith("/style.css")
    assert all(script.attributes["type"] == "module" for script in found.css("script"))
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", found.html)


def test_files_of_pages_are_asked_for_once(client):
    """Their addresses change with them; the address of another version serves too, but is asked about each time."""
    found = page(client.get("/"))
    addresses = [a.attributes.get("href") or a.attributes.get("src") for a in found.css("link[href], script")]
    folders = {address.rpartition("/")[0] for address in addresses}

    assert len(folders) == 1  # which what a script imports by "./name.js" has too
    for address in addresses:
        cached = client.get(address, buffered=True)
        assert cached.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        other = client.get(f"/static/other/{Path(address).name}", buffered=True)
        assert (other.headers["Cache-Control"], other.data) == ("no-cache", cached.data)
        again = client.get(other.request.path, headers={"If-None-Match": other.headers["ETag"]}, buffered=True)
        assert again.status_code == 304


@pytest.mark.parametrize("address", ["/", f"/?q={ANSWERED}", "/documents", "/nowhere"])
def test_the_policy_allows_no_inline_script_or_style(client, address):
    """And the pages need none."""
    response = client.get(address)
    policy = response.headers["Content-Security-Policy"]

    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", response.text)


def test_text_is_compressed_for_those_who_take_it(client):
    """A page shrinks to less than a third; others get it as it is."""
    plain = client.get(f"/?q={ANSWERED}")
    packed = client.get(f"/?q={ANSWERED}", headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 3
    assert gzip.decompress(packed.data).startswith(b"<!doctype html>")


def test_a_part_that_a_file_does_not_have_is_refused(client):
    """With its length, so that the next try can be right."""
    size = (STATIC / "style.css").stat().st_size
    response = client.get("/static/a/style.css", headers={"Range": "bytes=999999-"})

    assert (response.status_code, response.headers["Content-Range"]) == (416, f"bytes */{size}")


@pytest.mark.parametrize(("confidence", "shown"), [(1.0, 99), (0.9951, 99), (0.989, 98), (0.5, 50)])
def test_nothing_is_certain(service, confidence, shown):
    """The confidence is rounded down, and never shown as 100 %."""

    class Sure:
        settings, index = service.settings, service.index

        def ask(self, *arguments, **options):
            return replace(service.ask(*arguments, **options), confidence=confidence)

    assert f"Confidence {shown} %." in text(ask(create_app(Sure()).test_client()).css_first("footer"))


def test_whoever_recomputes_the_score_gets_it(client):
    """From the numbers as they are shown, to one unit of the last digit."""
    for row in ask(client, k=20).css(".why tbody tr"):
        value, weight, product = (float(cell.text()) for cell in row.css("td")[:3])
        assert value * weight == pytest.approx(product, abs=1e-5)
    for table in ask(client, k=20).css(".why table"):
        products = [float(row.css("td")[2].text()) for row in table.css("tbody tr")]
        assert sum(products) == pytest.approx(float(table.css("tfoot td")[2].text()), abs=1e-4)


def test_neighbours_are_what_stands_beside_the_passage(client, service):
    """Whole sentences, next to the passage and not overlapping it."""
    question = "How many ships were counted in 1733?"
    for cited, article in zip(service.ask(question).passages, ask(client, question).css("article"), strict=True):
        passage, document = cited.hit.passage, cited.document
        before, _, after = "\n".join(p.text() for p in article.css(".around p")).partition(f"passage {cited.rank}")
        assert "".join(before.split()) in "".join(document.text[: passage.start].split())
        assert "".join(after.split()) in "".join(document.text[passage.end :].split())


def test_more_passages_than_there_may_be_are_as_many_as_there_may_be(client):
    """However large k is, a page shows the most that can be asked for."""
    most = len(ask(client, k=20).css("article"))

    assert most > 5
    assert len(ask(client, k=999_999).css("article")) == most


def test_the_original_is_linked_whatever_the_case_of_its_address(tmp_path):
    """Schemes of addresses have no case."""
    (tmp_path / "a.md").write_text("---\nurl: HTTPS://example.org/a\n---\n\nOne sentence.\n", encoding="utf-8")
    settings = Settings(corpus=tmp_path, index=tmp_path / "index")
    rebuild(settings, force=False, progress=lambda *_: None)
    service = Service(settings)
    service.open()

    shown = page(create_app(service).test_client().get(f"/documents/{document_id(service, 'a.md')}"))

    assert shown.css_first("p.about a").attributes["href"] == "HTTPS://example.org/a"
