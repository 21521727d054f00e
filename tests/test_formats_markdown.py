import time
from math import isqrt

import pytest

from qa.formats import markdown
from tests.growth import check_growth


def kinds(source):
    parsed = markdown.parse(source)
    return [(block.kind, block.level, parsed.text[block.content : block.end]) for block in parsed.blocks]


def test_markup_is_gone_and_entities_are_decoded():
    """The text is what a reader sees: no markup, tags or comments; link texts, image descriptions and entities stay."""
    source = "# A *b* `c` &amp; d\n\n[link](http://x) ![cat](y.png) <b>bold</b><!-- no --> a<br>b \\* &nbsp;x\nnext"

    assert kinds(source) == [
        ("heading", 1, "A b c & d"),
        ("paragraph", 0, "link cat bold a\nb * \u00a0x\nnext"),
    ]


def test_lists_keep_their_depth_and_get_markers():
    """List items are blocks with their depth; markers are set anew, numbers go on from the first one."""
    parsed = markdown.parse("3. three\n7. four\n   - deep\n\n     more of deep\n\n* x")

    assert parsed.text == "3. three\n4. four\n- deep\nmore of deep\n- x"
    assert [block.level for block in parsed.blocks] == [0, 0, 1, 1, 0]
    assert [parsed.text[block.start : block.content] for block in parsed.blocks] == ["3. ", "4. ", "- ", "", "- "]


def test_tables_become_rows_of_cells():
    """A table row is one block, its cells parted by bars; a line break in a cell is a space."""
    assert kinds("|a|b|\n|-|-|\n|c<br>d|`e`|\n||f|\n|||") == [
        ("header", 0, "a | b"),
        ("row", 0, "c d | e"),
        ("row", 0, "| f"),
    ]


def test_a_list_of_links_within_the_document_is_left_out():
    """A table of contents would answer in place of its sections; links that a sentence leads in are text."""
    contents = "- [Who can *vote*?](#who)\n  1. [b][]\n\n[b]: #b"

    assert kinds(f"## Contents\n\n{contents}\n\nx") == [("heading", 2, "Contents"), ("paragraph", 0, "x")]
    assert len(kinds(f"You can use one of these:\n\n{contents}")) == 3
    assert len(kinds(contents.replace("#b", "b.md"))) == 2
    assert len(kinds(contents.replace("[b][]", "[b][] and more"))) == 2
    assert len(kinds(contents.replace("[b][]", "```\n     b\n     ```"))) == 2


def test_code_keeps_its_lines():
    """Fenced and indented code keeps line breaks, indentation and characters that are markup elsewhere."""
    source = "```py\n  a = *b*\n\nc\n```\n\ntext\n\n    d <e>"

    assert kinds(source) == [("code", 0, "  a = *b*\n\nc"), ("paragraph", 0, "text"), ("code", 0, "d <e>")]


def test_text_in_html_blocks_is_read():
    """What a reader sees of an HTML block belongs to the text; scripts and comments do not."""
    source = (
        "<details><summary>More</summary>\n<ul><li>hidden <b>word</b></ul>\n</details>\n\n<script>no()</script>\n\nend"
    )

    assert [text for _, _, text in kinds(source)] == ["More", "hidden word", "end"]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("It cost <del>6</del> <ins>7</ins> crowns", "It cost 7 crowns"),
        ("It cost ~~6~~ 7 *crowns*", "It cost 7 crowns"),
        ("10<sup>6</sup> people", "10⁶ people"),
        ("a <script>alert(1)</script> <style>b</style> c\n`<d>` &lt;e>", "a c\n<d> <e>"),
        ("a <span hidden>b <span>c</span> d</span> <i style='display:none'>e</i> f", "a f"),
        ("## A <a href='#a'>¶</a>", "A"),
        ("a <main>b</main> c", "a\nb\nc"),
        ("Write <title>, <script> and </style> in *full*", "Write , and in full"),
        ('![a <b>c</b>](d) <img alt="e"> f', "a c e f"),
    ],
)
def test_html_within_a_paragraph_is_read_as_in_a_page(source, text):
    """Struck-out and hidden text goes, superscripts are marked; a tag that is never closed takes nothing with it."""
    assert markdown.parse(source).text == text


@pytest.mark.parametrize(
    "formula",
    [
        *("$L*2*W$", "$A_i^*$ and $B_i^*$", r"$\{x_1, x_2\}$", "$a<b>c$", r"$\$5*2*w$", "$$a_1*b_1$$"),
        "$$\n\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix} \\, v\n$$",
        "so\n$$\na\n+ b\n- c\n$$",
    ],
)
def test_a_formula_stays_as_it_is_written(formula):
    """What is markup elsewhere, or begins a list, is part of a formula and would be missing in it."""
    assert markdown.parse(f"It is {formula}").text == f"It is {formula}"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("It costs $5, *not* $6 or $ 7$.", "It costs $5, not $6 or $ 7$."),
        ("\\$5 *or* x$", "$5 or x$"),
        ("`$a` *or* `b$`", "$a or b$"),
        ("its id is $$\n- *so* is $$", "its id is $$\n\n- so is $$"),
        ("$$ open\n- *b*\n\n$$", "$$ open\n\n- b\n\n$$"),
        ("- $$ open\n\n  *a*\n- b $$", "- $$ open\na\n- b $$"),
    ],
)
def test_prices_and_signs_are_no_formulas(source, text):
    """By Pandoc's rule: no space within the dollars, no digit behind them; and no blank line in a formula."""
    assert markdown.parse(source).text == text


