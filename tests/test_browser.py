"""The pages in a real Chromium: keyboard, clipboard, small screens, forced colours, and axe on every page."""

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from qa.answer import Claim, Disagreement
from qa.feedback import read
from qa.rebuild import rebuild
from qa.service import Service
from qa.settings import Settings
from tools.browser import CHROMIUM, FLAGS, ChromiumMissing, chromium, serving

pytestmark = pytest.mark.browser
ANSWERED = "How high is the lighthouse of Skagen?"
MODES = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "forced colours": {"forced_colors": "active", "color_scheme": "dark"},
    "320 px": {"viewport": {"width": 320, "height": 640}},
    "400 % zoom": {"viewport": {"width": 320, "height": 256}, "device_scale_factor": 4},
}
# One look takes axe about a second, so the modes that differ from light in few rules get the pages that differ most.
ALL_PAGES = ("light", "dark")
MAIN_PAGES = ("home", "answer", "disagreement", "documents", "document", "table")
AXE_OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


class _Disagreeing:
    """The service with two claims that differ and a supported answer in every reply."""

    def __init__(self, service):
        self.settings, self.index, self._service = service.settings, service.index, service

    def ask(self, *arguments, **options):
        reply = self._service.ask(*arguments, **options)
        first, second = (
            Claim(c.hit.passage.text[:40], value, c.rank, c.hit.passage.start, c.hit.passage.start + 40)
            for c, value in zip(reply.passages[:2], ("46 metres", "47 metres"), strict=True)
        )
        answer = reply.answer and replace(reply.answer, supported_by=(2, 3))
        return replace(reply, answer=answer, disagreements=(Disagreement(first, second),))


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module", params=[[], ["--disable-back-forward-cache"]], ids=["reloading", "as it was left"])
def going_back(request, browser):
    """Chromium as playwright runs it, which makes a page anew on the way back, and as people do: it often keeps it."""
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=FLAGS, ignore_default_args=request.param)
    with other as running:
        yield running


@pytest.fixture(scope="module")
def site(service):
    with serving(service) as address:
        yield address


@pytest.fixture(scope="module")
def many(many_settings):
    service = Service(many_settings)
    service.open()
    with serving(service) as address:
        yield address


@pytest.fixture(scope="module")
def disagreeing(service):
    with serving(_Disagreeing(service)) as address:
        yield address


@pytest.fixture(scope="module")
def refusing(site_settings):
    service = Service(replace(site_settings, min_confidence=1.0))
    service.open()
    with serving(service) as address:
        yield address


@pytest.fixture
def open_page(browser):
    """Open pages that may log no error and ask no other host for anything."""
    contexts, troubles = [], []

    def open_one(address, expected_errors=0, of=browser, **options):
        context = of.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda m: troubles.append(m.text) if m.type == "error" and not expected_errors else None)
        page.on("request", lambda r: None if r.url.startswith("http://127.0.0.1:") else troubles.append(r.url))
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert troubles == []


def asked(site, question=ANSWERED):
    return f"{site}/?q={quote(question)}"


def addresses(site, many, disagreeing, refusing, service):
    ids = {document.path: document.id for document in service.index.documents.values()}
    lighthouse = f"{site}/documents/{ids['lighthouse.md']}"
    return {
        "home": f"{site}/",
        "answer": asked(site),
        "refusal": asked(refusing),
        "disagreement": asked(disagreeing),
        "correction": asked(site, "How high is the lighthuose?"),
        "bad question": f"{site}/?q=%3F",
        "filter": f"{asked(site)}&documents={ids['lighthouse.md']}",
        "documents": f"{site}/documents",
        "page of documents": f"{many}/documents?page=4",
        "document": f"{lighthouse}?at=60-150",
        "gone": f"{lighthouse}?at=1-9&quote=Never+written",
        "hostile": f"{site}/documents/{ids['hostile.md']}",
        "right to left": f"{site}/documents/{ids['arabic.md']}",
        "long word": f"{site}/documents/{ids['word.txt']}",
        "long": f"{site}/documents/{ids['chronicle.md']}?part=2",
        "table": f"{site}/documents/{ids['notes/recipe.html']}",
        "interface": f"{site}/api",
        "not found": f"{site}/nowhere",
        "gone document": f"{asked(site)}&documents=gone",
    }


@pytest.mark.parametrize("mode", MODES)
def test_axe_finds_nothing(open_page, site, many, disagreeing, refusing, service, mode):
    """On every page, with all that can be unfolded unfolded; and no page scrolls sideways."""
    faults = []
    page = open_page("about:blank", expected_errors=1, **MODES[mode])
    for name, address in addresses(site, many, disagreeing, refusing, service).items():
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overflow > 0:
            faults.append((name, "scrolls sideways", overflow))
        if mode in ALL_PAGES or name in MAIN_PAGES:
            violations = Axe().run(page, options=AXE_OPTIONS).response["violations"]
            faults += [(name, v["id"], [node["html"][:120] for node in v["nodes"]]) for v in violations]

    assert faults == [], json.dumps(faults, indent=1)


