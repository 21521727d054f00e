import pytest

from qa.documents import parse_document
from qa.extent import MAX_ANSWER_CHARS, extent
from qa.passages import passages_of
from qa.sections import sections_of

FAQ = "**How do I join the club?**\n\nFill in the form. Pay 20 euros.\n\n**Who runs it?**\n\nAnna Berg does."
STEPS = "1. Open the page of the router.\n2. Choose Wi-Fi.\n3. Type the new password."
FIRE = "In a fire, do not:\n\n- Use the lift.\n- Go back in.\n\nInstead:\n\n- Walk down.\n- Call for help."
TABLE = "| Size | Price |\n|---|---|\n| small | 3 |\n| large | 5 |"
CODE = "```sh\nmount /mnt\n  # everything\nsave --all /mnt\n```"
CLAUSES = "Tenants shall:\n\n(a) not keep animals, other than\n\n(i) dogs;\n\n(ii) cats;\n\n(b) sweep."
LONG = "It is long" + ", and goes on" * 22 + "."  # with anything else, an answer would be too long


def quoted(source: str, sentence: str, path: str = "a.md", *, gives_value: bool = False) -> str:
    """Return what is quoted when this sentence is the one that answers; all others fit the question equally well."""
    document, _ = parse_document(path, source)
    for section in sections_of(document):
        for passage in passages_of(document, section):
            sentences = [document.text[start:end] for start, end in passage.sentences]
            if sentence in sentences:
                scores, chosen = [0.0] * len(sentences), sentences.index(sentence)
                start, end = extent(document, passage, scores, chosen, gives_value=gives_value)
                assert passage.start <= start < end <= passage.end
                return document.text[start:end]
    raise AssertionError(f"{sentence!r} is no sentence")


@pytest.mark.parametrize(
    ("source", "sentence", "expected"),
    [
        (FAQ, "How do I join the club?", "How do I join the club?\n\nFill in the form. Pay 20 euros."),
        (FAQ, "Anna Berg does.", "Who runs it?\n\nAnna Berg does."),
        ("noauto\n\nIt is not mounted.\n\nuser\n\nAnyone may.", "noauto", "noauto\n\nIt is not mounted."),
        ("Bring:\n\nA rope. A lamp.\n\nGo early.", "Bring:", "Bring:\n\nA rope. A lamp."),
        (f"To save:\n\n{CODE}", "To save:", "To save:\n\nmount /mnt\n  # everything\nsave --all /mnt"),
        (f"To know:\n\n- ask\n\n{TABLE}", "To know:", "To know:\n\n- ask"),
        (f"Look up:\n\nPrices\n\n{TABLE}", "Look up:", "Look up:\n\nPrices\n\nSize | Price\nsmall | 3\nlarge | 5"),
        (f"- Tea\n\n  It is hot.\n- {LONG}", "Tea", "Tea\nIt is hot."),
        ("Absent: P. Haas\n\nThe chair opened the meeting.", "Absent: P. Haas", "Absent: P. Haas"),
        ("The end\n\nThe beginning", "The end", "The end"),
        (f"What is it?\n\n{LONG}", "What is it?", LONG),
        ("How long is it?\n\n300 metres", "How long is it?", "How long is it?\n\n300 metres"),
        ("**To pack**\n\n- a tent\n- a lamp", "To pack", "To pack\n\n- a tent\n- a lamp"),
        ("37 calls were lost\n\nReport skipped: disk full", "37 calls were lost", "37 calls were lost"),
        ("Note:\n\n- Come early.\n- Bring a lamp.", "Come early.", "Note:\n\n- Come early."),
        (f"- Papers\n  - a passport\n- a lamp\n- {LONG}", "Papers", "Papers\n- a passport"),
        (f"- Bring:\n- a lamp\n\n{LONG}", "Bring:", "Bring:\n- a lamp"),
    ],
)
def test_what_leads_up_to_text_is_quoted_with_it(source, sentence, expected):
    """A question, a term or a lead-in is no answer alone; it goes on into the text below as far as there is room."""
    assert quoted(source, sentence) == expected


def test_a_numbered_title_of_plain_text_leads_up_to_the_text_right_below():
    """A title that looks like an item, on the line above its text, is no answer alone; one set apart is an item."""
    title, text = "1. How to return goods", "Goods may be sent back within thirty days."

    assert quoted(f"{title}\n{text}", title[3:], "a.txt") == f"{title[3:]}\n{text}"
    assert quoted(f"{title}\n\n{text}\n\n{LONG}", title[3:]) == title[3:]


