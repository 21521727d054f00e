"""Fit the confidence on retrieval sets in the BEIR layout, and write qa/confidence.json and the reliability curve.

    python tools/fit_confidence.py --queries 400 SET_DIR [SET_DIR …]

Four kinds of questions: answerable ones; answerable ones whose documents are taken out of the search; questions of the
other sets, about something else altogether; and questions that a document nearly answers. They are those of the sets
and those of tools/reader_questions.jsonl, for which tools/reader_documents is one of the sets, and only on documents
that the reader has not learned from, since it would be surer of the others. Each kind of unanswerable question counts
as much as the others, against the answerable ones of its set. The intercept is then moved to the share of answerable
questions that a service meets (prior correction: King and Zeng, "Logistic Regression in Rare Events Data", 2001).
"""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import astuple, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from qa.confidence import Evidence, evidence_of
from qa.rebuild import build
from qa.search import search
from qa.vectors import DEFAULT_MODEL, Embedder
from tools.written import INVENTED, Question, is_held_out, own_of, read_documents, written_for

ROOT = Path(__file__).parent.parent
FEW_DOCUMENTS = 10  # every second question is asked of so few, so that the confidence holds for small folders too
# Of the questions that a service meets, assumed; the fit itself sees both kinds equally often. Without the reader the
# questions are those in other languages, which are not among those that are fitted on, so that this one is chosen: with
# .65 one in twenty of 40 answerable German questions was refused, of 40 Russian ones none.
ANSWERABLE_SHARE = {"with_reader": 0.9, "without_reader": 0.65}
Kinds = dict[str, NDArray[np.float64]]  # the evidence of each kind of question of a set


