"""The vectors of an index in Faiss: exact while they are few, approximate when they are many, memory-mapped always.

Up to EXACT_ROWS every vector is compared with the question's. Beyond that an inverted file names the nearest by codes
of a byte a dimension, and those are compared again with the vectors themselves, kept in half precision. The choice and
its figures: docs/scaling.md.
Source: Jégou et al., "Product Quantization for Nearest Neighbor Search", 2011 (the inverted file with re-ranking).
"""

from math import ceil, sqrt
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

EXACT_ROWS = 100_000
_LISTS = 1.0  # times the square root of the number of vectors
_PROBED = 0.1  # share of the lists that a question looks into
_TRAINED = 50  # vectors a list is placed by
_BLOCK = 2**16  # vectors handled at once


def is_exact_for(count: int) -> bool:
    """Tell whether so many vectors are compared one by one."""
    return count <= EXACT_ROWS


def as_kept(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return rows as an index of `count` vectors gives them back: rounded to half precision where it is approximate."""
    return rows if is_exact_for(count) else rows.astype(np.float16).astype(np.float32)


def make_vectors(rows: NDArray[np.float32]) -> faiss.Index:
    """Return the index of unit rows (n, d); the same rows give the same index.

    Args:
        rows: `as_kept` of n, so that vectors which are taken over from an index make the same one again; float32. They
            may be memory-mapped: they are read in place, and added at once, since what grows by pieces is copied each
            time.
    """
    count, dimension = rows.shape
    if is_exact_for(count):
        exact = faiss.IndexFlatIP(dimension)
        exact.add(rows)
        return exact
    lists = round(_LISTS * sqrt(count))
    found = faiss.index_factory(dimension, f"IVF{lists},SQ8,Refine(SQfp16)", faiss.METRIC_INNER_PRODUCT)
    found.train(rows[:: max(1, count // (_TRAINED * lists))])
    found.add(rows)
    return found


def write_vectors(index: faiss.Index, path: Path) -> None:
    """Write an index; raise the OSError of what went wrong, as faiss's own writing to a path does not."""
    with path.open("wb") as file:
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))  # type: ignore[attr-defined]


def read_vectors(path: Path) -> faiss.Index:
    """Map an index that was written; it takes memory only as far as it is looked at."""
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)


def is_exact(index: faiss.Index) -> bool:
    """Tell whether an index compares every vector, and gives each back as it was added."""
    return isinstance(index, faiss.IndexFlat)


def nearest(
    index: faiss.Index, vector: NDArray[np.float32], count: int, allowed: NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    """Return the rows nearest to a vector, best first.

    Args:
        vector: (d,), unit length.
        count: how many at most.
        allowed: (rows,) which of them may be found; None for all.
    """
    bits = None if allowed is None else np.packbits(allowed, bitorder="little")
    chosen = {} if bits is None else {"sel": faiss.IDSelectorBitmap(bits)}  # type: ignore[call-arg, arg-type]
    if is_exact(index):
        parameters = faiss.SearchParameters(**chosen)
    else:
        # The fewer rows are allowed, the more lists are looked into, so that about as many are compared.
        share = 1.0 if allowed is None else max(float(allowed.mean()), _PROBED)
        probed = ceil(faiss.extract_index_ivf(index).nlist * min(1.0, _PROBED / share))
        parameters = faiss.IndexRefineSearchParameters(
            k_factor=1.0,  # type: ignore[call-arg]
            base_index_params=faiss.SearchParametersIVF(nprobe=probed, **chosen),  # type: ignore[call-arg]
        )
    faiss.omp_set_num_threads(1)  # of this thread: to wake others for one question takes longer than the search
    rows: NDArray[np.int64] = index.search(vector[np.newaxis], min(count, index.ntotal), params=parameters)[1][0]
    return rows[rows >= 0]  # faiss fills the places for which it found nothing with -1


def cosines(index: faiss.Index, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosine of every row with a unit vector (d,), shape (rows,), or with several (d, m), shape (rows, m).

    It takes as long as reading all vectors: seconds, when there are millions.
    """
    blocks = np.array_split(np.arange(index.ntotal), ceil(index.ntotal / _BLOCK))
    return np.concatenate([index.reconstruct_batch(rows) @ vectors for rows in blocks])