def test_a_description_is_quoted_with_its_term():
    """A value is quoted with what it is the value of, and no further."""
    source = "<dl><dt>Price</dt><dd>90 euros</dd><dt>Weight</dt><dd>13 kg</dd></dl>"

    assert quoted(source, "Price", "a.html") == "Price\n\n90 euros"
    assert quoted(source, "13 kg", "a.html") == "Weight\n\n13 kg"
    assert quoted("<dl><dt>-j</dt> <dt>--jobs</dt><dd>Run four.</dd></dl>", "Run four.", "a.html").startswith("-j\n")


@pytest.mark.parametrize(
    ("source", "sentence", "expected"),
    [
        (FIRE, "Go back in.", "In a fire, do not:\n\n- Use the lift.\n- Go back in."),
        (FIRE, "Call for help.", "Call for help."),
        (f"Only for owners:\n\n- {LONG}\n- Sell it.", "Sell it.", f"Only for owners:\n\n- {LONG}\n- Sell it."),
        (f"Never do this:\n\n- {LONG}", "Never do this:", f"Never do this:\n\n- {LONG}"),
        ("- Don’t:\n  - Smoke.\n  - Shout.\n- Smile.", "Shout.", "Don’t:\n- Smoke.\n- Shout."),
        ("- Don’t:\n  - Smoke.\n  - Shout.\n- Smile.", "Smile.", "Smile."),
        ("Nobody may:\n\n(a) Smoke.\n\n(b) Shout.", "Shout.", "Nobody may:\n\n(a) Smoke.\n(b) Shout."),
        (f"{CLAUSES}\n\n(c) {LONG}", "dogs;", "not keep animals, other than\n(i) dogs;"),
        (f"{CLAUSES}\n\n(c) {LONG}", "sweep.", "sweep."),
        (f"Not so{', not so' * 30}:\n\n{STEPS}", "Choose Wi-Fi.", f"Not so{', not so' * 30}:\n\n{STEPS}"),
    ],
)
def test_an_item_is_quoted_with_the_lead_in_that_denies_it(source, sentence, expected):
    """Without "do not:" an item would say the opposite, so the answer begins there, however long that makes it."""
    assert quoted(source, sentence) == expected


@pytest.mark.parametrize(
    ("source", "sentence", "expected"),
    [
        (STEPS, "Choose Wi-Fi.", "Choose Wi-Fi."),
        ("- 200 g flour\n- 5 apples", "5 apples", "- 200 g flour\n- 5 apples"),
    ],
)
def test_a_step_that_gives_the_value_is_enough(source, sentence, expected):
    """Where the step holds the date, number or name that was asked for the others are left out; names stay whole."""
    assert quoted(source, sentence, gives_value=True) == expected


@pytest.mark.parametrize(
    ("source", "sentence", "expected"),
    [
        (STEPS, "Choose Wi-Fi.", STEPS),
        (f"To change it:\n\n{STEPS}", "Choose Wi-Fi.", f"To change it:\n\n{STEPS}"),
        (f"{STEPS}\n4. {LONG}", "Choose Wi-Fi.", "Choose Wi-Fi."),
        (f"- a cable\n- a pen\n\n{STEPS}", "Choose Wi-Fi.", STEPS),
        (f"- a cable\n- a pen\n\n{STEPS}", "a pen", "- a cable\n- a pen"),
        ("- 200 g flour\n- 5 apples", "5 apples", "- 200 g flour\n- 5 apples"),
        ("- Writer: Ann\n- Cook: Bo", "Cook: Bo", "Cook: Bo"),
        (TABLE, "large | 5", "Size | Price\nsmall | 3\nlarge | 5"),
        (f"{TABLE}\n| {LONG} | |", "Size | Price", "Size | Price\nsmall | 3\nlarge | 5"),
        (f"{TABLE}\n| {LONG} | |", "large | 5", "large | 5"),
        (CODE, "# everything", "mount /mnt\n  # everything\nsave --all /mnt"),
        (f"```\nmount /mnt\n\n{LONG}\n```", "mount /mnt", "mount /mnt"),
    ],
)
def test_what_means_little_in_part_is_quoted_whole(source, sentence, expected):
    """Steps, mere names, tables with a header and code are given whole, or in part where the whole is too long."""
    assert quoted(source, sentence) == expected
    assert len(expected) <= MAX_ANSWER_CHARS
