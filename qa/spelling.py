"""Correct misspelt question words, and only those that no document holds.

A word is left alone when the corpus has it, or another form of it, or when it is an English word, for then it is no
slip: "envoy" must not become "enjoy" because the documents say "ambassador". A name that the documents do not hold is
most likely another name, so it is compared with names only. What they write in parts, such as O'Hara or de Groot, may
be typed as one word.
"""

import mmap
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from qa.storage import WordTable
from qa.weights import ENGLISH_WORDS, verified
from qa.words import STOPWORDS, fold, words_of

MIN_LETTERS = 5  # shorter words have too many neighbours
_LETTERS_FOR_TWO_SLIPS = 8
_LEAST_USE = 100_000  # in a trillion words of text; a rarer word ("minuets") is more likely a slip ("minutes")
_SIGN = re.compile("['’ -]")  # between the parts of a compound
_COMPOUNDS = (re.compile(r"\w+(?:['’-](?!s\b)\w+)+"), re.compile(r"\b[a-z]{2,3} [^\W\d_a-z]\w+"))  # O'Hara, de Groot


@dataclass(frozen=True, slots=True)
class Correction:
    """One word that was replaced."""

    word: str  # as it was typed
    replacement: str


class Vocabulary(WordTable):
    """Every word of the documents, folded, with the number of passages that hold it."""

    def __init__(self, root: Path) -> None:
        """Map the tables of a generation."""
        super().__init__(root / "vocabulary.txt")
        self._compounds = WordTable(root / "compounds.txt")

    def in_parts(self, word: str) -> str | None:
        """Return how the documents mostly write a folded word in parts, None if they do not."""
        for joined in (word, word.removesuffix("s")):
            if entries := self._compounds.beginning_with(f"{joined} "):
                return max(entries, key=self._compounds.__getitem__).partition(" ")[2]
        return None


def compounds_of(text: str) -> Iterator[str]:
    """Yield the compounds of a text as `Vocabulary` keeps them: joined and folded, a space, and as written."""
    for pattern in _COMPOUNDS:
        for match in pattern.finditer(text):
            written = match.group()
            if written.split()[0] not in STOPWORDS:
                joined = fold(_SIGN.sub("", written))
                if joined.isalpha():
                    yield f"{joined} {written}"


def correct(
    question: str, vocabulary: Vocabulary, names: WordTable, stems: Container[str], common: Container[str]
) -> tuple[str, tuple[Correction, ...]]:
    """Return the question with its misspelt words replaced, and the replacements.

    Args:
        vocabulary: every word of the documents.
        names: those of them that the documents mostly write with a capital letter.
        stems: the stems that the keyword index holds, of attached questions too; another form of a word is no slip.
        common: words that are no slip wherever they stand (the vocabulary of the token encoder).
    Source: optimal string alignment distance, which counts a swap of neighbours as one slip (Damerau, 1964).
    """
    _english_words()  # also when no word needs it, so that its loss comes up before a question does
    corrections, parts, last = [], [], 0
    for word in words_of(question):
        typed = question[word.start : word.end]
        if not typed.isascii() or word.folded in vocabulary or word.folded in common or word.stem in stems:
            continue
        if is_english(word.folded) or not word.folded.isalpha() or len(typed) < MIN_LETTERS - 1:
            continue
        replacement = vocabulary.in_parts(word.folded)
        if replacement is None:
            is_name = word.start > 0 and typed[0].isupper() and not question.isupper()
            replacement = _nearest(word.folded, names if is_name else vocabulary, is_name)
            if replacement and typed[0].isupper():
                replacement = replacement.capitalize()
        if replacement:
            corrections.append(Correction(typed, replacement))
            parts += [question[last : word.start], replacement]
            last = word.end
    return "".join([*parts, question[last:]]), tuple(corrections)


def _nearest(word: str, known_words: WordTable, is_name: bool) -> str | None:
    """Return the known word that `word` most likely stands for, None if none is near enough."""
    if len(word) < MIN_LETTERS:
        return None
    limit = 2 if len(word) >= _LETTERS_FOR_TWO_SLIPS and not is_name else 1
    near = extract(word, known_words.beginning_with(word[0]), scorer=OSA.distance, score_cutoff=limit, limit=None)
    likely = [
        (distance, -known_words[known], known)
        for known, distance, _ in near
        if len(known) >= MIN_LETTERS - 1
        and not _goes_on(known, word)
        and not _goes_on(word, known)
        # A common word that a single passage writes with a capital more likely stands in a title than is a name.
        and not (is_name and known_words[known] == 1 and is_english(known))
    ]
    return min(likely)[2] if likely else None


def _goes_on(word: str, other: str) -> bool:
    """Tell whether a word is another one and more: rather a second word, as Martini, than a slip, as Martinn."""
    return word.startswith(other) and word != other + other[-1]


def is_english(word: str) -> bool:
    """Tell whether a folded word is one of those in common use in English."""
    english = _english_words()
    line = f"\n{word} ".encode()
    at = english.find(line, 0)
    return at >= 0 and int(english[at + len(line) : english.find(b"\n", at + 1)]) >= _LEAST_USE


@cache
def _english_words() -> mmap.mmap:
    ((name, _),) = ENGLISH_WORDS.files
    with (verified(ENGLISH_WORDS) / name).open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
