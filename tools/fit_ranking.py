"""Fit the weights of the ranking signals on retrieval sets in the BEIR layout, and write qa/ranking.json.

    python tools/fit_ranking.py --queries 800 SET_DIR [SET_DIR …]

For each question the candidates' weighted sums go through a softmax; the weights that make the relevant passages most
likely are taken (listwise maximum likelihood: Cao et al., "Learning to Rank: From Pairwise Approach to Listwise
Approach", 2007). Every set counts the same. The weights are not negative and sum to 1: only their proportions matter.
"""

import json
import random
from dataclasses import astuple, fields
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from tqdm import tqdm

from qa import search
from qa.beir import read_beir
from qa.rebuild import build
from qa.vectors import DEFAULT_MODEL, Embedder

TARGET = Path(__file__).parent.parent / "qa" / "ranking.json"
Example = tuple[NDArray[np.float64], NDArray[np.bool_]]  # (signals (candidates, 4), relevant (candidates,))


def examples(folder: Path, count: int) -> list[Example]:
    """Return the candidates of `count` questions of a set, with those that are relevant."""
    beir = read_beir(folder)
    queries = random.Random(0).sample(  # noqa: S311
        beir.queries, min(count, len(beir.queries))
    )
    embedder, found = Embedder(DEFAULT_MODEL), []
    with TemporaryDirectory() as temporary:
        index = build(beir.documents, embedder, Path(temporary), lambda *_: None)
        for query in tqdm(queries, desc=folder.name):
            hits = search.search(index, embedder, query.text).hits
            relevant = np.array([hit.passage.document_id in query.relevant for hit in hits])
            if relevant.any() and not relevant.all():
                found.append((np.array([astuple(hit.signals) for hit in hits]), relevant))
    return found


def fit(sets: list[list[Example]]) -> NDArray[np.float64]:
    """Return the weights that make the relevant candidates most likely, shape (4,)."""

    def loss(weights: NDArray[np.float64]) -> float:
        total = 0.0
        for one in sets:
            for signals, relevant in one:
                scores = signals @ weights
                total += (logsumexp(scores) - logsumexp(scores[relevant])) / len(one)
        return total

    start = np.full(len(fields(search.Signals)), 5.0)
    found = minimize(loss, start, bounds=[(0.0, None)] * len(start), method="L-BFGS-B")
    weights: NDArray[np.float64] = found.x / found.x.sum()
    return weights


@click.command()
@click.option("--queries", default=800, show_default=True, help="Questions taken from each set.")
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(queries: int, folders: tuple[Path, ...]) -> None:
    """Fit on all FOLDERS together and write the result."""
    sets = [examples(folder, queries) for folder in folders]
    weights = fit(sets)
    names = [field.name for field in fields(search.Signals)]
    result = {
        "weights": {name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True)},
        "fitted_on": {folder.name: len(one) for folder, one in zip(folders, sets, strict=True)},
    }
    TARGET.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    click.echo(TARGET.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
