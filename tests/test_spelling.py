from collections import Counter

import pytest

from qa.spelling import Correction, Vocabulary, compounds_of, correct
from qa.storage import WordTable, write_table
from qa.words import stems

VOCABULARY = {"lighthouse": 4, "keeper": 3, "telescope": 2, "greenhouse": 2, "cactus": 1, "odo": 9, "ambassador": 1}
STEMS = {stem for word in VOCABULARY for stem in stems(word)} | {"barkeep"}
COMMON = {"envoy": 1, "house": 1}
NAMES = {"meaney": 3, "benjamin": 2}


@pytest.fixture
def corrected(tmp_path):
    """What `correct` makes of a question with a vocabulary given as a dictionary."""

    def corrected(question, vocabulary=VOCABULARY, stems=STEMS, common=COMMON, names=NAMES, text=""):
        write_table(tmp_path / "vocabulary.txt", vocabulary)
        write_table(tmp_path / "compounds.txt", Counter(compounds_of(text)))
        write_table(tmp_path / "names.txt", names)
        return correct(question, Vocabulary(tmp_path), WordTable(tmp_path / "names.txt"), stems, common)

    return corrected


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("lighthuose", "lighthouse"), ("keper", "keeper"), ("telexcopp", "telescope"), ("cactsu", "cactus")],
)
def test_a_slip_is_mended(corrected, typed, meant):
    """A word that no document holds becomes the nearest one that they do; two slips are forgiven in long words."""
    assert corrected(f"Who saw the {typed}?") == (
        f"Who saw the {meant}?",
        (Correction(typed, meant),),
    )


@pytest.mark.parametrize(
    "question",
    [
        "Where is the lighthouse?",
        "Who kept the keepers?",  # another form of a word of the documents
        "Is the envoy here?",  # a common word
        "Was it ddo?",  # too short
        "What is 12345?",
        "Is it the fighthouses?",  # another first letter
        "Does the kipper swim?",  # English, and one slip from a word of the documents
        "Who is Keper?",  # a name, and no name of the documents is like it
        "Who is Bemjanim?",  # two slips are too many in a name
        "Où est le kéeper?",  # another language
        "",
        "😀 ???",
    ],
)
def test_what_is_no_slip_stays(corrected, question):
    """Words of the documents, other forms of them, English and short words, numbers and other names are left alone."""
    assert corrected(question) == (question, ())


@pytest.mark.parametrize(
    ("question", "meant"),
    [
        ("Who is Meanney?", "Who is Meaney?"),
        ("Keper of what?", "Keeper of what?"),  # the first word has a capital letter anyway
        ("WHO IS THE KEPER?", "WHO IS THE Keeper?"),  # as has every word here
        ("Was it the minuets?", "Was it the minutes?"),  # an English word that hardly anybody uses
    ],
)
def test_a_name_is_mended_to_a_name(corrected, question, meant):
    """A name becomes one that the documents write with a capital letter, and keeps its own."""
    assert corrected(question, {**VOCABULARY, **NAMES, "minutes": 4})[0] == meant


def test_the_more_frequent_of_two_near_words_wins(corrected):
    """Of two words at the same distance, the one in more passages is taken, then the first by alphabet."""
    assert corrected("stane", {"stale": 1, "stone": 5, "state": 5}, {}, {})[0] == "state"


@pytest.mark.parametrize(("typed", "known"), [("Martin", "martini"), ("martini", "martin"), ("Bashira", "bashir")])
def test_a_word_with_more_letters_at_its_end_is_another_word(corrected, typed, known):
    """Letters that were added or left out at the end make no slip: Martin is not Martini."""
    assert corrected(f"Where is {typed}?", {known: 5}, {}, {}, {known: 5}) == (f"Where is {typed}?", ())


@pytest.mark.parametrize(("typed", "known"), [("Martinn", "Martin"), ("Ferrel", "Ferrell"), ("keeperr", "keeper")])
def test_a_last_letter_twice_is_a_slip(corrected, typed, known):
    """It is one letter more at the end as well, but hardly makes another word."""
    assert corrected(f"Where is {typed}?", {known.lower(): 5}, {}, {}, {known.lower(): 5})[0] == f"Where is {known}?"


def test_a_common_word_in_one_title_is_no_name(corrected):
    """A name does not become "Pilot" because one passage has that as a title; that is not held against rare words."""
    assert corrected("Who is Pilon?", {"pilot": 1}, {}, {}, {"pilot": 1}) == ("Who is Pilon?", ())
    assert corrected("Who is Robertt?", {"robert": 2}, {}, {}, {"robert": 2})[0] == "Who is Robert?"
    assert corrected("Who is Meanet?", {"meaney": 1}, {}, {}, {"meaney": 1})[0] == "Who is Meaney?"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ohara", "O'Hara"),
        ("Oharas", "O'Hara"),
        ("degroot", "de Groot"),
        ("sfax", "S’fax"),
        ("lamproom", "lamp-room"),
        ("ids", "ids"),  # too short, not I'd
        ("thewarden", "thewarden"),  # nobody leaves out that space
        ("oldtimers", "oldtimers"),  # in parts only, which say nothing of the whole
        ("24", "24"),
    ],
)
def test_a_word_typed_without_its_signs_is_written_as_the_documents_do(corrected, typed, meant):
    """The apostrophe, the hyphen and the space in a name may be left out."""
    text = "I'd say that the Warden O'Hara's old timers saw Jan de Groot and S’fax in the lamp-room, 2-4."

    assert corrected(f"Who is {typed}?", {}, {}, {}, {}, text)[0] == f"Who is {meant}?"


def test_an_empty_index_corrects_nothing(corrected):
    """Without words there is nothing to correct to."""
    assert corrected("lighthuose", {}, {}, {}) == ("lighthuose", ())


def test_a_word_of_an_attached_question_is_no_slip(corrected):
    """A word that only the keyword index holds, as it does those of attached questions, stays as it is."""
    assert corrected("barkeep", {"barkeeq": 5}, STEMS, {}) == ("barkeep", ())
    assert corrected("barkeep", {"barkeeq": 5}, {}, {})[0] == "barkeeq"
