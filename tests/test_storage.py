import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.storage import ArrayWriter, Lines, WordTable, mapped_array, scratch_array, write_lines, write_table
from tests.mappings import is_scattered

WORDS = st.dictionaries(st.text(min_size=1).filter(str.isalnum), st.integers(0, 2**31 - 1))


def test_lines_come_back_one_by_one(tmp_path):
    """Every line, an empty one too, is read at its place; a slice gives a list, and what lies beyond is an error."""
    texts = ["first", "", "zweite äöü", "1\r2\u2028"]
    write_lines(tmp_path / "some.txt", (text.encode() for text in texts))

    lines = Lines(tmp_path / "some.txt", bytes.decode)

    assert len(lines) == 4
    assert [lines[row] for row in range(4)] == list(lines) == texts
    assert (lines[-1], lines[1:3]) == (texts[-1], texts[1:3])
    with pytest.raises(IndexError):
        lines[4]


def test_no_lines(tmp_path):
    """A file without a line is empty and can be opened."""
    write_lines(tmp_path / "none.txt", [])

    assert list(Lines(tmp_path / "none.txt", bytes.decode)) == []


def test_what_was_read_last_is_kept(tmp_path):
    """A record that was read is not parsed again while it is among the last ones."""
    write_lines(tmp_path / "some.txt", [b"a", b"b", b"c"])
    parsed = []
    lines = Lines(tmp_path / "some.txt", parsed.append, kept=2)

    for row in (0, 0, 1, 0, 2, 1):
        lines[row]

    assert parsed == [b"a", b"b", b"c", b"b"]


@given(numbers=WORDS, other=st.text(max_size=3))
def test_a_table_on_disk_is_the_dictionary_that_it_was_made_of(tmp_path_factory, numbers, other):
    """Every word has its number, no other word has one, and those that begin with some letters are found by them."""
    path = tmp_path_factory.mktemp("table") / "words.txt"
    write_table(path, numbers)

    table = WordTable(path)

    assert dict(table) == numbers
    assert list(table) == sorted(numbers)
    assert (other in table) == (other in numbers)
    for letters in {word[:count] for word in numbers for count in (1, 2)}:
        assert table.beginning_with(letters) == sorted(word for word in numbers if word.startswith(letters))


@pytest.mark.parametrize("row_shape", [(), (3,)])
@pytest.mark.parametrize("lengths", [[], [0], [2, 0, 70_000, 1]])
def test_an_array_that_grows_has_the_bytes_of_one_that_is_saved_whole(tmp_path, row_shape, lengths):
    """Whatever pieces it is written in, the file is the one that numpy writes, and each piece can be read meanwhile."""
    random = np.random.default_rng(1)
    pieces = [random.integers(-99, 99, (length, *row_shape)).astype(np.int16) for length in lengths]

    with ArrayWriter(tmp_path / "grown.npy", np.int16, row_shape) as writer:
        first = 0
        for piece in pieces:
            writer.append(piece)
            assert (writer.read(first, first + len(piece)) == piece).all()
            assert len(writer.read(0, min(first, 2))) == min(first, 2)
            first += len(piece)

    whole = io.BytesIO()
    np.save(whole, np.concatenate([np.zeros((0, *row_shape), dtype=np.int16), *pieces]))
    assert (tmp_path / "grown.npy").read_bytes() == whole.getvalue()


@pytest.mark.parametrize("scattered", [False, True])
def test_the_system_is_told_which_arrays_are_read_here_and_there(tmp_path, scattered):
    """A mapped array is what was saved; the system reads on around what is looked at unless it is told not to."""
    path, rows = tmp_path / "some.npy", np.arange(12).reshape(6, 2)
    np.save(path, rows)

    found = mapped_array(path, scattered=scattered)

    assert (found == rows).all()
    assert is_scattered(path) is scattered


def test_a_scratch_array_has_no_name(tmp_path):
    """It is zeros that can be written, and nothing of it is in the folder."""
    scratch = scratch_array(tmp_path, np.float32, (1000, 384))

    assert scratch.shape == (1000, 384)
    assert not scratch.any()
    scratch[999] = 1.5
    assert scratch.sum() == 1.5 * 384
    assert list(tmp_path.iterdir()) == []


def test_a_scratch_array_that_finds_no_room_is_an_error_at_once(tmp_path):
    """More room than any disk has is refused when it is asked for, not when it is written to."""
    with pytest.raises(OSError, match=r"File too large|No space left"):
        scratch_array(tmp_path, np.int8, (2**62,))