def test_a_question_is_asked_by_keyboard_alone(open_page, site):
    """Focus is in the box; "/" and Ctrl+K bring it back; Enter asks; Tab reaches the skip link first."""
    page = open_page(site)
    page.keyboard.type(ANSWERED)
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_selector(".answer")

    assert page.input_value("#q") == ANSWERED
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for keys in ("/", "Control+k"):
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press(keys)
        assert page.evaluate("document.activeElement.id") == "q"
    assert page.input_value("#q") == ANSWERED


def test_every_control_shows_its_focus(open_page, site):
    """Walking through the page by Tab, each stop has an outline or lies in a box that has one."""
    page = open_page(asked(site))
    stops = 0
    for _ in range(60):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => { const e = document.activeElement; if (e === document.body) return null;
            const style = x => getComputedStyle(x);
            const shown = x => style(x).outlineStyle !== 'none' && parseFloat(style(x).outlineWidth) >= 2;
            return [e.outerHTML.slice(0, 80), shown(e) || shown(e.parentElement)]; }"""
        )
        if found is None:
            break
        assert found[1], found[0]
        stops += 1
    assert stops > 20


def test_suggestions_are_a_combobox(open_page, site):
    """Arrows move, Escape closes, Enter asks the chosen question."""
    page = open_page(site)
    page.keyboard.type("keeper")
    page.wait_for_selector("[role=option]")
    box = page.locator("#q")

    assert box.get_attribute("aria-expanded") == "true"
    assert "suggestions" in page.text_content("#announcer")
    assert Axe().run(page, options=AXE_OPTIONS).response["violations"] == []
    page.keyboard.press("Escape")
    assert box.get_attribute("aria-expanded") == "false"
    assert page.input_value("#q") == "keeper"
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("[role=option]")
    page.keyboard.press("ArrowDown")
    active = box.get_attribute("aria-activedescendant")
    chosen = page.locator(f"#{active} span").text_content()
    page.keyboard.press("Enter")
    page.wait_for_selector("article")
    assert page.input_value("#q") == chosen


def test_a_section_is_suggested_and_opened(open_page, site):
    """A click on it leads to its heading."""
    page = open_page(site)
    page.keyboard.type("greenh")
    page.click("[role=option]:has(small)")
    page.wait_for_selector("h2:target")

    assert "Greenhouses" in page.text_content("h2:target")


def test_suggestions_keep_to_the_documents_that_are_ticked(open_page, site):
    """As the question will."""
    page = open_page(site)
    page.click(".filter summary")
    page.get_by_role("checkbox", name="The lighthouse of Skagen").check()
    page.fill("#q", "the")

    expect(page.get_by_role("option")).to_have_count(2)  # other documents have many sections that begin so


def test_back_and_forward_keep_question_and_answer(open_page, site):
    """Every answer is an address, and a page that comes back is not busy."""
    page = open_page(asked(site))
    page.fill("#q", "Who was the first keeper?")
    page.click(".primary")
    page.wait_for_url("**first+keeper*")
    page.go_back()

    expect(page.locator("#q")).to_have_value(ANSWERED)
    expect(page.locator(".ask")).to_have_attribute("aria-busy", "false")
    page.go_forward()
    expect(page.locator("#q")).to_have_value("Who was the first keeper?")


def test_back_brings_no_filter_that_is_not_in_force(open_page, going_back, site):
    """A document that was ticked for the next question is not ticked any more, so that none is filtered silently."""
    page = open_page(site, of=going_back)
    page.click(".filter summary")
    page.locator(".filter input").first.check()
    page.fill("#q", ANSWERED)
    page.click(".primary")
    page.wait_for_url("**documents=*")
    page.go_back(wait_until="commit")

    expect(page.locator(".filter input:checked")).to_have_count(0)


def test_back_keeps_the_theme_that_was_chosen_since(open_page, going_back, site):
    """Its button too."""
    page = open_page(site, of=going_back)
    page.goto(f"{site}/documents")
    page.click(".theme button[value=dark]")
    page.go_back(wait_until="commit")

    expect(page.locator("html[data-theme=dark]")).to_have_count(1)
    expect(page.locator(".theme [aria-pressed=true]")).to_have_text("Dark")


def test_the_last_questions_can_be_cleared(open_page, site):
    """They are in this browser only; a question is listed once, the last one first."""
    page = open_page(asked(site))
    page.goto(asked(site, "Who was the first keeper?"))
    page.goto(asked(site))
    page.goto(site)

    assert page.locator("#recent a").all_text_contents() == [ANSWERED, "Who was the first keeper?"]
    page.click("#recent button")
    assert page.locator("#recent").is_hidden()
    page.reload()
    assert page.locator("#recent").is_hidden()


def test_the_result_is_announced(open_page, site):
    """Through a live region, after the page has loaded."""
    page = open_page(asked(site))

    expect(page.locator("#announcer")).to_contain_text("Answered")
    assert page.get_attribute("#announcer", "role") == "status"


def test_a_citation_is_copied(open_page, site):
    """The clipboard holds what the link leads to, and the copying is announced."""
    page = open_page(asked(site))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click(".answer .citing summary")
    page.click(".answer .citing a:text('BibTeX')")
    page.wait_for_selector(".answer .citing a:text('BibTeX copied')")

    assert page.evaluate("navigator.clipboard.readText()").startswith("@misc{")
    assert page.text_content("#announcer") == "BibTeX copied"


def test_code_and_tables_that_answer_are_laid_out(open_page, site, tmp_path, write):
    """Code can be selected and pasted as it was written, a table has cells; only prose has quotation marks."""
    before = "getComputedStyle(document.querySelector('.answer blockquote > *'), '::before').content"
    assert open_page(asked(site)).evaluate(before) == '"“"'
    code = "save:\n  - lamp"
    table = "| Oil | Price |\n|---|---|\n| whale oil | 5 crowns |\n| rape oil | 3 crowns |\n"
    corpus = write(
        tmp_path / "corpus",
        {"a.md": f"To save the lamp data:\n\n```\n{code}\n```\n", "b.md": f"# Prices of oil\n\n{table}"},
    )
    service = Service(Settings(corpus=corpus, index=tmp_path / "index", min_confidence=0))
    rebuild(service.settings, force=False, progress=lambda *_: None)
    service.open()

    with serving(service) as address:
        page = open_page(asked(address, "How do I save the lamp data?"))
        assert page.locator(".answer pre").inner_text() == code
        assert page.evaluate(before) == "none"
        page.goto(asked(address, "What is the price of whale oil?"))
        expect(page.locator(".answer").get_by_role("columnheader")).to_have_count(2)
        assert Axe().run(page, options=AXE_OPTIONS).response["violations"] == []


def test_the_theme_changes_at_once_and_stays(open_page, site):
    """Also on the next page, from its first paint on."""
    page = open_page(site, color_scheme="light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click(".theme button[value=dark]")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.goto(f"{site}/documents")

    assert light != dark
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    assert page.get_attribute(".theme button[value=dark]", "aria-pressed") == "true"


def test_the_list_is_turned_over_without_a_script(open_page, many):
    """By its links and by the box for a page that no link leads to; the title of each page is its own."""
    page = open_page(f"{many}/documents", java_script_enabled=False)
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_title("Documents, page 2 of 7 – Ask the documents")
    expect(page.get_by_text("51–100 of 301")).to_be_visible()
    page.get_by_label("Page", exact=True).fill("5")
    page.keyboard.press("Enter")
    expect(page.locator("nav [aria-current=page]").last).to_have_text("Page 5")
    page.get_by_role("link", name="Previous").click()
    page.get_by_role("link", name="Page 7").click()
    expect(page.get_by_role("listitem").filter(has_text="well-300.md")).to_be_visible()
    assert page.get_by_role("link", name="Next").count() == 0


def test_a_verdict_is_sent_once_without_leaving_the_answer(open_page, site, site_settings):
    """By a button alone, and a double click is one; the thanks take the place of the form and get the focus."""
    sent = []
    page = open_page(asked(site))
    page.on("request", lambda request: sent.append(request.post_data) if request.method == "POST" else None)
    page.fill("#comment", "Just so.")
    page.press("#comment", "Enter")
    page.dblclick(".feedback button[value=no]")
    page.wait_for_selector(".feedback p:text('was kept')")

    assert page.locator("section.answer").is_visible()
    assert len(sent) == 1
    assert not list(read(site_settings.feedback))[-1].helpful


def test_a_verdict_that_did_not_arrive_can_be_sent_again(open_page, site):
    """That is said once, however often it happens."""
    page = open_page(asked(site), expected_errors=2)
    yes = page.locator(".feedback button[value=yes]")
    page.context.set_offline(True)
    for _ in range(2):
        yes.click()
        expect(page.locator(".feedback [tabindex]")).to_be_focused()
        expect(yes).to_be_enabled()
        expect(page.locator(".feedback [tabindex]")).to_have_count(1)
    page.context.set_offline(False)
    yes.click()

    expect(page.locator(".feedback")).to_contain_text("was kept")


def test_a_verdict_that_is_refused_stays_with_the_reason(open_page, site):
    """What the server says is shown, as without a script."""
    page = open_page(asked(site), expected_errors=1)
    page.evaluate("document.querySelector('.feedback [name=doc]').value = '0'")
    page.click(".feedback button[value=yes]")
    page.wait_for_selector(".feedback p:text('was changed since')")

    assert page.locator(".feedback button[value=yes]").is_enabled()


def test_the_mark_is_scrolled_to(open_page, site, service):
    """The marked passage of a long document is in sight."""
    chronicle = next(d for d in service.index.documents.values() if d.path == "chronicle.md")
    start = chronicle.text.index("In 1750")
    page = open_page(f"{site}/documents/{chronicle.id}?at={start}-{start + 60}#at")

    assert page.locator("#at").text_content() == chronicle.text[start : start + 60]
    assert page.evaluate("document.getElementById('at').getBoundingClientRect().top") < 720


def test_all_of_it_works_without_javascript(open_page, site):
    """Asking, unfolding, opening, theme and verdict need no script."""
    page = open_page(site, java_script_enabled=False)
    assert page.locator(".keys").is_hidden()  # no script listens for them
    page.fill("#q", ANSWERED)
    page.keyboard.press("Enter")
    page.wait_for_selector(".answer")
    page.click("#p1 .why summary")
    assert page.locator("#p1 .why table").is_visible()
    page.click(".theme button[value=dark]")
    assert page.locator("html[data-theme=dark]").count() == 1
    assert page.locator("section.answer").count() == 1
    page.click(".feedback button[value=yes]")
    assert "Thank you" in page.text_content("h1")
    page.go_back()
    page.click("#p1 .tools > a")
    assert page.locator("mark#at").count() == 1


def test_hostile_documents_run_nothing(open_page, site, service):
    """Neither on their own page nor in an answer."""
    hostile = next(d for d in service.index.documents.values() if d.path == "hostile.md")
    for address in (f"{site}/documents/{hostile.id}", asked(site, "What is the password of the vault?")):
        page = open_page(address)
        assert page.title() != "owned"
        assert page.locator("article svg, article img, article script").count() == 0


def test_marks_differ_by_more_than_colour(open_page, site):
    """The answer has a line below it, matching words are bold with dots below."""
    page = open_page(asked(site))
    answer = page.evaluate("getComputedStyle(document.querySelector('article mark')).borderBottomStyle")
    word = page.evaluate(
        "(s => [s.textDecorationStyle, s.fontWeight])(getComputedStyle(document.querySelector('article b')))"
    )

    assert answer == "solid"
    assert word == ["dotted", "700"]


def test_nothing_moves_when_motion_is_unwanted(open_page, site):
    """No animation runs while a question is on its way."""
    page = open_page(site, reduced_motion="reduce")
    page.evaluate("document.querySelector('.ask').setAttribute('aria-busy', 'true')")

    assert page.evaluate("getComputedStyle(document.querySelector('.box'), '::after').animationName") == "none"


def test_print_shows_the_text_alone(open_page, site):
    """Controls are left out on paper."""
    page = open_page(asked(site))
    page.emulate_media(media="print")

    assert page.locator("article .text").first.is_visible()
    for control in ("header.site", ".tools", ".feedback", ".primary"):
        assert page.locator(control).first.is_hidden()


def test_a_page_stays_small(open_page, site):
    """An answer with its style sheet, scripts and icon: under 60 kB, and only page and style sheet are waited for."""
    page = open_page("about:blank")
    sizes = {}
    page.on("response", lambda response: sizes.update({response.url: len(response.body())}))
    page.goto(asked(site), wait_until="networkidle")
    blocking = page.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.renderBlockingStatus === 'blocking').map(e => e.name)"
    )

    assert sum(sizes.values()) < 60_000, sizes
    assert [url.rpartition("/")[2] for url in blocking] == ["style.css"]
    page.goto(f"{site}/documents", wait_until="networkidle")
    files = page.evaluate("performance.getEntriesByType('resource').map(e => [e.name, e.transferSize])")
    assert len(files) > 2
    assert [name for name, bytes_sent in files if bytes_sent] == []  # the next page asks for none of them again


def test_a_missing_chromium_is_named_with_the_command_that_mends_it(monkeypatch):
    """Nobody has to guess what the browser tests need."""
    monkeypatch.setattr("tools.browser.CHROMIUM", Path("/nowhere/chromium"))

    with pytest.raises(ChromiumMissing, match=r"/nowhere/chromium is missing.*apt-get install -y chromium"), chromium():
        pass
