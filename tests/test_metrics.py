from collections.abc import Mapping, Sequence
from math import log2

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from qa.metrics import auc_figure, mean_figure, ndcg, recall, reciprocal_rank

NAMES = [f"d{n}" for n in range(40)]
CUTS = (1, 5, 10, 100)
rankings = st.lists(st.sampled_from(NAMES), min_size=1, unique=True)
judgements = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3), min_size=1).filter(lambda g: any(g.values()))


def by_trec_eval(ranking: Sequence[str], grades: Mapping[str, int]) -> dict[str, float]:
    """Return what pytrec_eval says of one ranking; its first document has the highest score."""
    measures = {"ndcg_cut.10", "recip_rank", *(f"recall.{cut}" for cut in CUTS)}
    run = {name: float(len(ranking) - place) for place, name in enumerate(ranking)}
    return pytrec_eval.RelevanceEvaluator({"q": dict(grades)}, measures).evaluate({"q": run})["q"]


@given(rankings, judgements)
def test_figures_of_a_ranking_are_those_of_trec_eval(ranking, grades):
    """nDCG@10, recall at four cuts and MRR@10 equal pytrec_eval's for any ranking and any graded judgements."""
    relevant = {name: grade for name, grade in grades.items() if grade}
    expected = by_trec_eval(ranking, grades)

    assert ndcg(ranking, grades, 10) == pytest.approx(expected["ndcg_cut_10"])
    assert ndcg(ranking, relevant, 10) == pytest.approx(expected["ndcg_cut_10"])
    for cut in CUTS:
        assert recall(ranking, relevant, cut) == pytest.approx(expected[f"recall_{cut}"])
    first_ten = by_trec_eval(ranking[:10], grades)
    assert reciprocal_rank(ranking, relevant, 10) == pytest.approx(first_ten["recip_rank"])


def test_the_formulas_by_hand():
    """A ranking of three with grades 0, 2, 1 of a best 2, 1, 1 has the values that the formulas give on paper."""
    ranking, grades = ["x", "a", "b"], {"a": 2, "b": 1, "c": 1}

    gained = 2 / log2(3) + 1 / log2(4)
    ideal = 2 / log2(2) + 1 / log2(3) + 1 / log2(4)
    assert ndcg(ranking, grades, 10) == pytest.approx(gained / ideal)
    assert ndcg(ranking, grades, 1) == 0
    assert recall(ranking, grades, 2) == pytest.approx(1 / 3)
    assert reciprocal_rank(ranking, grades, 10) == 0.5
    assert reciprocal_rank(ranking, grades, 1) == 0


def test_nothing_found_is_zero():
    """An empty ranking has 0 in every figure, and so has a question without judgements in nDCG."""
    assert ndcg([], {"a": 1}, 10) == recall([], {"a": 1}, 10) == reciprocal_rank([], {"a": 1}, 10) == 0
    assert ndcg(["a"], {}, 10) == 0


# Few different values, so that there are ties.
values = st.lists(st.integers(0, 9).map(lambda n: n / 10), min_size=1, max_size=30)


@given(values, values)
def test_the_auc_is_that_of_scikit_learn(positive, negative):
    """The area under the curve equals scikit-learn's, ties included, and lies within its interval."""
    figure = auc_figure(positive, negative)

    assert figure
    labels = [1] * len(positive) + [0] * len(negative)
    assert figure.value == pytest.approx(roc_auc_score(labels, positive + negative))
    assert 0 <= figure.low <= figure.value + 1e-9
    assert figure.value - 1e-9 <= figure.high <= 1
    assert figure.n == len(labels)


def test_the_auc_by_hand():
    """Of four pairs one is won, one drawn and two are lost: 0.375."""
    figure = auc_figure([0.5, 0.1], [0.5, 0.2])

    assert figure
    assert figure.value == 0.375


def test_the_auc_of_many_questions_needs_no_table_of_all_pairs():
    """Ten thousand questions of each kind, a hundred million pairs, are judged within the time limit of a test."""
    random = np.random.default_rng(3)

    figure = auc_figure(random.normal(1, 1, 10_000).tolist(), random.normal(0, 1, 10_000).tolist())

    assert figure
    assert figure.value == pytest.approx(0.760, abs=0.01)  # Φ(1/√2)
    assert figure.high - figure.low == pytest.approx(0.013, abs=0.004)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_a_mean_lies_within_its_interval(data):
    """The value is the mean, the interval encloses it and lies within the data, if these are not all 0 or all 1."""
    figure = mean_figure(data)

    assert figure
    assert figure.value == pytest.approx(sum(data) / len(data))
    least, most = (0, 1) if set(data) in ({0}, {1}) else (min(data), max(data))
    assert least - 1e-9 <= figure.low <= figure.value + 1e-9
    assert figure.value - 1e-9 <= figure.high <= most + 1e-9
    assert figure.n == len(data)


def test_the_interval_is_the_textbook_one():
    """For 400 coin tosses it is near 1.96 standard errors to each side, and the same each time."""
    figure = mean_figure([0.0, 1.0] * 200)

    assert figure
    assert figure.low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.004)
    assert figure.high == pytest.approx(0.5 + 1.96 * 0.025, abs=0.004)
    assert figure == mean_figure([0.0, 1.0] * 200)


@pytest.mark.parametrize("count", [1, 31, 128])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_none_or_all_of_a_few_questions_is_no_certainty(value, count):
    """Where nothing fails, or everything, the interval is that of scipy's exact binomial test."""
    figure = mean_figure([value] * count)

    exact = binomtest(int(value) * count, count).proportion_ci(0.95, method="exact")
    assert figure
    assert (figure.value, figure.n) == (value, count)
    assert (figure.low, figure.high) == pytest.approx((exact.low, exact.high))


def test_no_questions_have_no_figure():
    """No values give no mean, and one class alone no area."""
    assert mean_figure([]) is None
    assert auc_figure([], [0.1]) is None
    assert auc_figure([0.1], []) is None
