import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.values import Kind, Value, agree, confirms, contradict, kind_asked_for, values_of


def only(sentence: str, kind: Kind) -> Value:
    (found,) = values_of(sentence, kind)
    return found


def texts(sentence: str, kind: Kind) -> list[str]:
    return [value.text for value in values_of(sentence, kind)]


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When was the lighthouse lit?", "date"),
        ("when lighthouse lit", "date"),
        ("The lighthouse: when did it burn?", "date"),
        ("What does the keeper say when the lamp goes out?", None),
        ("Who keeps the lamp when Anna is ill?", "name"),
        ("When all is lost, what do they sing?", None),
        ("In which year did it burn?", "date"),
        ("On what date did the pier fall?", "date"),
        ("How many keepers were there?", "number"),
        ("How long is the dam?", "number"),
        ("What is the height of the tower?", "number"),
        ("Who kept the light?", "name"),
        ("Whose telescope was it?", "name"),
        ("What do the goats eat?", None),
        ("Why was the museum moved?", None),
    ],
)
def test_the_kind_that_is_asked_for(question, kind):
    """When and which year ask for a date, how many and how long for a number, who for a name, what for none of them.

    "When" asks for nothing where it only says at which moment.
    """
    assert kind_asked_for(question) == kind


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("June 2, 1999", (1999, 6, 2, False)),
        ("June 2nd 1999", (1999, 6, 2, False)),
        ("02 June 1999", (1999, 6, 2, False)),
        ("2nd of June, 1999", (1999, 6, 2, False)),
        ("1999-06-02", (1999, 6, 2, False)),
        ("week of May 31, 1999", (1999, 5, 31, True)),
        ("May 1999", (1999, 5, None, False)),
        ("Sept. 1999", (1999, 9, None, False)),
        ("1999", (1999, None, None, False)),
        ("2 June", (None, 6, 2, False)),
        ("1450 BC", (-1450, None, None, False)),
    ],
)
def test_dates_in_all_forms(text, key):
    """A date is found whole, as it stands in the sentence, with the parts of it that are given."""
    assert only(f"It was shown in the {text}, they say.", "date") == Value(text, key)


@pytest.mark.parametrize(
    "sentence",
    ["It cost 1,999 crowns.", "It grew by 2000 percent.", "Call 19990.", "May we go?", "On 2 auguſt or 3 aprıl."],
)
def test_what_is_no_date(sentence):
    """Numbers with separators, percentages, longer numbers, the verb "may" and months in other letters are no dates."""
    assert values_of(sentence, "date") == ()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("1999", "June 2, 1999", True),
        ("June 1999", "02 June 1999", True),
        ("2 June", "1999-06-02", True),
        ("June 2, 1999", "1999-06-02", True),
        ("the week of May 31, 1999", "June 2, 1999", True),
        ("the week of May 31, 1999", "June 1999", True),
        ("the week of May 31", "2 June", True),
        ("the week of May 31, 1999", "June 20, 1999", False),
        ("the week of December 28, 1998", "January 1, 1999", True),
        ("the week of June 31, 1999", "June 1999", True),
        ("1999", "2000", False),
        ("June 2, 1999", "June 3, 1999", False),
        ("May 1999", "June 2, 1999", False),
        ("1450 BC", "1450", False),
    ],
)
def test_which_dates_agree(first, second, expected):
    """A date agrees with every date that may be the same day, whichever of the two is given more closely."""
    one, two = (only(f"It was on {text}.", "date") for text in (first, second))

    assert agree(one, two, "date") is agree(two, one, "date") is expected
    assert contradict(one, two, "date") is not expected


@pytest.mark.parametrize(
    ("said", "asked", "expected"),
    [
        ("June 2, 1999", "1999", True),
        ("1999", "June 2, 1999", False),
        ("2 June", "June 2, 1999", False),
        ("June 2, 1999", "2 June", True),
        ("the week of May 31, 1999", "June 2, 1999", False),
        ("the week of May 31, 1999", "1999", True),
        ("June 2, 1999", "the week of May 31, 1999", True),
        ("June 1999", "the week of May 31, 1999", False),
        ("before 1999", "1999", False),
        ("1998", "1999", False),
    ],
)
def test_which_dates_confirm(said, asked, expected):
    """A date confirms those with which it agrees and which are not given more closely."""
    one, two = (only(f"It was {text}.", "date") for text in (said, asked))

    assert confirms(one, two, "date") is expected


