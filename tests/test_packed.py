from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.packed import DIMENSION, best_cosines, pack, read_packed, writing_packed

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def unit_rows(rng, count):
    rows = rng.normal(size=(count, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def store_of(states):
    with TemporaryDirectory() as folder:
        with writing_packed(Path(folder)) as writer:
            for rows in states:
                writer.add(pack(rows))
        return read_packed(Path(folder))


def unpacked(rows):
    """Return the rows as they come back: the cosines of rows of one token each with all axes."""
    return best_cosines(store_of(rows[:, np.newaxis]), np.eye(DIMENSION, dtype=np.float32), np.arange(len(rows)))


def test_packing_keeps_directions():
    """What comes back has a cosine of .99 with what was packed, in half a byte a number."""
    rows = unit_rows(np.random.default_rng(2), 200)

    codes = pack(rows)

    assert (codes.shape, codes.dtype) == ((200, DIMENSION // 2), np.uint8)
    found = unpacked(rows)
    assert (found * rows).sum(axis=1) / np.linalg.norm(found, axis=1) == pytest.approx(np.full(200, 0.994), abs=0.008)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(200), abs=0.04)


def test_large_numbers_become_the_largest_level():
    """A row whose length lies in one number comes back as one in which that number is the largest by far."""
    row = np.zeros((1, DIMENSION), dtype=np.float32)
    row[0, 5] = -1.0

    [found] = unpacked(row)

    assert np.abs(found).argmax() == 5
    assert found[5] < 0
    assert pack(np.zeros((1, DIMENSION), dtype=np.float32)).shape == (1, DIMENSION // 2)
    assert pack(row[:0]).shape == (0, DIMENSION // 2)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 4), min_size=1, max_size=6), st.data())
def test_cosines_are_what_a_plain_loop_gives(seed, lengths, data):
    """For any rows in any order, the best cosines equal those of a loop over their tokens, as far as packing allows."""
    rng = np.random.default_rng(seed)
    states = [unit_rows(rng, length) for length in lengths]
    question = unit_rows(rng, 3)
    rows = data.draw(st.lists(st.sampled_from(range(len(lengths))), min_size=1))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qa.packed._BLOCK", 3)
        found = best_cosines(store_of(states), question, np.array(rows))

    for row, best in zip(rows, found, strict=True):
        expected = [max((float(token @ asked) for token in states[row]), default=-1.0) for asked in question]
        assert best == pytest.approx(np.array(expected), abs=0.03)


def test_rows_are_read_while_they_are_written():
    """A row that was added can be read before the file is closed, and stands in the store as it was added."""
    rng = np.random.default_rng(1)
    states = [unit_rows(rng, length) for length in (2, 0, 3)]
    with TemporaryDirectory() as folder:
        with writing_packed(Path(folder)) as writer:
            for number, rows in enumerate(states):
                writer.add(pack(rows))
                assert writer.codes_of(number).tolist() == pack(rows).tolist()
        store = read_packed(Path(folder))

    assert [store.codes_of(row).tolist() for row in range(3)] == [pack(rows).tolist() for rows in states]
