"""Make the screenshots of the documentation.

    python tools/screenshots.py [--index index] [--out docs/screenshots]

The question of the answer is the best-answered example of the index. The disagreement needs documents that disagree, so
it comes from two made-up ones.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import click
from playwright.sync_api import Browser

from qa.quotes import lasting_link
from qa.rebuild import rebuild
from qa.service import Service
from qa.settings import Settings, from_environment
from tools.browser import chromium, serving
from web.suggestions import examples

WIDE, PHONE = {"width": 1120, "height": 800}, {"width": 390, "height": 844}
NOT_IN_DOCUMENTS = "How much fish sauce belongs in a pad thai?"
DIFFERING = {
    "guide.md": "# The harbour guide\n\n## The bridge\n\nThe harbour bridge was opened on 3 May 1990.\n",
    "almanac.md": "# The town almanac\n\n## Buildings\n\nThe harbour bridge was opened by the mayor on 4 June 1991.\n",
}
DIFFERING_QUESTION = "When was the harbour bridge opened?"


@click.command()
@click.option("--index", type=click.Path(path_type=Path), default=from_environment().index, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/screenshots"), show_default=True)
def main(index: Path, out: Path) -> None:
    """Serve the index, visit the pages, write the pictures."""
    out.mkdir(parents=True, exist_ok=True)
    service = Service(replace(Settings(), index=index))
    service.open()
    with chromium() as browser, TemporaryDirectory() as folder:
        with serving(service) as site:
            for name, path in _pages(service).items():
                _shoot_all(browser, site + path, out, name)
        with serving(_differing(Path(folder))) as site:
            _shoot_all(browser, site + _asked(DIFFERING_QUESTION), out, "disagreement")


def _pages(service: Service) -> dict[str, str]:
    """Return the address of each page by its name."""
    best = examples(service)[0]
    cited = service.ask(best)
    found = {"home": "/", "answer": _asked(best), "refusal": _asked(NOT_IN_DOCUMENTS)}
    if cited.answer:
        document = cited.passages[cited.answer.passage - 1].document
        found["document"] = lasting_link(document, cited.answer.start, cited.answer.end)
    return found


def _differing(folder: Path) -> Service:
    """Return a service on two documents that differ."""
    settings = replace(Settings(), corpus=folder / "corpus", index=folder / "index")
    settings.corpus.mkdir()
    for name, text in DIFFERING.items():
        (settings.corpus / name).write_text(text, encoding="utf-8")
    rebuild(settings, force=False, progress=lambda *_: None)
    service = Service(settings)
    service.open()
    return service


def _asked(question: str) -> str:
    return "/?" + urlencode({"q": question})


def _shoot_all(browser: Browser, address: str, out: Path, name: str) -> None:
    _shoot(browser, address, out / f"{name}-light.png", "light", WIDE)
    _shoot(browser, address, out / f"{name}-dark.png", "dark", WIDE)
    _shoot(browser, address, out / f"{name}-phone.png", "light", PHONE)


def _shoot(browser: Browser, address: str, path: Path, scheme: str, viewport: dict[str, int]) -> None:
    page = browser.new_page(color_scheme=scheme, viewport=viewport)
    page.goto(address, wait_until="networkidle")
    page.screenshot(path=path)
    page.close()
    print(path)


if __name__ == "__main__":
    main()
