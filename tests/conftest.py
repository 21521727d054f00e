"""Fixtures that build on each other: a tiny corpus, its index with the real model, and models that only pretend."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import hypothesis
import pytest
from flask.testing import FlaskClient

from qa.index import Index, open_index
from qa.rebuild import rebuild
from qa.service import Service
from qa.settings import Settings
from qa.vectors import DEFAULT_MODEL, Embedder
from tests.pretend import PretendConfined, PretendEmbedder, PretendTokenEncoder, write_files
from web.app import create_app

# The same examples on every run; `HYPOTHESIS_PROFILE=explore` looks for new ones, and for longer.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

Writer = Callable[[Path, Mapping[str, str | bytes]], Path]

TINY = {
    "lighthouse.md": """---
title: "The lighthouse of Skagen"
kind: article
source: "a travel guide"
url: https://example.org/lighthouse
language: en
license: CC0-1.0
---

# The lighthouse of Skagen

The lighthouse of Skagen was lit for the first time in 1858. It stands 46 metres high and is built of grey brick.

## Keepers

<!-- questions:
- Who looked after the lamp?
- What did the first lighthouse keeper earn?
-->

The first keeper was Anna Ancher, who earned 300 crowns a year. She kept three goats and a telescope.

Her duties were:

- to wind the clockwork every four hours,
- to clean the lens at dawn,
- to write down every ship that passed.
""",
    "garden.txt": """The botanical garden

== Greenhouses ==

The oldest greenhouse holds cacti from Mexico. The palm house was rebuilt after the storm of 1999.

== Visiting ==

The garden is open from nine to five. Admission is free on Sundays. Dogs are not allowed in the rose beds.
""",
    "notes/recipe.html": """<!doctype html><html lang="en"><head><title>Rhubarb soup</title></head><body>
<nav>Home</nav><h1>Rhubarb soup</h1><p>Rhubarb soup is eaten cold in summer. It takes one kilogram of rhubarb.</p>
<h2>Steps</h2><ol><li>Cut the stalks.<li>Boil them with sugar for ten minutes.<li>Thicken with potato starch.</ol>
<table><tr><th>Ingredient</th><th>Amount</th></tr><tr><td>Sugar</td><td>200 grams</td></tr></table></body></html>
""",
}


@pytest.fixture(scope="session")
def write() -> Writer:
    return write_files


@pytest.fixture(scope="session")
def tiny_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of an index of three small documents, built once with the real model. Do not change the folders."""
    root = tmp_path_factory.mktemp("tiny")
    settings = Settings(corpus=write_files(root / "corpus", TINY), index=root / "index")
    rebuild(settings, force=False, progress=lambda *_: None)
    return settings


@pytest.fixture(scope="session")
def tiny_index(tiny_settings: Settings) -> Index:
    return open_index(tiny_settings.index)


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """The default embedding model."""
    return Embedder(DEFAULT_MODEL)


@pytest.fixture
def pretend_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rebuilds use models without weights, and read the documents in this process."""
    monkeypatch.setattr("qa.corpus.Confined", PretendConfined)
    monkeypatch.setattr("qa.rebuild.Embedder", PretendEmbedder)
    monkeypatch.setattr("qa.rebuild.token_encoder", PretendTokenEncoder)


LONG_WORD = "Llanfair" * 1250  # 10,000 characters without a place to break
ODD = {
    "hostile.md": """---
title: "<script>document.title = 'owned'</script> & \\"quotes\\""
---

## The <b>bold</b> heading <img src=x onerror=alert(1)>

The password of the <script>alert(1)</script> vault is `</p><svg onload=alert(2)>`,
said <a href="javascript:alert(3)">Eve</a>.

```
</pre><script>document.title = "owned"</script>
```
""",
    "arabic.md": """---
title: "منارة الإسكندرية"
language: ar
---

# منارة الإسكندرية

## البناء

بنيت منارة الإسكندرية في القرن الثالث قبل الميلاد. The tower of Alexandria was about 100 metres high.
""",
    "word.txt": f"The longest word\n\nThe longest word of all, says the sign, is {LONG_WORD} and nobody can say it.\n",
    "chronicle.md": "# A chronicle\n\n"
    + "\n\n".join(
        f"## The year {year}\n\nIn {year} the harbour town counted {year * 7 % 1009} ships. The winter of {year} was "
        f"{'mild' if year % 2 else 'hard'}, and the market stayed open. " + "Nothing else was written down. " * 12
        for year in range(1700, 1770)
    ),
}


@pytest.fixture(scope="session")
def site_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of an index of the three small documents and of odd ones: hostile, right-to-left, endless, long."""
    root = tmp_path_factory.mktemp("site")
    corpus = write_files(root / "corpus", {**TINY, **ODD})
    settings = Settings(corpus=corpus, index=root / "index", feedback=root / "feedback.sqlite")
    rebuild(settings, force=False, progress=lambda *_: None)
    return settings


@pytest.fixture(scope="session")
def many_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of an index of 301 documents of one sentence: seven pages of the list. Every tenth has a question."""
    root = tmp_path_factory.mktemp("many")
    files = {}
    for number in range(301):
        question = "" if number % 10 else f"<!-- questions:\n- Who dug well {number}?\n-->\n\n"
        text = f"# Well {number}\n\n{question}Well {number} was dug in {1500 + number}.\n"
        files[f"{number // 100}/well-{number:03}.md"] = text
    corpus = write_files(root / "corpus", files)
    settings = Settings(corpus=corpus, index=root / "index")
    rebuild(settings, force=False, progress=lambda *_: None)
    return settings


@pytest.fixture(scope="session")
def service(site_settings: Settings) -> Service:
    opened = Service(site_settings)
    opened.open()
    return opened


@pytest.fixture
def client(service: Service) -> FlaskClient:
    return create_app(service).test_client()