@pytest.mark.parametrize(
    ("sentence", "loose"),
    [
        ("It was built around 1750.", [True]),
        ("It was built c. 1750.", [True]),
        ("It was built before the 3 May 1750.", [True]),
        ("It was built by 1750, after 1740.", [True, True]),
        ("It was built between 1410 and 1425.", [True, True]),
        ("It was built 1410–1425 and burnt down in 1500.", [True, True, False]),
        ("It was built in 1698–99.", [True]),
        ("It was built in 1690/91.", [True]),
        ("It was built on 3/4 May 1750.", [True]),
        ("It was built on May 3 and 4 in 1750.", [True, False]),
        ("It was built in April and May 1750.", [True]),
        ("It was built in late 1750.", [True]),
        ("It was built in the winter of 1750.", [True]),
        ("It was built on 5/3/1750.", [False]),
        ("It was built in 1750.", [False]),
    ],
)
def test_a_date_that_is_only_a_bound_contradicts_none(sentence, loose):
    """About, before, after a date and in a range, of which one end may be short, the thing may have another date."""
    found, other = values_of(sentence, "date"), only("It was built in 1700.", "date")

    assert [value.loose for value in found] == loose
    assert [contradict(value, other, "date") for value in found] == [not is_loose for is_loose in loose]


@pytest.mark.parametrize(
    ("sentence", "text", "number", "unit"),
    [
        ("It is 1,200 metres long.", "1,200 metres", 1200, "metr"),
        ("There were two million of them.", "two million", 2e6, ""),
        ("A share of 5.4 percent was reached.", "5.4 percent", 5.4, "%"),
        ("A share of 5.4 per cent was reached.", "5.4 per cent", 5.4, "%"),
        ("A share of 5.4% was reached.", "5.4%", 5.4, "%"),
        ("It takes 45 minutes.", "45 minutes", 45, "minut"),
        ("It cost $150,000, they say.", "$150,000", 150_000, "$"),
        ("It cost €2.5 million in all.", "€2.5 million", 2.5e6, "€"),
        ("It takes seventy minutes.", "seventy minutes", 70, "minut"),
        ("It is twenty-five miles away.", "twenty-five miles", 25, "mile"),
        ("It had sixteen keepers.", "sixteen keepers", 16, "keeper"),
        ("It had one hundred and fifty steps.", "one hundred and fifty steps", 150, "step"),
        ("It had two thousand three hundred steps.", "two thousand three hundred steps", 2300, "step"),
        ("It had a 46-metre tower.", "46-metre", 46, "metr"),
        ("It had 1500 steps.", "1500 steps", 1500, "step"),
        ("On 2 June 1925 it had 3 keepers.", "3 keepers", 3, "keeper"),
        ("In 1998 Vesso had 12 000 keepers.", "12 000 keepers", 12_000, "keeper"),
        ("It cost £40k, they say.", "£40k", 40_000, "£"),
        ("It cost $1.5bn.", "$1.5bn", 1.5e9, "$"),
        ("It had 5'000 steps.", "5'000 steps", 5000, "step"),
        ("It had half a million visitors.", "half a million visitors", 5e5, "visitor"),
        ("It cost two and a half million crowns.", "two and a half million crowns", 2.5e6, "crown"),
        ("It is 2 and a half miles away.", "2 and a half miles", 2.5, "mile"),
        ("It had about a thousand steps.", "a thousand steps", 1000, "step"),
    ],
)
def test_numbers_in_all_forms(sentence, text, number, unit):
    """A number is found with its unit, in digits or words, as it stands in the sentence."""
    found = only(sentence, "number")

    low, high, measured = found.key
    assert (found.text, measured) == (text, unit)
    assert low < number < high


