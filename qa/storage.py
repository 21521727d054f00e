"""Records and words on disk, read when they are asked for, so that memory does not grow with the corpus.

A file of lines stands beside an array that says where each line begins; both are memory-mapped. What was read last is
kept, as far as the caller allows.
"""

import json
import mmap
import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from math import prod
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Self, TypeVar, overload

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0
from numpy.typing import DTypeLike, NDArray

Record = TypeVar("Record")
_KEPT_WORDS = 4096  # a question looks up each of its words several times


class Lines(Sequence[Record]):
    """The lines of a file, each read and parsed when it is asked for."""

    def __init__(self, path: Path, parse: Callable[[bytes], Record], kept: int = 0) -> None:
        """Map the file, and the array beside it.

        Args:
            path: as `write_lines` wrote it.
            parse: makes a record of a line, which comes without its end.
            kept: how many of the records that were asked for last stay in memory.
        """
        starts, data = mapped_array(_beside(path, "starts")), _mapped(path)

        # Not a method, which would hold what holds it: the files of a replaced generation would stay open.
        def read(row: int) -> Record:
            start, end = starts[row : row + 2]
            return parse(data[start : end - 1])

        self._starts, self._data = starts, data
        self._kept = lru_cache(kept)(read)

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> list[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | list[Record]:
        rows = range(len(self))[place]
        return [self._kept(row) for row in rows] if isinstance(rows, range) else self._kept(rows)

    def joined(self, first: int, after: int) -> bytes:
        """Return some lines as they stand in the file, each with its end."""
        return self._data[self._starts[first] : self._starts[after]]


class WordTable(Mapping[str, int]):
    """A number for each of many words: a dictionary that stays on disk, in the order of the alphabet."""

    def __init__(self, path: Path) -> None:
        """Map a table that `write_table` wrote."""
        words, numbers = Lines(path, bytes.decode), mapped_array(_beside(path, "numbers"))

        def find(word: str) -> int | None:  # no method, as in Lines
            place = bisect_left(words, word)
            return int(numbers[place]) if place < len(words) and words[place] == word else None

        self._words = words
        self._found = lru_cache(_KEPT_WORDS)(find)

    def __getitem__(self, word: str) -> int:
        number = self._found(word)
        if number is None:
            raise KeyError(word)
        return number

    def __len__(self) -> int:
        return len(self._words)

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def beginning_with(self, letters: str) -> list[str]:
        """Return the words that begin with one or more letters, in order."""
        next_letters = letters[:-1] + chr(ord(letters[-1]) + 1)
        first, after = (bisect_left(self._words, begin) for begin in (letters, next_letters))
        return self._words.joined(first, after).decode().split("\n")[:-1]


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Write lines, which hold no line end themselves, and beside them the array of where each begins."""
    starts = [0]
    with path.open("wb") as file:
        for line in lines:
            starts.append(starts[-1] + file.write(line + b"\n"))
    np.save(_beside(path, "starts"), np.array(starts, dtype=np.int64))


def write_table(path: Path, numbers: Mapping[str, int]) -> None:
    """Write a number for each word, so that WordTable can find it."""
    words = sorted(numbers)
    write_lines(path, (word.encode() for word in words))
    np.save(_beside(path, "numbers"), np.array([numbers[word] for word in words], dtype=np.int32))


class ArrayWriter:
    """A .npy file that grows by rows, so that they need not be in memory together; `np.save` writes the same bytes."""

    def __init__(self, path: Path, dtype: DTypeLike, row_shape: tuple[int, ...] = ()) -> None:
        """Begin the file; `row_shape` is () when each row is one number."""
        self._dtype, self._row_shape = np.dtype(dtype), row_shape
        self._file = path.open("w+b")
        self._length = 0
        self._write_header()
        self._first = self._file.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        with self._file:
            if error is None:
                self._file.seek(0)
                self._write_header()

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows at the end."""
        self._file.write(np.ascontiguousarray(rows, self._dtype).data)
        self._length += len(rows)

    def read(self, first: int, after: int) -> NDArray[Any]:
        """Return rows that were added before."""
        row = np.empty(self._row_shape, self._dtype)
        self._file.seek(self._first + first * row.nbytes)
        data = self._file.read((after - first) * row.nbytes)
        self._file.seek(0, os.SEEK_END)
        return np.frombuffer(data, self._dtype).reshape(-1, *self._row_shape)

    def _write_header(self) -> None:
        # It takes the same room for any number of rows: numpy leaves some for that.
        shape = (self._length, *self._row_shape)
        header = {"descr": dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        write_array_header_1_0(self._file, header)


def scratch_array(folder: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an array of zeros that lies in a file without a name: however this process ends, nothing is left of it.

    Its room is taken now. When a mapped page found none later, the system would end the process without a word.

    Args:
        folder: on the disk that the file is to take room of.
        shape: of one row or more.
    Raises:
        OSError: there is not so much room.
    """
    with TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, np.dtype(dtype).itemsize * prod(shape))
        return np.asarray(np.memmap(file, dtype, "r+", shape=shape))


def mapped_array(path: Path, *, scattered: bool = False) -> NDArray[Any]:
    """Map the array in a .npy file.

    Args:
        scattered: whether a few rows are read here and there of a file that may be larger than memory. The system then
            reads them alone; else it would read on around each, and drive out of memory what is read more often.
    """
    mapped = np.load(path, mmap_mode="r")
    if scattered:
        mapped.base.madvise(mmap.MADV_RANDOM)
    return np.asarray(mapped)  # numpy's own class for it makes each look at it slower


def to_json(record: Any) -> bytes:
    """Return a record, a dataclass or what JSON knows, as one line of JSON, always the same for the same record."""
    # Not by `asdict`, which copies the whole record first and takes most of the time.
    return json.dumps(record, default=_fields_of, ensure_ascii=False, sort_keys=True).encode()


def _fields_of(record: Any) -> dict[str, Any]:
    return {spec.name: getattr(record, spec.name) for spec in fields(record)}


def _beside(path: Path, what: str) -> Path:
    return path.with_suffix(f".{what}.npy")


def _mapped(path: Path) -> mmap.mmap | bytes:
    if not path.stat().st_size:
        return b""  # which cannot be mapped
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
