"""Compare kinds of Faiss indexes: what building, memory and a question cost, and how much of the truth they find.

    python -m benchmarks.nearest FOLDER… [--rows 100000]

The vectors are those of benchmarks/growth.py: mixtures of real sentences of the retrieval sets in FOLDER. Each kind
but the exact one is refined: what it finds is compared again with vectors in half precision. Times are of the
processor, one thread for a question.
"""

import argparse
import time
from pathlib import Path

import faiss
import numpy as np

from benchmarks.growth import RECALL_QUESTIONS, SEED, WANTED, Mixed, read_real
from qa.vectors import DEFAULT_MODEL, Embedder

KINDS = {  # factory string without the refinement: settings to try
    "IVF{lists},SQ8": [{"nprobe": share} for share in (0.01, 0.02, 0.04, 0.08)],
    "IVF{lists},PQ96": [{"nprobe": share} for share in (0.04, 0.08)],
    "HNSW32_SQ8": [{"efSearch": width} for width in (300, 600)],
}


def main() -> None:
    """Print one row for each kind and setting, as a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--work", type=Path, default=Path("growth"), help="folder of growth.py")
    arguments = parser.parse_args()
    real = read_real(arguments.folders, arguments.work)
    numbers = np.random.default_rng(SEED).choice(real.pool, (arguments.rows, 2))
    rows = Mixed(real.sentence_vectors[:0], real.sentence_vectors, numbers)[:]
    embedder = Embedder(DEFAULT_MODEL)
    asked = np.array([embedder.encode(query.text) for query in real.queries[:RECALL_QUESTIONS]])
    exact = faiss.IndexFlatIP(rows.shape[1])
    exact.add(rows)
    faiss.omp_set_num_threads(1)
    truth, spent = _ask(exact, asked)
    print("| index | setting | building, s | codes, MB | question, ms | recall@100 |\n|---|---|--:|--:|--:|--:|")
    print(f"| exact | | 0 | {rows.nbytes / 1e6:.0f} | {spent:.1f} | 1 |")
    for kind, settings in KINDS.items():
        name = kind.format(lists=round(np.sqrt(len(rows))))
        began = time.process_time()
        index = faiss.index_factory(rows.shape[1], f"{name},Refine(SQfp16)", faiss.METRIC_INNER_PRODUCT)
        index.train(rows[::2])
        index.add(rows)
        built = time.process_time() - began
        size = len(faiss.serialize_index(index)) - 2 * rows.size
        for setting in settings:
            if "nprobe" in setting:
                inverted = faiss.extract_index_ivf(index)
                inverted.nprobe = max(1, round(setting["nprobe"] * inverted.nlist))
            else:
                faiss.downcast_index(index.base_index).hnsw.efSearch = setting["efSearch"]
            found, spent = _ask(index, asked)
            recall = np.mean([len(set(a[:100]) & set(b[:100])) / 100 for a, b in zip(found, truth, strict=True)])
            shown = ", ".join(f"{key} {value}" for key, value in setting.items())
            print(f"| {name} | {shown} | {built:.0f} | {size / 1e6:.0f} | {spent:.1f} | {recall:.3f} |", flush=True)


def _ask(index: faiss.Index, asked: np.ndarray) -> tuple[list[list[int]], float]:
    """Return the rows found for each question, and the milliseconds of one."""
    index.search(asked[:1], WANTED)
    began = time.process_time()
    found = [index.search(vector[np.newaxis], WANTED)[1][0].tolist() for vector in asked]
    return found, 1000 * (time.process_time() - began) / len(asked)


if __name__ == "__main__":
    main()
