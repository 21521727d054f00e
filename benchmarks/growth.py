"""Measure how build, memory, speed and quality change as an index grows.

    python -m benchmarks.growth FOLDER… [--sizes 1000 10000 100000 1000000] [--out growth.json]

Each FOLDER is a retrieval set in the BEIR layout. Its texts are embedded once and kept in --work. An index of a size is
made of them and filled up with synthetic passages: three sentences of the sets each under a heading of invented words,
with their real tokens of both models; a filler's vectors are mixtures of two real ones with noise, for to embed a
million passages takes days. Filler takes nothing from the documents that the questions are about. All is drawn from a
fixed seed.

Times are those of the clock and, beside them, of the processor, which other programs on the machine change less.
"""

import argparse
import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.running import ask_path, serving
from qa.answer import answer
from qa.beir import BeirQuery, read_beir
from qa.documents import Document, parse_document
from qa.encoders import TOKEN_DIMENSION, WORKERS, encode_all, token_encoder
from qa.index import (
    Index,
    Manifest,
    Parts,
    Pointer,
    begin_generation,
    finish_generation,
    generation_folder,
    open_index,
    read_pointer,
    write_pointer,
)
from qa.late import TokenStore, read_tokens
from qa.metrics import ndcg
from qa.nearest import as_kept, cosines, is_exact, nearest
from qa.packed import read_packed, writing_packed
from qa.passages import Passage
from qa.reader import reader
from qa.rebuild import build
from qa.search import CANDIDATES
from qa.storage import ArrayWriter, scratch_array
from qa.vectors import DEFAULT_MODEL, Embedder

COMMAND = [sys.executable, "-m", "benchmarks.growth"]
SEED = 1
SENTENCES = 3  # of a filler passage
BLOCK = 2**14  # vectors that are made at once
TOKEN_BLOCK = 1_000  # fillers whose token states are written at once
WANTED = 6 * CANDIDATES  # vectors that a search asks for
QUESTIONS = 200
RECALL_QUESTIONS = 50
COLD_QUESTIONS = 50
JUDGED_PASSAGES = 900  # the documents at the beginning, which the questions are about; in every index
MADV_PAGEOUT = 21  # <linux/mman.h>; the module mmap does not have it
KINDS = "documents passages vectors tokens sentence_tokens vocabulary keywords parents".split()  # of files
SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe ri so tu va wo xa yi zu".split()


@dataclass(frozen=True)
class Real:
    """The passages of the sets, and the sentences that filler may take."""

    manifest: Manifest  # of one of the sets
    documents: list[Document]
    passages: list[Passage]
    sentence_vectors: NDArray[np.float32]
    tokens: TokenStore
    queries: list[BeirQuery]  # about documents that every index holds
    pool: NDArray[np.int64]  # numbers of sentences that filler is made of
    texts: list[str]  # of all sentences
    token_ranges: NDArray[np.int64]  # (sentences, 2) rows in `tokens`
    codes: list[NDArray[np.uint8]]  # of each sentence its packed tokens, as they lie in the mapped index of its set


