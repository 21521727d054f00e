"""Correct misspelt question words, and only those that no document holds.

A word is left alone when the corpus has it, or another form of it, or when it is a common English word, for then it is
no slip: "envoy" must not become "enjoy" because the documents say "ambassador".
"""

from collections.abc import Container
from dataclasses import dataclass

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from qa.storage import WordTable
from qa.words import words_of

MIN_LETTERS = 5  # shorter words have too many neighbours
_LETTERS_FOR_TWO_SLIPS = 8


@dataclass(frozen=True, slots=True)
class Correction:
    """One word that was replaced."""

    word: str  # as it was typed
    replacement: str


def correct(
    question: str, vocabulary: WordTable, stems: Container[str], common: Container[str]
) -> tuple[str, tuple[Correction, ...]]:
    """Return the question with its misspelt words replaced, and the replacements.

    Args:
        vocabulary: every word of the documents, folded, with the number of passages that hold it.
        stems: the stems that the keyword index holds, of attached questions too; another form of a word is no slip.
        common: words that are no slip wherever they stand (the vocabulary of the token encoder).
    Source: optimal string alignment distance, which counts a swap of neighbours as one slip (Damerau, 1964).
    """
    corrections, parts, last = [], [], 0
    for word in words_of(question):
        if word.folded in vocabulary or word.folded in common or word.stem in stems:
            continue
        typed = question[word.start : word.end]
        replacement = _nearest(word.folded, vocabulary)
        if replacement:
            corrections.append(Correction(typed, replacement))
            parts += [question[last : word.start], replacement]
            last = word.end
    return "".join([*parts, question[last:]]), tuple(corrections)


def _nearest(word: str, vocabulary: WordTable) -> str | None:
    """Return the word of the documents that `word` most likely stands for, None if none is near enough."""
    if len(word) < MIN_LETTERS or not word.isalpha():
        return None
    limit = 2 if len(word) >= _LETTERS_FOR_TWO_SLIPS else 1
    near = extract(word, vocabulary.beginning_with(word[0]), scorer=OSA.distance, score_cutoff=limit, limit=None)
    likely = [
        (distance, -vocabulary[known], known)
        for known, distance, _ in near
        # More often another word than a slip: Martin, Martini.
        if len(known) >= MIN_LETTERS - 1 and not known.startswith(word) and not word.startswith(known)
    ]
    return min(likely)[2] if likely else None