def test_a_table_in_html_may_hold_blank_lines():
    """HTML blocks that only blank lines part are one page: the cells of a table stay in their rows."""
    source = (
        "<table>\n\n<tr><td>Length</td><td>300 m</td></tr>\n\n<tr><td>Height</td><td>50 m</td></tr>\n\n</table>\n\nend"
    )

    assert kinds(source) == [("row", 0, "Length | 300 m"), ("row", 0, "Height | 50 m"), ("paragraph", 0, "end")]


def test_a_footnote_is_no_link_definition():
    """A footnote that is one word or address stays in the text; link definitions do not."""
    source = "Opened[^1] [here].\n\n[^1]: https://example.org/a\n[^2]: Ibid.\n\n[here]: https://example.org/b"

    assert markdown.parse(source).text == "Opened[^1] here.\n\n[^1]: https://example.org/a\n[^2]: Ibid."


def test_text_that_an_open_comment_swallows_is_named():
    """All text after a comment that is never closed is missing: a notice says where it begins."""
    parsed = markdown.parse("# A\n\n<!-- questions:\n- Who?\n\ntext\n\n# B\n\nmore")

    assert parsed.text == "A"
    assert parsed.notices == (
        "the text from “<!-- questions: - Who? text # B more” on is missing: it is never closed with “-->”",
    )


def test_questions_in_comments_know_their_place():
    """A `questions:` comment gives questions with the offset where it stands; other comments give none."""
    front = "---\nquestions:\n- First?\n---\n"
    source = f"{front}# A\n\n<!-- questions:\n- Who?\n* Why  \n-->\n\ntext\n\n# B\n\n<!--questions:\n- What?\n-->"

    parsed = markdown.parse(source)

    assert parsed.questions == ((0, "First?"), (1, "Who?"), (1, "Why"), (10, "What?"))
    assert parsed.text == "A\n\ntext\n\nB"


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("questions:\n1. Who\n   came?\n2) Why?\n+ When?\n", ["Who came?", "Why?", "When?"]),
        ("questions:\n1) Who came\n• why\n – when\n", ["Who came", "why", "when"]),
        ("Questions: Who came", ["Who came"]),
        ("question: Who? - Why?", ["Who?", "Why?"]),
        ("questions:\nWho?\nWhy?\n", ["Who?", "Why?"]),
        ("questions:\n-\n- Who?", ["Who?"]),
    ],
)
def test_questions_are_listed_in_any_usual_way(listed, found):
    """Any bullet, none, or all on one line will do; an item goes on until the next."""
    parsed = markdown.parse(f"<!-- {listed} -->\n\nText.")

    assert parsed.questions == tuple((0, question) for question in found)
    assert (parsed.text, parsed.notices) == ("Text.", ())


def test_a_list_of_questions_may_stand_on_a_line_of_text():
    """Questions in a comment within a paragraph or heading belong to the section that it stands in."""
    source = "# A <!-- questions: Who? -->\n\nText.\n\n- b <!-- questions: Why? - When? -->"

    assert markdown.parse(source).questions == ((1, "Who?"), (13, "Why?"), (13, "When?"))


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("questions: One string?", ["One string?"]),
        ("Question: |\n  - One\n    string?\n  - Two", ["One string?", "Two"]),
        ("questions:\n- What is DS9: the show?\n- Two", ["What is DS9: the show?", "Two"]),
        ("questions:\n  What is DS9: the show?", ["What is DS9: the show?"]),
    ],
)
def test_questions_in_front_matter_are_read_as_they_are_meant(listed, found):
    """One string is a list too, and a colon in a question does not lose it."""
    parsed = markdown.parse(f"---\n{listed}\n---\nText.")

    assert parsed.questions == tuple((0, question) for question in found)
    assert parsed.notices == ()


@pytest.mark.parametrize(
    ("source", "notice"),
    [
        (
            "<!-- questions: of the day\n- Who?\n-->",
            "attached questions not read: “of the day”; write each on a line of its own, such as: - Who built it?",
        ),
        (
            "<!-- questions:\nwho came\nwhy\n-->",
            "attached questions not read: “who came why”; write each on a line of its own, such as: - Who built it?",
        ),
        (
            "---\nquestions:\n- [Who, why]\n- Who?\n---\n",
            '1 of the attached questions not read; write each in quotation marks, such as: - "Who built it?"',
        ),
    ],
)
def test_questions_that_are_not_understood_are_named(source, notice):
    """Whatever is not read of a list of questions gives a notice that says how to write it."""
    assert markdown.parse(f"{source}\n\nText.").notices == (notice,)


