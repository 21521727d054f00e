"""How sure it is that the documents answer a question: a small logistic model over the whole search.

Fitted on public sets only, never on the shipped corpus (tools/fit_confidence.py; figures in docs/evaluation.md).
"""

import json
import math
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files

import numpy as np

from qa.search import Found, best_sentence
from qa.values import kind_asked_for, values_of
from qa.words import words_of

SAME_MEANING = 0.75  # cosine of a question and a sentence without a word in common that counts as an answer


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for and against an answer being there."""

    score: float  # of the best passage
    names: float  # lowest coverage, in the best passage, of a name in the question; 1 when there is none
    no_value: float  # 1 when a date, number or person is asked for and the best sentence has none, else 0


@dataclass(frozen=True, slots=True)
class Model:
    """A logistic model: log odds are the intercept plus the weighted evidence."""

    intercept: float
    weights: Evidence


@cache
def model() -> Model:
    """Return the fitted model."""
    found = json.loads(files("qa").joinpath("confidence.json").read_text(encoding="utf-8"))
    return Model(found["intercept"], Evidence(**found["weights"]))


def confidence_of(found: Found) -> float:
    """Return the probability that the documents answer, 0..1; 0 when nothing was found."""
    if not found.hits or _shares_nothing(found):
        return 0.0
    evidence, fitted = evidence_of(found), model()
    weighted = (getattr(fitted.weights, f.name) * getattr(evidence, f.name) for f in fields(Evidence))
    return 1.0 / (1.0 + math.exp(-(fitted.intercept + sum(weighted))))


def _shares_nothing(found: Found) -> bool:
    """Tell whether the documents hold no word of the question and no sentence that means nearly the same.

    Such a question has only words like "what" and "the" to match with, and every passage has those.
    """
    no_word = len(found.query.unknown_stems) == len(found.query.stems)
    return no_word and found.hits[0].signals.sentence < SAME_MEANING


def evidence_of(found: Found) -> Evidence:
    """Return the evidence of a search with at least one hit."""
    best = found.hits[0]
    sentence = best.passage.words(best.passage.sentences[best_sentence(best)])
    kind = kind_asked_for(found.query.searched)
    return Evidence(
        score=best.score,
        names=_least_covered_name(found),
        no_value=float(kind is not None and not values_of(sentence, kind)),
    )


def _least_covered_name(found: Found) -> float:
    """Return the lowest mean coverage of the tokens of a capitalised word, the question's first word left out."""
    question, starts = found.query.searched, np.array(found.query.token_starts)
    coverage = np.array(found.coverage)
    lowest = 1.0
    for word in words_of(question):
        inside = (starts >= word.start) & (starts < word.end)
        if word.start > 0 and question[word.start].isupper() and inside.any():
            lowest = min(lowest, float(coverage[inside].mean()))
    return lowest