@pytest.mark.parametrize(
    "sentence",
    [
        "It was lit on 2 June 1925.",
        "It is chapter 7.",
        "It was the twenty-first keeper.",
        "It was the 25th and the 26th.",
        "It opened at 10:45.",
        "One of the keepers left.",
        "Version 1.5.2 is out.",
        "It takes 1/2 cup.",
        "It is 2 1/2 miles away.",
        "It is drawn at 1:25 000 metres.",
        "It had 10^6 steps.",
        "Several million visitors came.",
        "A quarter of a million visitors came.",
        "It is kept at minus 40 degrees.",
        "It is kept at −40 degrees or –45 degrees.",
        "Someone tended the weights.",
        "It had ſix keepers, fıve cows and FİVE goats.",
        "They sang on Deep Space Nine stations.",
        f"It had {'9' * 309} keepers.",
        f"It had {'9' * 308} million keepers.",
    ],
)
def test_what_is_no_amount(sentence):
    """Dates, labels, ordinals, times of day, parts of words and names, other letters and infinity are no amounts.

    Nor is what is only a part of one: of a fraction, of "several million" or of a number below zero.
    """
    assert values_of(sentence, "number") == ()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("45 minutes", "forty-five minutes", True),
        ("45 minutes", "46 minutes", False),
        ("3,200 people", "3,187 people", True),
        ("3,200 people", "3,400 people", False),
        ("46 metres", "46.3 metres", True),
        ("5 men", "6 men", False),
        ("about 50 men", "47 men", True),
        ("about 50 men", "40 men", False),
        ("more than 40 seats", "52 seats", True),
        ("more than 40 seats", "38 seats", False),
        ("up to 40 seats", "38 seats", True),
        ("2 million litres", "2,000,000 litres", True),
        ("between 200 and 250 seats", "230 seats", True),
        ("between 200 and 250 seats", "270 seats", False),
        ("300 to 350 pages", "320 pages", True),
        ("300–350 pages", "290 pages", False),
        ("$150,000", "$95,000", False),
        ("0 men", "0 men", True),
        ("45 minutes", "45 hours", False),
    ],
)
def test_which_numbers_agree(first, second, expected):
    """Numbers of one unit agree when both may mean the same amount: rounded, about, more than, at most."""
    one, two = (only(f"It has {text}.", "number") for text in (first, second))

    assert agree(one, two, "number") is agree(two, one, "number") is expected


def test_only_numbers_of_one_unit_contradict():
    """Minutes do not contradict metres, but one minute does."""
    minutes, metres, minute = (only(f"It has {text}.", "number") for text in ("45 minutes", "45 metres", "1 minute"))

    assert contradict(minutes, minute, "number")
    assert not contradict(minutes, metres, "number")


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("The first keeper was Anna Ancher, a widow.", ["Anna Ancher"]),
        ("Anna Ancher kept goats.", ["Anna Ancher"]),
        ("Goats belonged to O'Brien and Jean-Luc Picard.", ["O'Brien", "Jean-Luc Picard"]),
        ("It was built by Dr. Émile Šimek.", ["Dr. Émile Šimek"]),
        ("She was seen in Paris and came from the North.", []),
        ('They say that Dax and Bashir were in the pilot “Emissary” and in "What You Leave".', ["Dax", "Bashir"]),
        ("“Kira was late,” he said.", ["Kira"]),
        ("Nobody knows.", []),
    ],
)
def test_names(sentence, found):
    """Runs of capitalised words are names, but for a lone first word, places after "in" or "from", and titles."""
    assert texts(sentence, "name") == found


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("Anna Anchér", "ANCHER", True),
        ("Anna Anchér", "Ancher’s", True),
        ("Anna Ancher", "A. Ancher", True),
        ("Anna Ancher", "Doctor Ancher", True),
        ("Anna Ancher", "Anna Maria Ancher", True),
        ("Anna Ancher", "Peter Frost", False),
        ("Anna Ancher", "Anna Frost", False),
        ("Anna Ancher", "Peter Ancher", False),
        ("Captain Ancher", "Captain Frost", False),
        ("Queen Anne", "Queen Victoria", False),
        ("Queen Anne", "Queen", True),
        ("Anna O'Brien", "O’Brien", True),
        ("Anna-Anna", "Anna Lund", False),
    ],
)
def test_which_names_agree(first, second, expected):
    """One name holds the words of the other, in any spelling of accents and case; titles and initials stand for any."""
    one, two = (only(f"It was {name}.", "name") for name in (first, second))

    assert agree(one, two, "name") is agree(two, one, "name") is expected
    assert contradict(one, two, "name") is not expected


@given(
    st.lists(
        st.sampled_from(
            [
                *"0123456789,.%$- \n\u00a0\u2009٣९１²½Ⅷ",
                *"one twenty- hundred  and million May th June 31 in An".split(" "),
                *"ſix fıve FİVE ſeven mıllion thouſand ſeptember aprİl auguſt 1999 K".split(),
                "9" * 309,
            ]
        )
    ),
    st.sampled_from(["date", "number", "name"]),
)
def test_any_text_can_be_read(pieces, kind):
    """Whatever a sentence holds, its values are parts of it, and each agrees with itself."""
    sentence = " ".join(pieces) + "".join(pieces)

    for value in values_of(sentence, kind):
        assert value.text
        assert value.text in sentence
        assert agree(value, value, kind)
        assert not contradict(value, value, kind)