def test_front_matter_is_plain_text_values():
    """Values of the front matter stay the text that they are, on one line; lists and maps are left out."""
    parsed = markdown.parse(
        '---\ntitle: "A: b"\ndate: 2020-01-01\nflag: yes\nnone:\ntags: [a]\nlong: >\n  x\n  y\n...\nText.'
    )

    assert parsed.metadata == {"title": "A: b", "date": "2020-01-01", "flag": "yes", "long": "x y"}
    assert parsed.text == "Text."


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        ('title: "open', "found unexpected end of stream"),
        ("a: b: c", "mapping values are not allowed here"),
        ("? [a]\n: b", "found unhashable key"),
        ("a: &x *y", "alias"),
        ("[" * 5000, "it is nested too deeply"),
        ("a: \x01", "special characters are not allowed"),
        ('a: "\\UFFFFFFFF"', ""),
        ('a: "\\U00110000"', ""),
    ],
)
def test_bad_front_matter_is_named_and_the_text_is_read(front, reason):
    """Front matter that cannot be read gives a notice with the reason, no metadata, and does not hide the text."""
    parsed = markdown.parse(f"---\n{front}\n---\nText.")

    assert parsed.text == "Text."
    assert parsed.metadata == {}
    assert parsed.notices[0].startswith("front matter ignored: ")
    assert reason in parsed.notices[0]


def test_a_bomb_of_aliases_is_harmless():
    """Aliases that stand for thousands of millions of values cost nothing."""
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join(['*' + old] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    began = time.process_time()

    parsed = markdown.parse(f"---\n{bomb}questions: *i\ntitle: T\n---\nText.")

    assert (parsed.metadata, parsed.questions, parsed.text) == ({"title": "T"}, (), "Text.")
    assert time.process_time() - began < 1


def test_halves_of_characters_do_not_get_into_the_metadata():
    """An escape of half a surrogate pair in the front matter becomes a question mark."""
    assert markdown.parse('---\ntitle: "a\\ud800b"\n---\nText.').metadata == {"title": "a?b"}


@pytest.mark.parametrize(
    "source", ["---\nText between rules.\n\n---\n\nMore.", "---\n- a\n- b\n---\nText.", "---\n\n---"]
)
def test_text_between_two_rules_is_text(source):
    """Two horizontal rules with text between them are no front matter: no word is lost."""
    text = markdown.parse(source).text

    assert all(word in text for word in source.replace("-", " ").split())


def test_empty_front_matter_ends_at_once():
    """Front matter without a line ends at its own end, not at a later rule."""
    assert markdown.parse("---\n---\nkept: one\n\n---\n\nkept two").text == "kept: one\n\nkept two"


def test_front_matter_that_never_ends_is_read_as_text():
    """Front matter longer than 65,536 characters is not read as YAML, which would take long; a notice says so."""
    parsed = markdown.parse("---\n" + "a: b\n" * 20_000 + "---\nText.")

    assert parsed.notices == ("front matter not read: it is longer than 65,536 characters",)
    assert parsed.text.endswith("Text.")


@pytest.mark.parametrize(
    ("source", "count"),
    [
        (lambda n: ">" * n + " a", 10_000),
        (lambda n: "> " * n + "a", 10_000),
        (lambda n: "[" * n + "a", 10_000),
        (lambda n: "![" * n, 5_000),
        (lambda n: "[a](" * n, 10_000),
        (lambda n: "- " * n + "a", 10_000),
        (lambda n: "\n".join("  " * depth + "- a" for depth in range(isqrt(n))), 1_000_000),
        (lambda n: "*a " * n, 20_000),
        (lambda n: "`a``" * n, 10_000),
        (lambda n: "<" * n, 20_000),
        (lambda n: "<!-- questions:\n" * n, 20_000),
        (lambda n: "<!-- questions:" + "\n" * n, 100_000),
        (lambda n: "<!-- questions:" + "\n- a?" * n + "-->", 50_000),
        (lambda n: "a <del>" * n, 20_000),
        (lambda n: "a <del>b</del>" * n, 20_000),
        (lambda n: "a ~~b~~" * n, 20_000),
        (lambda n: "<div>\n\n" * n, 10_000),
        (lambda n: "---\n" + "[" * n + "\n---\n", 10_000),
        (lambda n: "&" * n, 50_000),
        (lambda n: "|a" * n + "\n" + "|-" * n, 20_000),
    ],
    ids=lambda value: repr(value(1)[:14]) if callable(value) else None,
)
def test_deep_or_endless_markup_takes_no_more_than_its_share_of_time(source, count):
    """Markup nested or repeated thousands of times neither fails nor hangs."""
    check_growth(markdown.parse, source, count)
