from pathlib import Path

import faiss
import numpy as np
import pytest

from qa.nearest import as_kept, cosines, is_exact, make_vectors, nearest, read_vectors, write_vectors

DIMENSION = 32


def rows_of(count, seed=1):
    """Return unit rows that lie in heaps, as the embeddings of texts about some subjects do."""
    generator = np.random.default_rng(seed)
    heaps = np.repeat(generator.standard_normal((count // 20, DIMENSION)), 20, axis=0)
    rows = (heaps + 0.7 * generator.standard_normal(heaps.shape)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def exact():
    return make_vectors(as_kept(rows_of(3000), 3000))


@pytest.fixture
def approximate(monkeypatch):
    """The same rows as in `exact`, as if they were many."""
    monkeypatch.setattr("qa.nearest.EXACT_ROWS", 2999)
    monkeypatch.setattr("qa.nearest._PROBED", 0.2)  # there are few lists here
    return make_vectors(as_kept(rows_of(3000), 3000))


def test_few_rows_are_compared_exactly(exact):
    """The rows nearest to a vector are those that numpy finds, in the order of their cosines."""
    rows = rows_of(3000)
    assert is_exact(exact)

    for vector in rows_of(60, seed=2):
        assert nearest(exact, vector, 10, None).tolist() == np.argsort(-(rows @ vector))[:10].tolist()


def test_many_rows_are_compared_approximately(approximate):
    """Most of the nearest rows are found, best first, and every row comes back nearly as it was added."""
    rows = rows_of(3000)
    assert not is_exact(approximate)
    assert approximate.reconstruct_batch(np.arange(3000)) == pytest.approx(rows, abs=5e-4)
    shares = []
    for vector in rows[::20] + rows[1::20]:
        found = nearest(approximate, vector, 20, None)
        assert (np.diff(rows[found] @ vector) < 2e-3).all()
        shares.append(len(set(found.tolist()) & set(np.argsort(-(rows @ vector))[:20].tolist())) / 20)

    assert np.mean(shares) > 0.9


@pytest.mark.parametrize("kind", ["exact", "approximate"])
@pytest.mark.parametrize("count", [0, 1, 10, 500, 3000])
def test_only_allowed_rows_are_found(request, kind, count):
    """Whatever the filter leaves, only that is found, and all of it when it is less than what is asked for."""
    index, vector = request.getfixturevalue(kind), rows_of(20, seed=3)[0]
    allowed = np.zeros(3000, dtype=np.bool_)
    allowed[np.random.default_rng(count).permutation(3000)[:count]] = True

    found = nearest(index, vector, 20, allowed)

    assert len(set(found.tolist())) == len(found) == min(count, 20)
    assert allowed[found].all()


@pytest.mark.parametrize("kind", ["exact", "approximate"])
def test_an_index_on_disk_is_the_same(request, tmp_path, kind):
    """A written index is mapped, not loaded, and finds the same."""
    index, vector = request.getfixturevalue(kind), rows_of(20, seed=3)[0]
    write_vectors(index, tmp_path / "vectors.faiss")

    mapped = read_vectors(tmp_path / "vectors.faiss")

    assert (mapped.ntotal, is_exact(mapped)) == (3000, kind == "exact")
    assert nearest(mapped, vector, 20, None).tolist() == nearest(index, vector, 20, None).tolist()
    assert str(tmp_path / "vectors.faiss") in Path("/proc/self/maps").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["exact", "approximate"])
def test_rows_that_are_taken_over_make_the_same_index(request, kind):
    """An index made of the rows that an index gives back equals it byte for byte, as a later rebuild needs it."""
    index = request.getfixturevalue(kind)

    again = make_vectors(index.reconstruct_n(0, 3000))
    fresh = make_vectors(as_kept(rows_of(3000), 3000))

    assert [bytes(faiss.serialize_index(one)) for one in (again, fresh)] == [bytes(faiss.serialize_index(index))] * 2


@pytest.mark.parametrize("kind", ["exact", "approximate"])
def test_cosines_of_all_rows(request, kind):
    """The cosines of all rows are plain products, for one vector and for several."""
    index, vectors = request.getfixturevalue(kind), rows_of(40, seed=3)

    assert cosines(index, vectors.T) == pytest.approx(rows_of(3000) @ vectors.T, abs=1e-3)
    assert cosines(index, vectors[0]) == pytest.approx(rows_of(3000) @ vectors[0], abs=1e-3)


def test_a_full_disk_is_told_from_a_bug(exact):
    """What the system says when an index cannot be written comes through as it is."""
    with pytest.raises(OSError, match="No space left on device"):
        write_vectors(exact, Path("/dev/full"))
