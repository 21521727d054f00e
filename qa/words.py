"""Words as the keyword search sees them: one way for the index, the questions and the highlights."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import Stemmer

# Accents and vowel signs that are characters of their own belong to a word, and so do soft hyphens, joiners, marks of
# direction and other characters that nobody sees. U+200B does not: it parts the words of scripts without spaces.
_MARKS = "".join(ch for ch in map(chr, range(0x0300, 0xAC00)) if unicodedata.category(ch) in ("Mn", "Mc"))
_INVISIBLE = "\u00ad\u034f\u061c\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f\ufeff"
_WORD = re.compile(rf"\w[\w{_MARKS}{_INVISIBLE}]*")
_stemmer = Stemmer.Stemmer("english")
STOPWORDS = frozenset(  # the English ones of NLTK, "ll" and "ve" among them for what an apostrophe parts
    """
    a about above after again against ain all am an and any are aren as at be because been before being below
    between both but by can couldn d did didn do does doesn doing don down during each few for from further had
    hadn has hasn have haven having he her here hers herself him himself his how i if in into is isn it its
    itself just ll m ma me mightn more most mustn my myself needn no nor not now o of off on once only or other
    our ours ourselves out over own re s same shan she should shouldn so some such t than that the their theirs
    them themselves then there these they this those through to too under until up ve very was wasn we were
    weren what when where which while who whom why will with won wouldn y you your yours yourself yourselves
    """.split()
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: its place, its folded form and its stem."""

    start: int  # in code points of the text
    end: int
    folded: str  # lower case, without accents
    stem: str


def fold(word: str) -> str:
    """Return `word` in lower case without accents, so that "cafe" finds "Café", however its accent is written."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(ch for ch in decomposed if ch not in _INVISIBLE and not _is_accent(ch))


def _is_accent(ch: str) -> bool:
    """Tell whether a mark may be left out in writing: accents, Hebrew points, Arabic vowels; no vowel sign of India."""
    combining = unicodedata.combining(ch)
    return 10 <= combining <= 36 or combining >= 200  # the canonical combining classes of these


@lru_cache(maxsize=20_000)  # some 5 MB; texts repeat their words, and folding and stemming is most of reading them
def _known_word(word: str) -> tuple[str, str] | None:
    """Return a word folded and its stem, None if it carries no meaning."""
    folded = fold(word)
    if folded in STOPWORDS or (len(folded) < 2 and not folded.isdigit()):
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
