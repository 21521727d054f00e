"""Words as the keyword search sees them: one way for the index, the questions and the highlights."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import Stemmer
from bm25s.stopwords import STOPWORDS_EN_PLUS

_WORD = re.compile(r"\w[\w\u0300-\u036f]*")  # with the accents that are characters of their own
_stemmer = Stemmer.Stemmer("english")
STOPWORDS = frozenset(STOPWORDS_EN_PLUS)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: its place, its folded form and its stem."""

    start: int  # in code points of the text
    end: int
    folded: str  # lower case, without accents
    stem: str


def fold(word: str) -> str:
    """Return `word` in lower case without accents, so that "cafe" finds "Café", however its accent is written."""
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(ch for ch in decomposed if not unicodedata.combining(ch))


@lru_cache(maxsize=20_000)  # some 5 MB; texts repeat their words, and folding and stemming is most of reading them
def _known_word(word: str) -> tuple[str, str] | None:
    """Return a word folded and its stem, None if it carries no meaning."""
    folded = fold(word)
    if folded in STOPWORDS or (len(folded) < 2 and not folded.isdigit()) or not folded:
        return None
    return folded, _stemmer.stemWord(folded)


def words_of(text: str) -> list[Word]:
    """Return the words of `text` that carry meaning: no stop words, no single letters; digits stay."""
    found = []
    for match in _WORD.finditer(text):
        known = _known_word(match.group())
        if known:
            found.append(Word(match.start(), match.end(), *known))
    return found


def stems(text: str) -> list[str]:
    """Return the stems of the words of `text`, in order, repeated as they are."""
    return [word.stem for word in words_of(text)]
