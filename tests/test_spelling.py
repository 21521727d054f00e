import pytest

from qa.spelling import Correction, correct
from qa.storage import WordTable, write_table
from qa.words import stems

VOCABULARY = {"lighthouse": 4, "keeper": 3, "telescope": 2, "greenhouse": 2, "cactus": 1, "odo": 9, "ambassador": 1}
STEMS = {stem for word in VOCABULARY for stem in stems(word)} | {"barkeep"}
COMMON = {"envoy": 1, "house": 1}


@pytest.fixture
def corrected(tmp_path):
    """What `correct` makes of a question with a vocabulary given as a dictionary."""

    def corrected(question, vocabulary=VOCABULARY, stems=STEMS, common=COMMON):
        write_table(tmp_path / "words.txt", vocabulary)
        return correct(question, WordTable(tmp_path / "words.txt"), stems, common)

    return corrected


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("lighthuose", "lighthouse"), ("Keper", "keeper"), ("telexcopp", "telescope"), ("cactsu", "cactus")],
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
        "",
        "😀 ???",
    ],
)
def test_what_is_no_slip_stays(corrected, question):
    """Words of the documents, other forms of them, common and short words and numbers are left alone."""
    assert corrected(question) == (question, ())


def test_the_more_frequent_of_two_near_words_wins(corrected):
    """Of two words at the same distance, the one in more passages is taken, then the first by alphabet."""
    assert corrected("stane", {"stale": 1, "stone": 5, "state": 5}, {}, {})[0] == "state"


def test_an_empty_index_corrects_nothing(corrected):
    """Without words there is nothing to correct to."""
    assert corrected("lighthuose", {}, {}, {}) == ("lighthuose", ())


def test_a_word_of_an_attached_question_is_no_slip(corrected):
    """A word that only the keyword index holds, as it does those of attached questions, stays as it is."""
    assert corrected("barkeep", {"barkeeq": 5}, STEMS, {}) == ("barkeep", ())
    assert corrected("barkeep", {"barkeeq": 5}, {}, {})[0] == "barkeeq"
