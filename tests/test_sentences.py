import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.sentences import sentence_spans, trimmed
from tests.growth import check_growth


def split(text, max_chars=1180, language="en"):
    return [text[start:end] for start, end in sentence_spans(text, 0, len(text), language, max_chars)]


def test_sentences_end_where_sentences_end():
    """Full stops of abbreviations and numbers, line breaks and characters beyond the first plane end no sentence."""
    text = "Dr. Bashir paid 3.5 bars.  He left\nat once! 👩\u200d👧 e\u0301te\u0301 came? “Yes.”"

    assert split(text) == [
        "Dr. Bashir paid 3.5 bars.",
        "He left\nat once!",
        "👩\u200d👧 e\u0301te\u0301 came?",
        "“Yes.”",
    ]


def test_only_the_stretch_is_looked_at():
    """Offsets count in the whole text, whatever stands before the stretch."""
    text = "😀😀. One. Two. Three."

    assert [text[a:b] for a, b in sentence_spans(text, 4, 13, "en", 100)] == ["One.", "Two."]


def test_a_closing_quotation_mark_stays_with_its_sentence():
    """A quotation mark that closes a sentence stays with it, also where quotation marks do not pair up."""
    text = 'It was late." (Book, p. 3) Then "he left. " They slept. ” The end.'

    assert split(text) == ['It was late." (Book, p. 3)', 'Then "he left. "', "They slept. ”", "The end."]


def test_a_source_in_brackets_stays_with_the_sentence_it_is_for():
    """It tells where something was said; brackets around a whole sentence are one of their own."""
    text = "It was late. (Book, page 3). They left (at last). They slept. (The Book of Sleep) They woke. (It rained.)"

    assert split(text) == [
        "It was late. (Book, page 3).",
        "They left (at last).",
        "They slept. (The Book of Sleep)",
        "They woke.",
        "(It rained.)",
    ]


def test_a_footnote_mark_stays_with_the_sentence_it_is_for():
    """Whatever stands in the brackets, with pages or without, several in a row; a bracket after a space is an aside."""
    text = (
        "It sank.[^1] It rose.[citation needed][original research?] It was sold.[3]:45 It burnt.[n 1]:45–47[6] "
        "(“All.”)[7] Why?!² So. [Dark.] End.[8]"
    )

    assert split(text) == [
        "It sank.[^1]",
        "It rose.[citation needed][original research?]",
        "It was sold.[3]:45",
        "It burnt.[n 1]:45–47[6]",
        "(“All.”)[7]",
        "Why?!²",
        "So.",
        "[Dark.] End.[8]",
    ]


def test_a_sentence_goes_on_with_a_number_or_a_small_letter():
    """A number after "Vol." and small letters continue a sentence, unless all is written small."""
    text = "See Vol. 2, Ch. V and Eq. 3. Approx. 5 km on. The ep. was good. Sing Out! magazine came. iPhone sales rose."

    assert split(text) == [
        "See Vol. 2, Ch. V and Eq. 3.",
        "Approx. 5 km on.",
        "The ep. was good.",
        "Sing Out! magazine came.",
        "iPhone sales rose.",
    ]
    assert split("we came. he left. they slept.") == ["we came.", "he left.", "they slept."]


def test_may_and_no_end_a_sentence_like_other_words():
    """They are no abbreviations, except before a number."""
    text = "They met in May. Ann said no. I write. See No. 5 and No. XII of it."

    assert split(text) == ["They met in May.", "Ann said no.", "I write.", "See No. 5 and No. XII of it."]


def test_a_mark_of_inches_opens_no_quotation():
    """Between two marks of inches stand sentences as anywhere; after them quotations are seen as before."""
    text = 'It is 12" wide. It is red. It is 8" high. He said "Out. Now." It is 6" long. "In 1920. Or so." The end.'

    assert split(text) == [
        'It is 12" wide.',
        "It is red.",
        'It is 8" high.',
        'He said "Out. Now."',
        'It is 6" long.',
        '"In 1920. Or so."',
        "The end.",
    ]


def test_pieces_without_words_join_the_sentence_before():
    """Dots, dashes and symbols alone are no sentence."""
    assert split("Done. … *** ! Next one.") == ["Done. … *** !", "Next one."]


@pytest.mark.parametrize("language", ["", "xx", "klingon", "en-GB", "DE", "\x00", "zh", "a" * 100])
def test_any_language_tag_is_taken(language):
    """An unknown language is split like English."""
    assert split("One is here. Two is there.", language=language) == ["One is here.", "Two is there."]


def test_a_long_sentence_is_cut_at_words():
    """A sentence above the limit is cut at white space, into pieces within the limit; no word is lost or torn."""
    words = [f"word{number}" for number in range(400)]
    text = " ".join(words)

    pieces = split(text, max_chars=100)

    assert all(len(piece) <= 100 for piece in pieces)
    assert " ".join(pieces).split() == words


def test_a_sentence_of_many_parts_is_cut_at_words():
    """Also where a sentence is so long that it is not given to sentencex whole."""
    words = [f"word{number}" for number in range(5_000)]

    assert " ".join(split(" ".join(words))).split() == words


@pytest.mark.parametrize("unit", ["e\u0301", "👩\u200d👩\u200d👧", "👍🏽", "☺\ufe0f", "कि"])
def test_a_word_without_end_is_cut_between_visible_characters(unit):
    """Where there is no white space, no mark is parted from its letter and no joined emoji is torn."""
    pieces = split(unit * 300, max_chars=100)

    assert "".join(pieces) == unit * 300
    assert all(len(piece) <= 100 and not len(piece) % len(unit) for piece in pieces)


def test_marks_without_end_are_cut_all_the_same():
    """A letter under thousands of accents is cut at the limit, not into single accents."""
    assert [len(piece) for piece in split("a" + "\u0301" * 4999, max_chars=1000)] == [1000] * 5


@given(
    st.text(alphabet=st.sampled_from("aB .!?\n\u00a0\u2028\"'”()[]1…-é\u0301😀\u200d"), max_size=300),
    st.integers(5, 60),
)
def test_nothing_visible_is_lost(text, max_chars):
    """Spans are in order, apart, trimmed, within the limit, and hold every character that is no white space."""
    spans = sentence_spans(text, 0, len(text), "en", max_chars)

    reached = 0
    for start, end in spans:
        assert reached <= start < end <= start + max_chars
        assert not text[reached:start].strip()
        assert trimmed(text, start, end) == (start, end)
        reached = end
    assert not text[reached:].strip()


def test_long_paragraphs_are_split_in_parts_without_a_trace():
    """A paragraph of 100,000 characters has the same sentences as its parts."""
    sentences = [f"Sentence number {number} is about Dr. Bashir and 3.5 bars of latinum." for number in range(1_500)]

    assert split(" ".join(sentences)) == sentences


@pytest.mark.parametrize(
    "unit", ["“a.", "1. 2) ", "vol. ", '1" ', ".[1]", '"A. ', "a" * 50, "a. ", "\u0301", "..[111 ", "Dr. ", "(", "… "]
)
def test_no_repetition_takes_more_than_its_share_of_time(unit):
    """150,000 characters of anything are split at once (sentencex alone takes quadratic time on some)."""
    check_growth(
        lambda text: sentence_spans(text, 0, len(text), "en", 1180), lambda n: unit * (n // len(unit)), 150_000
    )
