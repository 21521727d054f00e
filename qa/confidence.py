"""How sure it is that the documents answer a question: a small logistic model over the whole search.

Fitted on public sets only, never on the shipped corpus (tools/fit_confidence.py; figures in docs/evaluation.md).
"""

import json
import math
from dataclasses import astuple, dataclass
from functools import cache
from importlib.resources import files
from operator import mul

import numpy as np

from qa.search import Found, best_sentence, share_in_pieces, understood
from qa.values import kind_asked_for, values_of
from qa.words import words_of

SAME_MEANING = 0.75  # cosine of a question and a sentence without a word in common that counts as an answer


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for and against an answer being there."""

    score: float  # of the best passage, without what the reader adds to it
    names: float  # lowest coverage, in the best passage, of a name in the question; 1 when there is none
    no_value: float  # 1 when a date, number or person is asked for and the best sentence has none, else 0
    reader: float  # log odds that the best passage answers, for one who reads it with the question; 0 if none does


@dataclass(frozen=True, slots=True)
class Model:
    """A logistic model: log odds are the intercept plus the weighted evidence."""

    intercept: float
    weights: Evidence

    def log_odds(self, evidence: Evidence) -> float:
        """Return the log odds that the documents answer."""
        weighted: float = sum(map(mul, astuple(self.weights), astuple(evidence)))
        return self.intercept + weighted


@cache
def models() -> tuple[Model, Model]:
    """Return the fitted models: for questions that the reader understands, and for others."""
    found = json.loads(files("qa").joinpath("confidence.json").read_text(encoding="utf-8"))
    read, unread = (
        Model(found[name]["intercept"], Evidence(**found[name]["weights"]))
        for name in ("with_reader", "without_reader")
    )
    return read, unread


def confidence_of(found: Found) -> float:
    """Return the probability that the documents answer, 0..1; 0 when nothing was found."""
    if not found.hits or _shares_nothing(found):
        return 0.0
    share = understood(share_in_pieces(found.query.searched, found.query.token_starts))
    return probability(evidence_of(found), share)


def probability(evidence: Evidence, share: float) -> float:
    """Return how sure the evidence makes, 0..1.

    Args:
        share: how much of the question the reader understands, 0..1.
    """
    read, unread = models()
    odds = share * read.log_odds(evidence) + (1 - share) * unread.log_odds(evidence)
    return 1.0 / (1.0 + math.exp(-odds))


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
    answers = best.signals.reader
    return Evidence(
        score=best.score - best.weights.reader * answers,
        names=_least_covered_name(found),
        no_value=float(kind is not None and not values_of(sentence, kind)),
        reader=math.log(answers / (1 - answers)) if answers else 0.0,
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
