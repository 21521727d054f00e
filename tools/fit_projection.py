"""Fit the projection of the token states for late interaction, and write qa/late_projection.npy.

    python tools/fit_projection.py CORPUS.jsonl

CORPUS.jsonl is the corpus of a retrieval set in the BEIR layout; the projection in use was made from the 2,588 gold
passages of Natural Questions, and comes out the same to the bit. The projection goes onto the first
principal components of the uncentred token states: of all linear maps to so few dimensions it keeps the inner products
between tokens best (Eckart and Young, "The approximation of one matrix by another of lower rank", 1936).
"""

import json
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from qa.encoders import TOKEN_DIMENSION, TokenEncoder

TARGET = Path(__file__).parent.parent / "qa" / "late_projection.npy"


@click.command()
@click.argument("corpus", type=click.Path(exists=True, path_type=Path))
def main(corpus: Path) -> None:
    """Fit on all texts of CORPUS and write the result."""
    encoder = TokenEncoder(np.eye(384, dtype=np.float32))
    products = np.zeros((384, 384))
    for line in tqdm(corpus.read_text(encoding="utf-8").splitlines()):
        record = json.loads(line)
        states = encoder.encode_passage(f"{record['title']}. {record['text']}").states.astype(np.float64)
        products += states.T @ states
    _, vectors = np.linalg.eigh(products)  # in rising order of the eigenvalues
    components = vectors[:, ::-1][:, :TOKEN_DIMENSION]
    # The sign of a component is arbitrary: its largest entry is made positive, so that a new fit gives the same file.
    largest = np.abs(components).argmax(axis=0)
    components = components * np.sign(components[largest, np.arange(TOKEN_DIMENSION)])
    np.save(TARGET, components.astype(np.float32))


if __name__ == "__main__":
    main()
