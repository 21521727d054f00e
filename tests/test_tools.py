from dataclasses import fields

import numpy as np
import pytest
from numpy.typing import NDArray

from qa.confidence import Evidence
from tools import fit_confidence, fit_ranking

SIGNALS, EVIDENCE = len(fit_ranking.COMPARED), len(fields(Evidence))


def ranking_examples(informative: int, count: int = 30) -> list[fit_ranking.Example]:
    """Return candidates of which the relevant one has the highest value of one signal; the others are noise."""
    random = np.random.default_rng(4)
    examples = []
    for _ in range(count):
        signals = random.uniform(0, 1, (12, SIGNALS))
        relevant = np.zeros(12, dtype=np.bool_)
        relevant[np.argmax(signals[:, informative])] = True
        examples.append((signals, relevant))
    return examples


def rows(mean: float, informative: int, count: int = 200) -> NDArray[np.float64]:
    """Return evidence of which one column lies about a mean; the others are noise."""
    random = np.random.default_rng(round(100 * mean) + 1000)
    drawn = random.normal(0, 1, (count, EVIDENCE))
    drawn[:, informative] = random.normal(mean, 0.5, count)
    return drawn


@pytest.mark.parametrize("informative", [0, SIGNALS - 1])
def test_the_ranking_fit_finds_the_signal_that_tells(informative):
    """The signal that the relevant candidates share gets nearly all the weight; no weight is negative."""
    weights = fit_ranking.fit([ranking_examples(informative)])

    assert weights.min() >= 0
    assert weights[informative] > 0.8 * weights.sum()


def test_every_set_counts_the_same_in_the_ranking_fit():
    """Six times as many examples of one set do not outweigh another set."""
    few, many = ranking_examples(0, 15), ranking_examples(1, 90)

    weights = fit_ranking.fit([few, many])

    assert weights[0] > 0.3 * weights.sum()
    assert weights[1] > 0.3 * weights.sum()


@pytest.mark.parametrize("informative", range(EVIDENCE))
def test_the_confidence_fit_separates(informative):
    """The evidence in which the kinds differ gets the largest weight; nine in ten questions fall on the right side."""
    kinds = {
        "answerable": rows(1, informative),
        "taken out": rows(-1, informative),
        "near miss": rows(-0.5, informative),
    }

    intercept, weights = fit_confidence.fit([kinds])
    judged = fit_confidence.held_out([kinds, kinds])

    assert np.isfinite(intercept)
    assert np.argmax(np.abs(weights)) == informative
    assert weights[informative] > 0
    assert ((judged[:, 0] > 0.5) == (judged[:, 1] == 1)).mean() > 0.9
    assert judged.shape == (2 * 4 * 200, 3)


def test_a_question_is_judged_by_a_fit_that_has_not_seen_it():
    """Where in one set the evidence says the opposite of the other, each is judged wrong by the other's fit."""
    kinds = {"answerable": rows(1, 0), "taken out": rows(-1, 0)}
    opposite = {"answerable": rows(-1, 0), "taken out": rows(1, 0)}

    judged = fit_confidence.held_out([kinds, opposite])

    assert ((judged[:, 0] > 0.5) == (judged[:, 1] == 1)).mean() < 0.1


def test_each_kind_counts_the_same_in_the_confidence_fit():
    """With a kind ten times as large, its questions together weigh as much as the others."""
    kinds = {"answerable": rows(1, 0, 20), "taken out": rows(-1, 0, 200)}

    _, answerable, weight = fit_confidence.labelled([kinds])

    assert weight[answerable == 1].sum() == pytest.approx(weight[answerable == 0].sum())


def test_without_the_reader_near_misses_are_not_fitted():
    """The model for questions that the reader does not understand knows nothing of it, nor of what only it can tell."""
    kinds = {"answerable": rows(1, 0), "taken out": rows(-1, 0), "near miss": rows(0, 0)}

    unread = fit_confidence.without_reader(kinds)

    assert list(unread) == ["answerable", "taken out"]
    assert all((unread[kind][:, :-1] == kinds[kind][:, :-1]).all() for kind in unread)
    assert all((unread[kind][:, -1] == 0).all() for kind in unread)
