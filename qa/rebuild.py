"""Make the index of a corpus: everything is written aside, then one pointer moves."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import compress
from pathlib import Path
from time import perf_counter

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from qa.corpus import Notice, read_corpus
from qa.documents import Document
from qa.encoders import encode_all, side_by_side, token_encoder, token_encoder_id
from qa.errors import CorpusError, IndexBusy, IndexUnusable
from qa.index import (
    FORMAT,
    AttachedQuestion,
    Index,
    Manifest,
    Parts,
    Pointer,
    begin_generation,
    finish_generation,
    open_generation,
    read_pointer,
    records_hash,
    remove_generations_except,
    write_pointer,
)
from qa.late import quantize, sentence_of_tokens, writing_tokens
from qa.nearest import as_kept, is_exact, is_exact_for
from qa.packed import pack, writing_packed
from qa.passages import MAX_CHARS, OVERLAP_CHARS, TARGET_CHARS, Passage, passages_of
from qa.sections import sections_of
from qa.settings import Settings
from qa.storage import scratch_array
from qa.vectors import Embedder

Progress = Callable[[str, int, int], object]  # what is done, how many are done, of how many
_Text = tuple[str, str]  # the context in front of a text, and the text


@dataclass(frozen=True, slots=True)
class Summary:
    """What a rebuild did."""

    generation: str
    changed: bool  # False: the index was up to date, nothing was written
    documents: int
    passages: int
    embedded: int  # texts that went through a model; the rest was taken over from the generation before
    seconds: float
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class _Content:
    """What a generation is made of."""

    documents: Sequence[Document]
    passages: Sequence[Passage]
    attached: Sequence[tuple[str, range]]  # questions, with the rows of their sections' passages

    def texts(self) -> Iterator[_Text]:
        """Yield the texts that get a vector each, in the order of the vectors."""
        yield from _sentence_texts(self.passages)
        yield from (("", question) for question, _ in self.attached)
        yield from _continuing_texts(self.passages)


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where what is made of each of some texts comes from, so that nothing is made twice; arrays of shape (texts,)."""

    known: NDArray[np.int64]  # number of the same text in the generation before, -1 if it was not there
    first: NDArray[np.int64]  # number of the first text that is the same

    @property
    def new(self) -> NDArray[np.bool_]:
        """Which texts have to go through a model."""
        new: NDArray[np.bool_] = (self.known < 0) & (self.first == np.arange(len(self.first)))
        return new


def rebuild(settings: Settings, *, force: bool, progress: Progress) -> Summary:
    """Bring the index up to the corpus.

    Args:
        force: build and embed everything anew, even if nothing changed.
        progress: is told how far the embedding is.
    Raises:
        CorpusError: nothing could be read; the index stays as it is.
        IndexBusy: another rebuild of this index is running.
        IndexUnusable: the folder of the index cannot be written.
        ModelError: the weights are missing or damaged.
    """
    began = perf_counter()
    try:
        if settings.index.exists() and not settings.index.is_dir():
            raise IndexUnusable(f"{settings.index} is no folder", "--index (QA_INDEX) must name one")
        settings.index.mkdir(parents=True, exist_ok=True)
        with FileLock(settings.index / ".lock", timeout=0):
            return _rebuild(settings, force, progress, began)
    except Timeout as error:
        raise IndexBusy(f"another rebuild of {settings.index} is running; wait until it has ended") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise IndexUnusable(f"{settings.index} cannot be written ({reason}); what was there stays as it is") from error


def _rebuild(settings: Settings, force: bool, progress: Progress, began: float) -> Summary:
    corpus = read_corpus(
        settings.corpus, settings.max_document_bytes, settings.max_document_seconds, index=settings.index
    )
    embedder = Embedder(settings.model)
    content = _Content(corpus.documents, *cut(corpus.documents))
    if not content.passages:
        raise CorpusError(f"the documents in {settings.corpus} hold headings but no text below them")
    manifest = _manifest(content, embedder)
    pointer = usable_pointer(settings.index)
    current = None if force or pointer is None else _open_if_sound(settings.index, pointer.current, pointer.built_at)
    embedded = 0
    changed = current is None or current.manifest.id != manifest.id
    # After a rollback, what is to be built is what was left.
    left = not force and pointer is not None and pointer.previous == manifest.id
    there = left and _open_if_sound(settings.index, manifest.id, "") is not None
    _tidy(settings.index, pointer)  # what a killed rebuild left takes room that this one may need
    if changed:
        try:
            if not there:
                embedded = _write(settings.index, manifest, content, embedder, current, progress)
            built_at = datetime.now(UTC).isoformat(timespec="seconds")
            moved = _moved(pointer, manifest.id, built_at)
            write_pointer(settings.index, moved)
        except BaseException:
            # What is half done is of no use, and a full disk is not left full. The pointer may have moved already.
            _tidy(settings.index, usable_pointer(settings.index))
            raise
        _tidy(settings.index, moved)
    return Summary(
        generation=manifest.id,
        changed=changed,
        documents=len(content.documents),
        passages=len(content.passages),
        embedded=embedded,
        seconds=perf_counter() - began,
        notices=corpus.notices,
    )