def main() -> None:
    """Measure every size in a process of its own, print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument(
        "--work", type=Path, default=Path("growth"), help="folder for indexes, some 36 GB for a million"
    )
    parser.add_argument("--out", type=Path, help="JSON file of the figures; sizes that it holds already are kept")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)  # a process for one size
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)  # a process that asks
    arguments = parser.parse_args()
    if arguments.ask:
        json.dump(ask(arguments.ask, arguments.work / "queries.json"), sys.stdout)
    elif arguments.one:
        json.dump(measure_size(read_real(arguments.folders, arguments.work), arguments.one, arguments.work), sys.stdout)
    else:
        rows = json.loads(arguments.out.read_text()) if arguments.out and arguments.out.exists() else []
        for folder in arguments.folders:
            _embedded(folder, arguments.work / folder.name)
        for size in arguments.sizes:
            print(f"{size:,} passages …", file=sys.stderr)
            command = [*COMMAND, *map(str, arguments.folders), "--work", str(arguments.work)]
            done = subprocess.run([*command, "--one", str(size)], check=True, stdout=subprocess.PIPE)
            rows = sorted(
                [*(r for r in rows if r["passages"] != size), json.loads(done.stdout)], key=itemgetter("passages")
            )
            if arguments.out:
                arguments.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        print(to_table(rows))


def to_table(rows: list[dict[str, Any]]) -> str:
    """Return the figures as a table in Markdown, a column for each size."""
    lines = {
        "passages": lambda r: f"{r['passages']:,}",
        "vectors": lambda r: f"{r['vectors']:,}",
        "embedding, hours on two idle cores (extrapolated)": lambda r: f"{r['embed_hours']:.1f}",
        "writing the index, s (processor s)": lambda r: (
            f"{r['write_seconds']:.0f} ({r['write_processor_seconds']:.0f})"
        ),
        "own memory while writing, peak MB": lambda r: f"{r['write_own_peak_mb']:,.0f}",
        "index on disk, MB": lambda r: f"{r['disk_mb']:,.0f}",
        "opening, s": lambda r: f"{r['open_seconds']:.1f}",
        "own memory of the index, MB": lambda r: f"{r['memory_after_mb']['own'] - r['memory_before_mb']['own']:.0f}",
        "mapped pages in memory, MB": lambda r: (
            f"{r['memory_after_mb']['mapped'] - r['memory_before_mb']['mapped']:,.0f}"
        ),
        "question p50 / p95, ms": lambda r: f"{r['p50_ms']:.0f} / {r['p95_ms']:.0f}",
        "the same, processor ms": lambda r: f"{r['processor_p50_ms']:.0f} / {r['processor_p95_ms']:.0f}",
        "over HTTP p50 / p95, ms": lambda r: f"{r['http_p50_ms']:.0f} / {r['http_p95_ms']:.0f}",
        "the first 50, nothing in the file cache": lambda r: (
            f"{r['http_cold_p50_ms']:.0f} / {r['http_cold_p95_ms']:.0f}"
        ),
        "nearest vectors": lambda r: r["search"],
        "recall@100": lambda r: f"{r['recall@100']:.3f}",
        "candidates found": lambda r: f"{r['candidates_found']:.3f}",
        "nearest, processor ms": lambda r: f"{r['nearest_processor_ms']:.1f}",
        "flat, processor ms": lambda r: f"{r['flat_processor_ms']:.1f}",
        "flat, MB": lambda r: f"{r['flat_mb']:,.0f}",
        "hit@1": lambda r: f"{r['hit@1']:.3f}",
        "nDCG@10": lambda r: f"{r['ndcg@10']:.3f}",
    }
    table = [f"| {name} | " + " | ".join(show(row) for row in rows) + " |" for name, show in lines.items()]
    return "\n".join([table[0], "|---|" + "--:|" * len(rows), *table[1:]])


# ---------------------------------------------------------------------------------------------------- what is real


def read_real(folders: list[Path], work: Path) -> Real:
    """Return the sets, embedded; the documents that the questions are about come first."""
    documents, passages, queries, groups = [], [], [], []
    for folder in folders:
        index = _embedded(folder, work / folder.name)
        for query in read_beir(folder).queries:
            relevant = {f"{folder.name} {name}": grade for name, grade in query.relevant.items()}
            queries.append(replace(query, relevant=relevant))
        for name, document in index.documents.items():
            groups.append((index, index.passages_of(name)))
            documents.append(replace(document, id=f"{folder.name} {name}"))  # the sets count from the same number
    order = np.random.default_rng(SEED).permutation(len(documents))
    parts: dict[str, list[Any]] = {"s": [], "states": [], "sentence": [], "lengths": [], "codes": []}
    for number in order:
        index, rows = groups[number]
        for row in rows:
            # Few passages of the sets begin within a paragraph, and fillers never do: their openings are left out.
            passage = replace(index.passages[row], document_id=documents[number].id, continuing=0, opening="")
            passages.append(passage)
            first, after = index.sentence_rows[row : row + 2]
            parts["s"].append(index.vectors.reconstruct_n(int(first), int(after - first)))
            parts["codes"] += [index.sentence_tokens.codes_of(sentence) for sentence in range(first, after)]
            start, end = index.tokens.starts[row : row + 2]
            parts["states"].append(index.tokens.states[start:end])
            parts["sentence"].append(index.tokens.sentence[start:end])
            parts["lengths"].append(end - start)
    frequency = sum(index.tokens.frequency for index in {id(index): index for index, _ in groups}.values())
    documents = [documents[number] for number in order]
    tokens = TokenStore(
        np.concatenate(parts["states"]), np.concatenate(parts["sentence"]), _starts(parts["lengths"]), frequency
    )
    judged = {passage.document_id for passage in passages[:JUDGED_PASSAGES]}
    pool, texts, ranges = [], [], []
    for row, passage in enumerate(passages):
        numbers = tokens.sentence[tokens.starts[row] : tokens.starts[row + 1]]
        for number, span in enumerate(passage.sentences):
            own = tokens.starts[row] + np.flatnonzero(numbers == number)
            if passage.document_id not in judged and len(own):
                pool.append(len(texts))
            texts.append(passage.words(span))
            ranges.append((own[0], own[-1] + 1) if len(own) else (0, 0))
    about = [query for query in queries if query.relevant.keys() <= judged]
    chosen = np.random.default_rng(SEED).permutation(len(about))[:QUESTIONS]
    return Real(
        index.manifest,
        documents,
        passages,
        np.concatenate(parts["s"]),
        tokens,
        [about[number] for number in chosen],
        np.array(pool),
        texts,
        np.array(ranges),
        parts["codes"],
    )


def _embedded(folder: Path, work: Path) -> Index:
    """Return the index of a set, built on the first run."""
    if read_pointer(work) is None:
        index = build(read_beir(folder).documents, Embedder(DEFAULT_MODEL), work, lambda *_: None)
        write_pointer(work, Pointer(index.manifest.id, index.built_at, None, None))
    return open_index(work)


def texts_a_second(real: Real) -> tuple[float, float]:
    """Return how many sentences the embedding model takes a second, and how many passages the token encoder.

    On so many idle cores as there are WORKERS: reckoned by processor times, which other programs change less.
    """
    embedder, sentences, passages = Embedder(DEFAULT_MODEL), real.texts[:100], real.passages[:30]
    list(embedder.read_all(sentences[:2]))
    began = time.process_time()
    list(embedder.read_all(sentences))
    between = time.process_time()
    list(encode_all(lambda passage: token_encoder().encode_passage(passage.text), passages))
    return WORKERS * len(sentences) / (between - began), WORKERS * len(passages) / (time.process_time() - between)


# ---------------------------------------------------------------------------------------------------- what is made up


class Mixed:
    """Rows of vectors that are made when they are asked for: mixtures of two real ones with noise, unit length."""

    def __init__(self, head: NDArray[np.float32], base: NDArray[np.float32], numbers: NDArray[np.int64]) -> None:
        """Set `head` in front of one mixed row for each row of `numbers`, (n, 2) rows of `base`."""
        generator = np.random.default_rng(SEED)
        self._head, self._base, self._numbers = head, base, numbers
        self._noise = generator.standard_normal((4099, base.shape[1]), dtype=np.float32) / base.shape[1] ** 0.5

    def __len__(self) -> int:
        return len(self._head) + len(self._numbers)

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        places = np.arange(len(self))[rows]
        made = places[places >= len(self._head)] - len(self._head)
        one, other = self._numbers[made].T
        mixed = self._base[one] + 0.4 * self._base[other] + 0.3 * self._noise[made % len(self._noise)]
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        return np.concatenate([self._head[places[places < len(self._head)]], mixed])


def make_parts(real: Real, size: int, scratch: Path) -> tuple[Parts, NDArray[np.int64]]:
    """Return an index of `size` passages, and the numbers of the sentences that its fillers have, (fillers, SENTENCES).

    The vectors lie in a file in `scratch`.
    """
    generator = np.random.default_rng(SEED)
    kept = min(size, len(real.passages))
    documents = {passage.document_id for passage in real.passages[:kept]}
    passages = real.passages[:kept]
    sentences = sum(len(passage.sentences) for passage in passages)
    filler = size - kept
    drawn = real.pool[generator.integers(0, len(real.pool), (filler, SENTENCES))]
    # Half of the headings are new words, as in growing text, where each new document brings some.
    names = generator.integers(0, max(filler, 1), filler)
    made = [
        _filler(number, int(name), [real.texts[s] for s in row])
        for number, (name, row) in enumerate(zip(names, drawn, strict=True))
    ]
    other = real.pool[generator.integers(0, len(real.pool), (filler, SENTENCES))]
    mixed = Mixed(
        real.sentence_vectors[:sentences], real.sentence_vectors, np.stack([drawn, other], axis=2).reshape(-1, 2)
    )
    vectors = scratch_array(scratch, np.float32, (len(mixed), real.sentence_vectors.shape[1]))
    for first in range(0, len(mixed), BLOCK):
        vectors[first : first + BLOCK] = as_kept(mixed[first : first + BLOCK], len(mixed))
    parts = Parts(
        documents=[d for d in real.documents if d.id in documents] + [document for document, _ in made],
        passages=passages + [passage for _, passage in made],
        questions=[],
        vectors=vectors,
    )
    return parts, drawn


def _filler(number: int, name: int, sentences: list[str]) -> tuple[Document, Passage]:
    title = _word(2 * name).title() + " " + _word(name // 100).title()
    text = " ".join(sentences)
    document = replace(parse_document(f"filler/{number}.txt", text)[0], title=title)
    ends = np.cumsum([len(sentence) + 1 for sentence in sentences]).tolist()
    spans = tuple((end - 1 - len(sentence), end - 1) for end, sentence in zip(ends, sentences, strict=True))
    identity = hashlib.sha256(document.id.encode()).hexdigest()[:16]
    return document, Passage(identity, document.id, (), 0, len(text), text, spans, f"{title}. ", 0, "")


def _word(number: int) -> str:
    """Return an invented word, another one for each number."""
    syllables = [SYLLABLES[number % 20]]
    while number := number // 20:
        syllables.append(SYLLABLES[number % 20])
    return "".join([*syllables, "qu"])


def write_tokens(real: Real, parts: Parts, drawn: NDArray[np.int64], folder: Path) -> None:
    """Write the tokens of an index into its folder; a filler has those of its sentences.

    They go there straight away: of a million passages they take 26 GB, for which there need not be room twice.

    Args:
        drawn: as `make_parts` returns it.
    """
    kept = len(parts.passages) - len(drawn)
    first = int(real.tokens.starts[kept])
    lengths = np.diff(real.token_ranges, axis=1)[:, 0]
    states = ArrayWriter(folder / "tokens.states.npy", np.int8, (TOKEN_DIMENSION,))
    with states, ArrayWriter(folder / "tokens.sentence.npy", np.int16) as sentence:
        states.append(real.tokens.states[:first])
        sentence.append(real.tokens.sentence[:first])
        for block in range(0, len(drawn), TOKEN_BLOCK):
            numbers = drawn[block : block + TOKEN_BLOCK].ravel()
            states.append(real.tokens.states[_ranges(real.token_ranges[numbers, 0], lengths[numbers])])
            order = np.tile(np.arange(SENTENCES, dtype=np.int16), len(numbers) // SENTENCES)
            sentence.append(np.repeat(order, lengths[numbers]))
    per_passage = np.concatenate([np.diff(real.tokens.starts[: kept + 1]), lengths[drawn].sum(axis=1)])
    np.save(folder / "tokens.starts.npy", _starts(per_passage))
    share = len(per_passage) / len(real.passages)
    np.save(folder / "tokens.frequency.npy", np.ceil(real.tokens.frequency * share).astype(np.int32))
    with writing_packed(folder) as writer:
        for codes in chain(real.codes[: len(parts.vectors) - drawn.size], (real.codes[n] for n in drawn.flat)):
            writer.add(codes)


def _ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of all ranges, one after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1]) + np.repeat(starts - (ends - lengths), lengths)


def _starts(lengths: Any) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)


# ---------------------------------------------------------------------------------------------------- measuring


def measure_size(real: Real, size: int, work: Path) -> dict[str, Any]:
    """Build an index of `size` passages, measure it, remove it, and return the figures."""
    folder = work / f"size-{size}"
    shutil.rmtree(folder, ignore_errors=True)
    with TemporaryDirectory(dir=work) as scratch:
        parts, drawn = make_parts(real, size, Path(scratch))
        manifest = replace(
            real.manifest,
            id=hashlib.sha256(f"growth {size}".encode()).hexdigest()[:16],
            documents=len(parts.documents),
            passages=size,
            sentences=len(parts.vectors),
            continuing=0,
            files={},
        )
        began, processor = time.perf_counter(), time.process_time()
        with _peak_of_own_memory() as peak:
            aside = begin_generation(folder, manifest.id)
            write_tokens(real, parts, drawn, aside)
            finish_generation(folder, manifest, parts)
        figures = {
            "passages": size,
            "real_passages": min(size, len(real.passages)),
            "vectors": len(parts.vectors),
            "write_seconds": time.perf_counter() - began,
            "write_processor_seconds": time.process_time() - processor,
            "write_own_peak_mb": max(peak),
        }
    write_pointer(folder, Pointer(manifest.id, "2000-01-01T00:00:00+00:00", None, None))
    root = generation_folder(folder, manifest.id)
    figures |= {"tokens": len(read_tokens(root).states), "sentence_tokens": len(read_packed(root).codes)}
    sizes = {path.relative_to(root).as_posix(): path.stat().st_size for path in root.rglob("*") if path.is_file()}
    figures["disk_mb"] = sum(sizes.values()) / 1e6
    figures["disk_mb_by_kind"] = {
        kind: sum(size for name, size in sizes.items() if name.startswith(kind)) / 1e6 for kind in KINDS
    }
    queries = work / "queries.json"
    queries.write_text(json.dumps([[query.text, query.relevant] for query in real.queries]), encoding="utf-8")
    child = [*COMMAND, "-", "--work", str(work), "--ask", str(folder)]
    asked = subprocess.run(child, check=True, stdout=subprocess.PIPE)
    shutil.rmtree(folder)
    vectors, passages = texts_a_second(real)
    figures["embed_hours"] = (figures["vectors"] / vectors + size / passages) / 3600
    return figures | json.loads(asked.stdout)


def ask(folder: Path, queries: Path) -> dict[str, Any]:
    """Open an index, ask all questions in this process, which does nothing else, and return the figures."""
    asked = json.loads(queries.read_text(encoding="utf-8"))
    served = over_http(folder, [text for text, _ in asked])
    embedder = Embedder(DEFAULT_MODEL)
    embedder.encode("warm")
    token_encoder().encode_query("warm")
    reader().probability("warm", "warm")
    before = _memory_mb()
    began = time.perf_counter()
    index = open_index(folder)
    opened = time.perf_counter() - began
    clock, processor, stages, hits, gains = [], [], [], [], []
    for text, relevant in [*asked[:5], *asked]:
        began, worked = time.perf_counter(), time.process_time()
        reply = answer(index, embedder, text, min_confidence=0.5)
        clock.append(1000 * (time.perf_counter() - began))
        processor.append(1000 * (time.process_time() - worked))
        stages.append(reply.stages)
        ranking = list(dict.fromkeys(hit.passage.document_id for hit in reply.candidates))
        hits.append(bool(ranking) and ranking[0] in relevant)
        gains.append(ndcg(ranking, relevant, 10))
    after = _memory_mb()
    vectors = np.array([embedder.encode(text) for text, _ in asked[:RECALL_QUESTIONS]])
    return (
        {
            "open_seconds": opened,
            "memory_before_mb": before,
            "memory_after_mb": after,
            "p50_ms": float(np.percentile(clock[5:], 50)),
            "p95_ms": float(np.percentile(clock[5:], 95)),
            "processor_p50_ms": float(np.percentile(processor[5:], 50)),
            "processor_p95_ms": float(np.percentile(processor[5:], 95)),
            "stages_p50_ms": {name: float(np.median([s.get(name, 0.0) for s in stages[5:]])) for name in stages[-1]},
            "hit@1": float(np.mean(hits[5:])),
            "ndcg@10": float(np.mean(gains[5:])),
            "questions": len(asked),
        }
        | served
        | _against_exact(index, vectors)
    )


def over_http(folder: Path, questions: list[str]) -> dict[str, float]:
    """Ask a server all questions twice: first when none of the index is in the file cache, then when all is."""
    with TemporaryDirectory() as scratch, serving(folder, Path(scratch) / "server.log") as server:
        _forget(folder, server.process.pid)
        connection = server.connection()

        def milliseconds(question: str, k: int) -> float:
            began = time.perf_counter()
            status, _ = server.get(ask_path(question, k), connection)
            assert status == 200, status
            return 1000 * (time.perf_counter() - began)

        cold = [milliseconds(question, 5) for question in questions][:COLD_QUESTIONS]
        warm = [milliseconds(question, 6) for question in questions]  # another k: no reply comes from the cache
        connection.close()
    return {
        "http_p50_ms": float(np.percentile(warm, 50)),
        "http_p95_ms": float(np.percentile(warm, 95)),
        "http_cold_p50_ms": float(np.percentile(cold, 50)),
        "http_cold_p95_ms": float(np.percentile(cold, 95)),
    }


def _forget(folder: Path, process: int) -> None:
    """Take files out of memory: first what a process has mapped, which needs root's rights, then the rest."""
    libc = ctypes.CDLL(None, use_errno=True)
    target = os.pidfd_open(process)
    for line in Path(f"/proc/{process}/maps").read_text(encoding="utf-8").splitlines():
        if str(folder.resolve()) not in line:
            continue
        start, end = (int(address, 16) for address in line.split()[0].split("-"))
        for first in range(start, end, 2**30):  # one call takes no more than 2 GB
            part = (ctypes.c_size_t * 2)(first, min(2**30, end - first))
            if libc.process_madvise(target, part, 1, MADV_PAGEOUT, 0) < 0:
                raise OSError(ctypes.get_errno(), f"{folder} cannot be taken out of memory; run this as root")
    os.close(target)
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _against_exact(index: Index, vectors: NDArray[np.float32]) -> dict[str, Any]:
    """Return how much of what exact search finds this index finds, and what exact search takes."""
    everything = cosines(index.vectors, np.ascontiguousarray(vectors.T))
    best = [np.argsort(-column, kind="stable")[:WANTED] for column in everything.T]
    del everything
    shares, passages, times = [], [], []
    for vector, rows in zip(vectors, best, strict=True):
        began = time.process_time()
        found = nearest(index.vectors, vector, WANTED, None)
        times.append(1000 * (time.process_time() - began))
        shares.append(len(set(found[:100].tolist()) & set(rows[:100].tolist())) / 100)
        exact, ours = (list(dict.fromkeys(index.parents[r].tolist()))[:CANDIDATES] for r in (rows, found))
        passages.append(len(set(exact) & set(ours)) / len(exact))
    figures = {
        "search": "exact" if is_exact(index.vectors) else "approximate",
        "recall@100": float(np.mean(shares)),
        "candidates_found": float(np.mean(passages)),
        "nearest_processor_ms": float(np.median(times)),
        "flat_mb": index.vectors.ntotal * vectors.shape[1] * 4 / 1e6,
    }
    flat = faiss.IndexFlatIP(vectors.shape[1])
    for row in range(0, index.vectors.ntotal, 65_536):
        flat.add(index.vectors.reconstruct_n(row, min(65_536, index.vectors.ntotal - row)))
    began = time.process_time()
    for vector in vectors:
        flat.search(vector[np.newaxis], WANTED)
    figures["flat_processor_ms"] = 1000 * (time.process_time() - began) / len(vectors)
    return figures


@contextmanager
def _peak_of_own_memory() -> Iterator[list[float]]:
    """Yield a list of the memory of this process while something is done, pages of mapped files left out."""
    seen, done = [_memory_mb()["own"]], threading.Event()

    def look() -> None:
        while not done.wait(0.02):
            seen.append(_memory_mb()["own"])

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        done.set()
        looking.join()


def _memory_mb() -> dict[str, float]:
    """Return the memory of this process: its own, and pages of mapped files, which the system may take back."""
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return {"own": int(status["RssAnon"].split()[0]) / 1024, "mapped": int(status["RssFile"].split()[0]) / 1024}


if __name__ == "__main__":
    main()
