"""Figures of retrieval and refusal, each with a bootstrap interval where it is a mean over questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
AUC_RESAMPLES = 500  # each takes a sort
_SEED = 20240229  # any fixed number: the same results give the same interval


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval and the number of questions behind it."""

    value: float
    low: float
    high: float
    n: int


def mean_figure(values: Sequence[float]) -> Figure | None:
    """Return the mean of `values`, which lie in 0..1, with its percentile bootstrap interval, None for no values.

    Where all are 0 or all are 1 every resample is the same; the interval is then that of Clopper and Pearson.
    Sources: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; Clopper and Pearson, "The Use
    of Confidence or Fiducial Limits Illustrated in the Case of the Binomial", 1934.
    """
    if not values:
        return None
    data = np.asarray(values, dtype=np.float64)
    least = 0.025 ** (1 / len(data))
    if not data.any():
        return Figure(0.0, 0.0, 1 - least, len(data))
    if (data == 1).all():
        return Figure(1.0, least, 1.0, len(data))
    drawn = np.random.default_rng(_SEED).integers(0, len(data), (RESAMPLES, len(data)))
    low, high = np.percentile(data[drawn].mean(axis=1), [2.5, 97.5])
    return Figure(float(data.mean()), float(low), float(high), len(data))


def auc_figure(positive: Sequence[float], negative: Sequence[float]) -> Figure | None:
    """Return the area under the ROC curve with its bootstrap interval, None when a class is empty.

    It is the chance that a positive has a higher value than a negative; ties count half.
    Source: Hanley and McNeil, "The Meaning and Use of the Area under a ROC Curve", 1982.
    """
    if not positive or not negative:
        return None
    yes, no = np.asarray(positive, dtype=np.float64), np.asarray(negative, dtype=np.float64)
    random = np.random.default_rng(_SEED)
    samples = []
    for _ in range(AUC_RESAMPLES):
        drawn = yes[random.integers(0, len(yes), len(yes))], no[random.integers(0, len(no), len(no))]
        samples.append(_auc(*drawn))
    low, high = np.percentile(samples, [2.5, 97.5])
    return Figure(_auc(yes, no), float(low), float(high), len(yes) + len(no))


def _auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    ordered = np.sort(negative)
    below, up_to = np.searchsorted(ordered, positive, "left"), np.searchsorted(ordered, positive, "right")
    return float((below + up_to).mean() / 2 / len(negative))


def ndcg(ranking: Sequence[str], grades: Mapping[str, int], cut: int) -> float:
    """Return nDCG@cut as trec_eval computes it: the gain is the grade, the discount log2(rank + 1).

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002.
    """
    gained = sum(grades.get(name, 0) / np.log2(rank + 1) for rank, name in enumerate(ranking[:cut], 1))
    best = sorted(grades.values(), reverse=True)[:cut]
    ideal = sum(grade / np.log2(rank + 1) for rank, grade in enumerate(best, 1))
    return float(gained / ideal) if ideal else 0.0


def recall(ranking: Sequence[str], relevant: Mapping[str, int], cut: int) -> float:
    """Return the share of the relevant documents among the first `cut`."""
    return len(set(ranking[:cut]) & relevant.keys()) / len(relevant)


def reciprocal_rank(ranking: Sequence[str], relevant: Mapping[str, int], cut: int) -> float:
    """Return 1 / rank of the first relevant document among the first `cut`, 0 if there is none."""
    return next((1.0 / rank for rank, name in enumerate(ranking[:cut], 1) if name in relevant), 0.0)