def cut(documents: Sequence[Document]) -> tuple[list[Passage], list[tuple[str, range]]]:
    """Return all passages, and each attached question with the rows of its section's passages."""
    passages: list[Passage] = []
    attached: list[tuple[str, range]] = []
    for document in documents:
        for section in sections_of(document):
            first = len(passages)
            passages += passages_of(document, section)
            attached += [(question, range(first, len(passages))) for question in section.questions]
    return passages, attached


def build(documents: Sequence[Document], embedder: Embedder, folder: Path, progress: Progress) -> Index:
    """Index documents that are already in memory in a folder of their own, and open the index."""
    content = _Content(documents, *cut(documents))
    manifest = _manifest(content, embedder)
    _write(folder, manifest, content, embedder, None, progress)
    return open_generation(folder, manifest.id, datetime.now(UTC).isoformat(timespec="seconds"))


def _manifest(content: _Content, embedder: Embedder) -> Manifest:
    """Return the manifest of what is to be built; its id is a hash of everything that goes in."""
    model = embedder.info
    late = token_encoder_id()
    corpus = records_hash(content.documents)
    ingredients = (str(FORMAT), corpus, records_hash(content.passages), model.name, model.sha256, late)
    return Manifest(
        format=FORMAT,
        id=hashlib.sha256("\n".join(ingredients).encode()).hexdigest()[:16],
        corpus_sha256=corpus,
        model=model,
        late_interaction=late,
        settings={"target_chars": TARGET_CHARS, "max_chars": MAX_CHARS, "overlap_chars": OVERLAP_CHARS},
        documents=len(content.documents),
        passages=len(content.passages),
        sentences=sum(len(passage.sentences) for passage in content.passages),
        questions=len(content.attached),
        continuing=sum(passage.continuing for passage in content.passages),
        files={},
    )


def _moved(pointer: Pointer | None, generation: str, built_at: str) -> Pointer:
    """Return the pointer after a generation was written; one that was merely written anew replaces none."""
    if pointer is None:
        return Pointer(generation, built_at, None, None)
    if pointer.current == generation:
        return replace(pointer, built_at=built_at)
    return Pointer(generation, built_at, pointer.current, pointer.built_at)


def _tidy(folder: Path, pointer: Pointer | None) -> None:
    """Remove everything but the generations that the pointer names; without one, only what is half done."""
    remove_generations_except(folder, [pointer.current, pointer.previous or ""] if pointer else None)


def usable_pointer(folder: Path) -> Pointer | None:
    """Return the pointer; a damaged one counts as none, since a rebuild is what mends it."""
    try:
        return read_pointer(folder)
    except IndexUnusable:
        return None


def _open_if_sound(folder: Path, generation: str, built_at: str) -> Index | None:
    try:
        return open_generation(folder, generation, built_at, scattered=False)
    except IndexUnusable:
        return None


def _write(
    folder: Path, manifest: Manifest, content: _Content, embedder: Embedder, before: Index | None, progress: Progress
) -> int:
    """Write a generation; return how many texts had to be embedded for it.

    What is made goes to the disk at once: token states into their files, vectors into one without a name, from which
    Faiss takes them into memory in the end.

    Args:
        before: the generation to take over from, as far as the same models made it.
    """
    aside = begin_generation(folder, manifest.id)
    vectors = scratch_array(aside, np.float32, (manifest.vectors, manifest.model.dimension))
    to_embed = _sources(content.texts(), _texts_read_before(before, manifest))
    to_encode = _sources(_passage_texts(content.passages), _texts_with_states(before, manifest))

    def load() -> None:
        if to_embed.new.any():
            embedder.load()

    # To import sentence-transformers takes seconds of one core; the token states do without it.
    side_by_side(load, lambda: _write_tokens(aside, content.passages, to_encode, before, progress))
    _embed(aside, vectors, content, to_embed, embedder, before, progress)
    finish_generation(folder, manifest, Parts(content.documents, content.passages, _placed(content, vectors), vectors))
    return int(to_embed.new.sum() + to_encode.new.sum())


