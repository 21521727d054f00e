"""Correct misspelt question words, and only those that no document holds.

A word is left alone when the corpus has it, or another form of it, or when it is a common English word, for then it is
no slip: "envoy" must not become "enjoy" because the documents say "ambassador".
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from qa.words import words_of

MIN_LETTERS = 5  # shorter words have too many neighbours
_LETTERS_FOR_TWO_SLIPS = 8


@dataclass(frozen=True, slots=True)
class Correction:
    """One word that was replaced."""

    word: str  # as it was typed
    replacement: str


def correct(
    question: str, vocabulary: Mapping[str, int], stems: Container[str], common: Container[str]
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


def _nearest(word: str, vocabulary: Mapping[str, int]) -> str | None:
    """Return the word of the documents that `word` most likely stands for, None if none is near enough."""
    if len(word) < MIN_LETTERS or not word.isalpha():
        return None
    limit = 2 if len(word) >= _LETTERS_FOR_TWO_SLIPS else 1
    best: tuple[int, int, str] | None = None
    for known, count in vocabulary.items():
        if known[0] != word[0] or abs(len(known) - len(word)) > limit or len(known) < MIN_LETTERS - 1:
            continue
        if known.startswith(word) or word.startswith(known):  # more often another word than a slip: Martin, Martini
            continue
        distance = OSA.distance(word, known, score_cutoff=limit)
        if distance <= limit and (best is None or (distance, -count, known) < best):
            best = (distance, -count, known)
    return best[2] if best else None