def evidence(folder: Path, others: list[Path], count: int) -> Kinds:
    """Return the evidence of each kind of question of a set, shape (questions, evidence)."""
    answerable, near_misses = questions(folder)
    drawn = _sample(answerable, 2 * count)
    foreign = [one for other in others for one in _sample(questions(other)[0], count // len(others))]
    documents = read_documents(folder)
    everything = [document.id for document in documents]
    embedder = Embedder(DEFAULT_MODEL)
    with TemporaryDirectory() as temporary:
        index = build(documents, embedder, Path(temporary), lambda *_: None)

        def ask(asked: list[Question], *, own: bool) -> NDArray[np.float64]:
            """Ask of documents that are not named with a question, every second of few; and of those too if `own`."""
            chance, rows = random.Random(3), []  # noqa: S311
            for number, one in enumerate(tqdm(asked, desc=folder.name)):
                rest = [name for name in everything if name not in one.documents]
                rest = chance.sample(rest, FEW_DOCUMENTS) if number % 2 == 0 else rest
                searched = [*rest, *one.documents] if own else rest
                rows.append(astuple(evidence_of(search(index, embedder, one.text, documents=searched))))
            return np.array(rows)

        half = len(drawn) // 2
        return {
            "answerable": ask(drawn[:half], own=True),
            "taken out": ask(drawn[half:], own=False),
            "elsewhere": ask([replace(one, documents=frozenset()) for one in foreign], own=False),
            "near miss": ask(_sample(near_misses, count), own=True),
        }


def questions(folder: Path) -> tuple[list[Question], list[Question]]:
    """Return the questions on held-out documents that these answer, and those that they nearly answer."""
    held_out = {document.id for document in read_documents(folder) if is_held_out(document.title)}
    asked = [one for one in own_of(folder) + written_for(folder) if one.documents <= held_out]
    return [one for one in asked if one.answer is not None], [one for one in asked if one.answer is None]


def _sample(asked: Sequence[Question], count: int) -> list[Question]:
    return random.Random(1).sample(asked, min(count, len(asked)))  # noqa: S311


def labelled(sets: Sequence[Kinds]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the evidence of all questions, shape (n, evidence), whether each is answerable, and its weight, (n,)."""
    rows, labels, weights = [], [], []
    for kinds in sets:
        for name, negative in kinds.items():
            if name != "answerable":
                positive = kinds["answerable"]
                rows += [positive, negative]
                labels += [np.ones(len(positive)), np.zeros(len(negative))]
                weights += [np.full(len(positive), 1 / len(positive)), np.full(len(negative), 1 / len(negative))]
    return np.concatenate(rows), np.concatenate(labels), np.concatenate(weights)


def fit(sets: Sequence[Kinds]) -> tuple[float, NDArray[np.float64]]:
    """Return the intercept and the weights, shape (evidence,)."""
    x, y, weight = labelled(sets)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.3))
    pipeline.fit(x, y, logisticregression__sample_weight=weight * len(weight) / weight.sum())
    scaler, logistic = pipeline[0], pipeline[1]
    coefficients = logistic.coef_[0] / scaler.scale_
    return float(logistic.intercept_[0] - coefficients @ scaler.mean_), coefficients


def model(sets: Sequence[Kinds], answerable_share: float) -> dict[str, Any]:
    """Return a fitted model as the file has it."""
    intercept, weights = fit(sets)
    return {
        "intercept": round(intercept + math.log(answerable_share / (1 - answerable_share)), 4),
        "weights": {f.name: round(float(w), 4) for f, w in zip(fields(Evidence), weights, strict=True)},
    }


def without_reader(kinds: Kinds) -> Kinds:
    """Return the evidence as it is without a reader: near misses, which only a reader can tell, are left out too."""
    read = [field.name == "reader" for field in fields(Evidence)]
    return {name: np.where(read, 0.0, rows) for name, rows in kinds.items() if name != "near miss"}


def held_out(sets: Sequence[Kinds]) -> NDArray[np.float64]:
    """Return (probability, answerable, weight) of every question by a fit on the other sets alone, shape (n, 3)."""
    judged = []
    for number, one in enumerate(sets):
        intercept, coefficients = fit([*sets[:number], *sets[number + 1 :]])
        x, y, weight = labelled([one])
        judged.append(np.column_stack([1 / (1 + np.exp(-(x @ coefficients + intercept))), y, weight]))
    return np.concatenate(judged)


def draw_reliability(judged: NDArray[np.float64], path: Path) -> None:
    """Draw how often questions of a given confidence are answerable, with both kinds asked equally often.

    Args:
        judged: as `held_out`.
    """
    import matplotlib.pyplot as plt  # the only use of it; no other dependency brings it along

    edges = np.quantile(judged[:, 0], np.linspace(0, 1, 11))
    bins = np.clip(np.searchsorted(edges, judged[:, 0], side="right") - 1, 0, 9)
    points = [
        (np.average(group[:, 0], weights=group[:, 2]), np.average(group[:, 1], weights=group[:, 2]))
        for group in (judged[bins == number] for number in range(10))
        if len(group)
    ]
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect")
    axes.plot(*zip(*points, strict=True), marker="o", label="fitted on the other sets")
    axes.set(xlabel="confidence, before the prior is corrected", ylabel="share that is answerable")
    axes.legend()
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


@click.command()
@click.option("--queries", default=400, show_default=True, help="Questions of each kind taken from each set.")
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(queries: int, folders: tuple[Path, ...]) -> None:
    """Fit on all FOLDERS together and write the result."""
    everything = [*folders, INVENTED]
    sets = [evidence(folder, [other for other in everything if other != folder], queries) for folder in everything]
    result = {
        "with_reader": model(sets, ANSWERABLE_SHARE["with_reader"]),
        "without_reader": model([without_reader(kinds) for kinds in sets], ANSWERABLE_SHARE["without_reader"]),
        "answerable_share": ANSWERABLE_SHARE,
        "fitted_on": {
            folder.name: {name: len(rows) for name, rows in kinds.items()}
            for folder, kinds in zip(everything, sets, strict=True)
        },
    }
    target = ROOT / "qa" / "confidence.json"
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    draw_reliability(held_out(sets), ROOT / "docs" / "pictures" / "reliability.svg")
    click.echo(target.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
