import re
from dataclasses import fields
from pathlib import Path

import pytest

from qa.cli import main
from qa.settings import Settings, variable

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("spec", fields(Settings), ids=lambda spec: spec.name)
def test_each_setting_is_in_the_readme(spec):
    """The configuration table gives the variable of every setting with its default."""
    assert f"| `{variable(spec.name)}` | `{spec.default}` |" in README


def test_no_variable_of_the_readme_is_made_up():
    """Every QA_ variable that the documentation names is a setting."""
    known = {variable(spec.name) for spec in fields(Settings)}
    named = {name for page in PAGES for name in re.findall(r"\bQA_[A-Z_]+\b", page.read_text(encoding="utf-8"))}

    assert named <= known


@pytest.mark.parametrize("command", sorted(main.commands))
def test_each_command_is_in_the_readme(command):
    """The table of commands has every command."""
    assert f"`qa {command}" in README


@pytest.mark.parametrize(
    "record", ["Ask", "Reply", "Answer", "Passage", "Explanation", "WhyNot", "Suggestion", "Listed"]
)
def test_each_field_of_the_interface_is_in_its_docs(record, client):
    """docs/api.md names every field that is sent or replied, alone or as part of another one."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    described = client.get("/api/v1/openapi.json").get_json()["components"]["schemas"][record]

    for name in described["properties"]:
        assert re.search(rf"[`.]{name}`", page), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page):
    """Every relative link and picture of the documentation exists."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target
