"""Correct misspelt question words, and only those that no document holds.

A word is left alone when the corpus has it, or another form of it, or when it is an English word, for then it is no
slip: "envoy" must not become "enjoy" because the documents say "ambassador". A name that the documents do not hold is
most likely another name, so it is compared with names only.
"""

import mmap
from collections.abc import Container
from dataclasses import dataclass
from functools import cache

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from qa.storage import WordTable
from qa.weights import ENGLISH_WORDS, verified
from qa.words import words_of

MIN_LETTERS = 5  # shorter words have too many neighbours
_LETTERS_FOR_TWO_SLIPS = 8
_LEAST_USE = 100_000  # in a trillion words of text; a rarer word ("minuets") is more likely a slip ("minutes")


@dataclass(frozen=True, slots=True)
class Correction:
    """One word that was replaced."""

    word: str  # as it was typed
    replacement: str


def correct(
    question: str, vocabulary: WordTable, names: WordTable, stems: Container[str], common: Container[str]
) -> tuple[str, tuple[Correction, ...]]:
    """Return the question with its misspelt words replaced, and the replacements.

    Args:
        vocabulary: every word of the documents, folded, with the number of passages that hold it.
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
        is_name = word.start > 0 and typed[0].isupper() and not question.isupper()
        replacement = (
            None if is_english(word.folded) else _nearest(word.folded, names if is_name else vocabulary, is_name)
        )
        if replacement:
            replacement = replacement.capitalize() if typed[0].isupper() else replacement
            corrections.append(Correction(typed, replacement))
            parts += [question[last : word.start], replacement]
            last = word.end
    return "".join([*parts, question[last:]]), tuple(corrections)


def _nearest(word: str, known_words: WordTable, is_name: bool) -> str | None:
    """Return the known word that `word` most likely stands for, None if none is near enough."""
    if len(word) < MIN_LETTERS or not word.isalpha():
        return None
    limit = 2 if len(word) >= _LETTERS_FOR_TWO_SLIPS and not is_name else 1
    near = extract(word, known_words.beginning_with(word[0]), scorer=OSA.distance, score_cutoff=limit, limit=None)
    likely = [
        (distance, -known_words[known], known)
        for known, distance, _ in near
        # More often another word than a slip: Martin, Martini.
        if len(known) >= MIN_LETTERS - 1 and not known.startswith(word) and not word.startswith(known)
    ]
    return min(likely)[2] if likely else None


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
