"""Fit the weights of the ranking signals on retrieval sets in the BEIR layout, and write qa/ranking.json.

    python tools/fit_ranking.py --queries 800 SET_DIR [SET_DIR …]

For each question the candidates' weighted sums go through a softmax; the weights that make the relevant passages most
likely are taken (listwise maximum likelihood: Cao et al., "Learning to Rank: From Pairwise Approach to Listwise
Approach", 2007). Every set counts the same. The weights are not negative and sum to 1: only their proportions matter.

The weight of the reader comes on top of these. It is fitted in the same way among the hits that are read, with the
questions on documents that the reader has not learned from, those of tools/reader_documents too.
"""

import json
import random
from dataclasses import fields
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
from tools.fit_confidence import questions
from tools.written import INVENTED, read_documents

TARGET = Path(__file__).parent.parent / "qa" / "ranking.json"
COMPARED = [field.name for field in fields(search.Signals) if field.name != "reader"]
Example = tuple[NDArray[np.float64], NDArray[np.bool_]]  # (signals (candidates, n), relevant (candidates,))


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
            hits = search.search(index, embedder, query.text, read=False).hits
            relevant = np.array([hit.passage.document_id in query.relevant for hit in hits])
            if relevant.any() and not relevant.all():
                found.append((np.array([[getattr(hit.signals, name) for name in COMPARED] for hit in hits]), relevant))
    return found


def read_examples(folder: Path, count: int, weights: NDArray[np.float64]) -> list[Example]:
    """Return the hits that are read for `count` questions, by what the others say together and by the reader."""
    asked = questions(folder)[0]
    embedder, found = Embedder(DEFAULT_MODEL), []
    with TemporaryDirectory() as temporary:
        index = build(read_documents(folder), embedder, Path(temporary), lambda *_: None)
        for one in tqdm(random.Random(0).sample(asked, min(count, len(asked))), desc=f"{folder.name}, read"):  # noqa: S311
            assert one.answer is not None
            hits = [hit for hit in search.search(index, embedder, one.text).hits if hit.signals.reader]
            relevant = np.array([h.passage.document_id in one.documents and one.answer in h.passage.text for h in hits])
            if relevant.any() and not relevant.all():
                compared = np.array([[getattr(hit.signals, name) for name in COMPARED] for hit in hits]) @ weights
                found.append((np.column_stack([compared, [hit.signals.reader for hit in hits]]), relevant))
    return found


def fit(sets: list[list[Example]]) -> NDArray[np.float64]:
    """Return the weights, shape (n,), that make the relevant candidates most likely, on no scale of their own."""

    def loss(weights: NDArray[np.float64]) -> float:
        total = 0.0
        for one in sets:
            for signals, relevant in one:
                scores = signals @ weights
                total += (logsumexp(scores) - logsumexp(scores[relevant])) / len(one)
        return total

    start = np.full(sets[0][0][0].shape[1], 5.0)
    found = minimize(loss, start, bounds=[(0.0, None)] * len(start), method="L-BFGS-B")
    weights: NDArray[np.float64] = found.x
    return weights


@click.command()
@click.option("--queries", default=800, show_default=True, help="Questions taken from each set.")
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(queries: int, folders: tuple[Path, ...]) -> None:
    """Fit on all FOLDERS together and write the result."""
    sets = [examples(folder, queries) for folder in folders]
    weights = fit(sets)
    weights /= weights.sum()
    everything = [*folders, INVENTED]
    read = [read_examples(folder, queries, weights) for folder in everything]
    compared, reader = fit(read)
    result = {
        "weights": {name: round(float(weight), 4) for name, weight in zip(COMPARED, weights, strict=True)}
        | {"reader": round(float(reader / compared), 4)},
        "fitted_on": {folder.name: len(one) for folder, one in zip(folders, sets, strict=True)},
        "reader_fitted_on": {folder.name: len(one) for folder, one in zip(everything, read, strict=True)},
    }
    TARGET.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    click.echo(TARGET.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