def _write_tokens(
    aside: Path, passages: Sequence[Passage], sources: _Sources, before: Index | None, progress: Progress
) -> None:
    """Write the tokens of all passages."""
    encoder, done, new = token_encoder(), 0, sources.new
    to_encode, texts = int(new.sum()), compress(map("".join, _passage_texts(passages)), new)
    encoded = encode_all(lambda text: quantize(encoder.encode_passage(text).states), texts)
    with writing_tokens(aside) as writer:
        for number, (passage, text) in enumerate(zip(passages, _passage_texts(passages), strict=True)):
            if new[number]:
                states = next(encoded)
                done += 1
                progress("token states", done, to_encode)
            elif before and sources.known[number] >= 0:
                states = before.tokens.states_of(sources.known[number])
            else:
                states = writer.states_of(sources.first[number])
            tokens = encoder.tokens_of("".join(text))
            writer.add(states, sentence_of_tokens(passage, tokens.starts), tokens.ids)


def _embed(
    aside: Path,
    vectors: NDArray[np.float32],
    content: _Content,
    sources: _Sources,
    embedder: Embedder,
    before: Index | None,
    progress: Progress,
) -> None:
    """Fill `vectors` (n, d) with the embeddings of all n texts, and write their tokens but those of the contexts."""
    encoder, done, new = token_encoder(), 0, sources.new
    to_embed = int(new.sum())
    readings = embedder.read_all(compress(map("".join, content.texts()), new))
    with writing_packed(aside) as writer:
        for number, (context, text) in enumerate(content.texts()):
            if new[number]:
                reading = next(readings)
                vector = as_kept(reading.vector, len(vectors))
                codes = pack(reading.tokens[encoder.tokens_of(context + text).starts >= len(context)])
                done += 1
                progress("embeddings", done, to_embed)
            elif before and sources.known[number] >= 0:
                [vector] = as_kept(before.vectors.reconstruct_batch(sources.known[number : number + 1]), len(vectors))
                codes = before.sentence_tokens.codes_of(sources.known[number])
            else:
                vector, codes = vectors[sources.first[number]], writer.codes_of(sources.first[number])
            vectors[number] = vector
            writer.add(codes)


def _placed(content: _Content, vectors: NDArray[np.float32]) -> list[AttachedQuestion]:
    """Return the attached questions, each with the passage of its section that holds the nearest sentence."""
    owner = np.repeat(np.arange(len(content.passages)), [len(passage.sentences) for passage in content.passages])
    placed = []
    of_questions = vectors[len(owner) : len(owner) + len(content.attached)]
    for (question, rows), vector in zip(content.attached, of_questions, strict=True):
        first, after = np.searchsorted(owner, [rows.start, rows.stop])
        placed.append(AttachedQuestion(question, int(owner[first + np.argmax(vectors[first:after] @ vector)])))
    return placed


def _sources(texts: Iterable[_Text], before: Iterable[_Text]) -> _Sources:
    """Find texts among those of the generation before, and among themselves."""
    different, first, number = np.unique(_digests(texts), return_index=True, return_inverse=True)
    _, found, rows = np.intersect1d(different, _digests(before), return_indices=True)
    known = np.full(len(different), -1, dtype=np.int64)
    known[found] = rows
    return _Sources(known[number], first[number])


def _digests(texts: Iterable[_Text]) -> NDArray[np.bytes_]:
    """Return a hash of each text, all that is kept in memory of millions of them."""
    whole = (f"{len(context)} {context}{text}" for context, text in texts)
    return np.fromiter((hashlib.blake2b(text.encode(), digest_size=16).digest() for text in whole), dtype="S16")


def _texts_read_before(before: Index | None, manifest: Manifest) -> Iterator[_Text]:
    """Yield the texts whose vectors and tokens in an earlier generation are those that the new one needs, by row."""
    if not before or before.manifest.model != manifest.model:
        return
    if before.manifest.late_interaction != manifest.late_interaction:
        return
    # The approximate index holds rounded vectors, which are good for another such index only.
    if is_exact(before.vectors) or not is_exact_for(manifest.vectors):
        yield from _sentence_texts(before.passages)
        yield from (("", question.text) for question in before.questions)
        yield from _continuing_texts(before.passages)


def _texts_with_states(before: Index | None, manifest: Manifest) -> Iterator[_Text]:
    """Yield the texts of the passages whose token states are those that the new generation needs, by row."""
    if before and before.manifest.late_interaction == manifest.late_interaction:
        yield from _passage_texts(before.passages)


def _passage_texts(passages: Iterable[Passage]) -> Iterator[_Text]:
    return ((passage.preamble, passage.text) for passage in passages)


def _sentence_texts(passages: Iterable[Passage]) -> Iterator[_Text]:
    return ((passage.context, passage.words(span)) for passage in passages for span in passage.sentences)


def _continuing_texts(passages: Iterable[Passage]) -> Iterator[_Text]:
    """Yield the sentences that go on with a paragraph that begins above their passage, each behind its opening."""
    return (
        (passage.preamble, passage.words(span))
        for passage in passages
        for span in passage.sentences[: passage.continuing]
    )
