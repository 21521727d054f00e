from qa.documents import parse_document
from qa.sections import sections_of


def sections(source, path="a.md"):
    document, _ = parse_document(path, source)
    return [(s.headings, document.text[s.start : s.end], s.questions) for s in sections_of(document)]


def test_sections_carry_the_headings_above_them():
    """A section knows its headings, outermost first; a heading of the same or a higher level ends those below."""
    source = "above\n\n# A\n\na\n\n### C\n\nc\n\n## B\n\nb\n\n# D\n\nd"

    assert [(headings, text) for headings, text, _ in sections("---\ntitle: T\n---\n" + source)] == [
        ((), "above"),
        (("A",), "a"),
        (("A", "C"), "c"),
        (("A", "B"), "b"),
        (("D",), "d"),
    ]


def test_a_heading_that_repeats_the_title_is_no_label():
    """The document's title is not said again in front of its sections."""
    assert sections("# T\n\na\n\n## B\n\nb") == [((), "a", ()), (("B",), "b", ())]


def test_headings_without_text_make_no_section():
    """A heading without text of its own only stands above others; a document of headings alone has no section."""
    assert sections("# A\n\n## B\n\nb\n\n## C") == [(("B",), "b", ())]
    assert sections("# A\n\n## B") == []


def test_a_table_of_contents_is_in_no_section():
    """Three or more names of later headings in a row are left out, numbered or not; what a sentence leads in stays."""
    contents = "1. Fees\n2. Members .... 3\n3. Board\n"
    body = "# Fees\n\na\n\n# 2 Members\n\nb\n\n# Board\n\nc"
    texts = ["a", "b", "c"]

    assert [text for _, text, _ in sections(f"{contents}\n{body}")] == texts
    assert [text for _, text, _ in sections(f"# Contents\n\nAbove\n\n{contents}\nBelow\n\n{body}")] == [
        "Above",
        "Below",
        *texts,
    ]
    assert len(sections(f"The rules speak of these:\n\n{contents}\n{body}")) == 4
    assert len(sections(f"{contents.replace('Board', 'Others')}\n{body}")) == 4
    assert len(sections(f"{body}\n\n# End\n\n{contents}")) == 4


def test_questions_belong_to_the_section_where_they_stand():
    """Questions go to their section, those above all text or below an empty heading to the next one with text."""
    source = """---
questions:
- Zero?
---
# T

<!-- questions:
- One?
-->

## Empty

<!-- questions:
- Two?
-->

## Full

text <!-- no -->

<!-- questions:
- Three?
-->

more

## Next

next

<!-- questions:
- Four?
-->
"""

    assert sections(source) == [
        (("Full",), "text \n\nmore".replace(" \n", "\n"), ("Zero?", "One?", "Two?", "Three?")),
        (("Next",), "next", ("Four?",)),
    ]


def test_thousands_of_questions_and_sections_are_no_trouble():
    """Each of 5,000 sections gets its own question."""
    source = "".join(f"# H{i}\n\n<!-- questions:\n- Q{i}?\n-->\n\ntext\n\n" for i in range(5_000))

    assert [questions for _, _, questions in sections(source)] == [(f"Q{i}?",) for i in range(5_000)]
