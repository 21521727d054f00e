import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.words import fold, stems, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Café", "cafe"),
        ("cafe\u0301s", "CAFÉS"),
        ("Straße", "STRASSE"),
        ("ﬁre", "fire"),
        ("Ｋｉｒａ", "kira"),
        ("Ωμέγα", "ωμεγα"),
        ("שָׁלוֹם", "שלום"),
        ("مُحَمَّد", "محمد"),
        ("Co\u00adoper\u200da\u2060tion", "cooperation"),
        ("می\u200cخواهم", "میخواهم"),
    ],
)
def test_spellings_of_a_word_fold_to_one(one, other):
    """Case, accents (composed or not), points, ligatures, wide letters and what nobody sees make no difference."""
    assert fold(one) == fold(other)
    assert stems(one) == stems(other)


@pytest.mark.parametrize(
    ("one", "other"), [("কি", "কে"), ("की", "के"), ("সেতু", "সত"), ("கலை", "கல்"), ("বড়", "বড"), ("ที่", "ที")]
)
def test_vowel_signs_and_other_marks_of_a_script_make_another_word(one, other):
    """What is written after, over or below a letter in India and Thailand is no accent."""
    assert fold(one) != fold(other)


@pytest.mark.parametrize(
    "text",
    ["সেতু নির্মাণ করেন", "सत्य विद्यालय", "தமிழ் மொழி", "שָׁלוֹם עֲלֵיכֶם", "السَّلامُ عَلَيْكُمْ", "Co\u00adoperation light\u200dhouse"],
)
def test_words_of_all_scripts_are_found_whole(text):
    """Vowel signs, points, soft hyphens and joiners part no word."""
    assert [text[word.start : word.end] for word in words_of(text)] == text.split()


def test_words_that_carry_meaning_are_found_with_their_place():
    """Stop words and single letters are left out, digits stay; offsets count code points."""
    text = "😀 The captains, a B and 7 were running"

    assert [(text[w.start : w.end], w.stem) for w in words_of(text)] == [
        ("captains", "captain"),
        ("7", "7"),
        ("running", "run"),
    ]


def test_stems_are_repeated_as_they_stand():
    """Stems come in order, with repetitions, as a keyword index counts them."""
    assert stems("Ships, ship and shipping") == ["ship", "ship", "ship"]


@given(st.text())
def test_any_text_has_words_in_order_and_apart(text):
    """Words never overlap, never go backwards, and fold to something."""
    reached = 0
    for word in words_of(text):
        assert reached <= word.start < word.end
        assert word.folded
        reached = word.end
