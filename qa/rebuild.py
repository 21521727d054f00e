"""Make the index of a corpus: everything is written aside, then one pointer moves."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
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
    open_generation,
    read_pointer,
    records_hash,
    remove_generations_except,
    write_generation,
    write_pointer,
)
from qa.late import TokenStore, build_store, quantize, sentence_of_tokens
from qa.nearest import is_exact, is_exact_for
from qa.passages import MAX_CHARS, OVERLAP_CHARS, TARGET_CHARS, Passage, passages_of
from qa.sections import sections_of
from qa.settings import Settings
from qa.vectors import Embedder

Progress = Callable[[str, int, int], object]  # what is done, how many are done, of how many


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
class _Known:
    """What an earlier generation holds, by the text that it was made of, so that a text is embedded once."""

    vectors: dict[str, NDArray[np.float32]]
    states: dict[str, NDArray[np.int8]]


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
        settings.index.mkdir(parents=True, exist_ok=True)
        with FileLock(settings.index / ".lock", timeout=0):
            return _rebuild(settings, force, progress, began)
    except Timeout as error:
        raise IndexBusy(f"another rebuild of {settings.index} is running; wait until it has ended") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise IndexUnusable(f"{settings.index} cannot be written ({reason}); what was there stays as it is") from error


def _rebuild(settings: Settings, force: bool, progress: Progress, began: float) -> Summary:
    corpus = read_corpus(settings.corpus, settings.max_document_bytes, settings.max_document_seconds)
    embedder = Embedder(settings.model)
    passages, attached = cut(corpus.documents)
    if not passages:
        raise CorpusError(f"the documents in {settings.corpus} hold headings but no text below them")
    manifest = _manifest(corpus.documents, passages, attached, embedder)
    pointer = _usable_pointer(settings.index)
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
                known = _known(current, manifest)
                parts, embedded = _embed(corpus.documents, passages, attached, embedder, known, progress)
                write_generation(settings.index, manifest, parts)
            built_at = datetime.now(UTC).isoformat(timespec="seconds")
            moved = _moved(pointer, manifest.id, built_at)
            write_pointer(settings.index, moved)
        except OSError:
            _tidy(settings.index, pointer)  # a full disk is not left full
            raise
        _tidy(settings.index, moved)
    return Summary(
        generation=manifest.id,
        changed=changed,
        documents=len(corpus.documents),
        passages=len(passages),
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
    passages, attached = cut(documents)
    manifest = _manifest(documents, passages, attached, embedder)
    parts, _ = _embed(documents, passages, attached, embedder, _Known({}, {}), progress)
    write_generation(folder, manifest, parts)
    return open_generation(folder, manifest.id, datetime.now(UTC).isoformat(timespec="seconds"))


def _manifest(
    documents: Sequence[Document],
    passages: Sequence[Passage],
    attached: Sequence[tuple[str, range]],
    embedder: Embedder,
) -> Manifest:
    """Return the manifest of what is to be built; its id is a hash of everything that goes in."""
    model = embedder.info
    late = token_encoder_id()
    corpus = records_hash(documents)
    ingredients = (str(FORMAT), corpus, records_hash(passages), model.name, model.sha256, late)
    return Manifest(
        format=FORMAT,
        id=hashlib.sha256("\n".join(ingredients).encode()).hexdigest()[:16],
        corpus_sha256=corpus,
        model=model,
        late_interaction=late,
        settings={"target_chars": TARGET_CHARS, "max_chars": MAX_CHARS, "overlap_chars": OVERLAP_CHARS},
        documents=len(documents),
        passages=len(passages),
        sentences=sum(len(passage.sentences) for passage in passages),
        questions=len(attached),
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
    """Remove everything but the generations that the pointer names; without one, nothing is known to be useless."""
    if pointer:
        remove_generations_except(folder, [pointer.current, pointer.previous or ""])


def _usable_pointer(folder: Path) -> Pointer | None:
    """Return the pointer; a damaged one counts as none, since a rebuild is what mends it."""
    try:
        return read_pointer(folder)
    except IndexUnusable:
        return None


def _open_if_sound(folder: Path, generation: str, built_at: str) -> Index | None:
    try:
        return open_generation(folder, generation, built_at)
    except IndexUnusable:
        return None


def _known(index: Index | None, manifest: Manifest) -> _Known:
    """Return the vectors of an earlier generation as far as the same models made them."""
    known = _Known({}, {})
    if index is None:
        return known
    texts = _passage_texts(index.passages)
    # The approximate index holds rounded vectors, which are good for another such index only.
    count = manifest.passages + manifest.sentences + manifest.questions
    if index.manifest.model == manifest.model and (is_exact(index.vectors) or not is_exact_for(count)):
        rows = index.vectors.reconstruct_n(0, index.vectors.ntotal)
        all_texts = [*texts, *_sentence_texts(index.passages), *(question.text for question in index.questions)]
        known.vectors.update(zip(all_texts, rows, strict=True))
    if index.manifest.late_interaction == manifest.late_interaction:
        bounds = pairwise(index.tokens.starts)
        known.states.update((text, index.tokens.states[a:b]) for text, (a, b) in zip(texts, bounds, strict=True))
    return known


def _embed(
    documents: Sequence[Document],
    passages: Sequence[Passage],
    attached: Sequence[tuple[str, range]],
    embedder: Embedder,
    known: _Known,
    progress: Progress,
) -> tuple[Parts, int]:
    """Return all parts of a generation, and how many texts had to be embedded for it."""
    texts = _passage_texts(passages)
    sentences = _sentence_texts(passages)
    questions = [question for question, _ in attached]
    to_embed = [*texts, *sentences, *questions]

    def load() -> None:
        if not known.vectors.keys() >= set(to_embed):
            embedder.load()

    # To import sentence-transformers takes seconds of one core; the token states do without it.
    _, (tokens, encoded) = side_by_side(load, lambda: _tokens(passages, texts, known.states, progress))
    vectors, embedded = _vectors(to_embed, embedder, known.vectors, progress)
    passage_vectors, sentence_vectors, question_vectors = np.split(vectors, [len(texts), len(texts) + len(sentences)])
    owner = np.repeat(np.arange(len(passages)), [len(passage.sentences) for passage in passages])
    placed = []
    for (question, rows), vector in zip(attached, question_vectors, strict=True):
        first, after = np.searchsorted(owner, [rows.start, rows.stop])
        placed.append(AttachedQuestion(question, int(owner[first + np.argmax(sentence_vectors[first:after] @ vector)])))
    parts = Parts(documents, passages, placed, passage_vectors, sentence_vectors, question_vectors, tokens)
    return parts, embedded + encoded


def _vectors(
    texts: Sequence[str], embedder: Embedder, known: dict[str, NDArray[np.float32]], progress: Progress
) -> tuple[NDArray[np.float32], int]:
    """Return the embedding of each text, shape (n, d), and how many texts were new."""
    new = [text for text in dict.fromkeys(texts) if text not in known]
    done = 0

    def more(count: int) -> None:
        nonlocal done
        done += count
        progress("embeddings", done, len(new))

    found = known | dict(zip(new, embedder.encode_all(new, more), strict=True))
    return np.stack([found[text] for text in texts]), len(new)


def _tokens(
    passages: Sequence[Passage], texts: Sequence[str], known: dict[str, NDArray[np.int8]], progress: Progress
) -> tuple[TokenStore, int]:
    """Return the token store of the passages, and how many of them were new."""
    encoder = token_encoder()
    new = [text for text in dict.fromkeys(texts) if text not in known]
    found = dict(known)
    states = encode_all(lambda text: quantize(encoder.encode_passage(text).states), new)
    for number, (text, rows) in enumerate(zip(new, states, strict=True), 1):
        found[text] = rows
        progress("token states", number, len(new))
    tokens = [encoder.tokens_of(text) for text in texts]
    store = build_store(
        [found[text] for text in texts],
        [sentence_of_tokens(passage, token.starts) for passage, token in zip(passages, tokens, strict=True)],
        [token.ids for token in tokens],
    )
    return store, len(new)


def _passage_texts(passages: Sequence[Passage]) -> list[str]:
    return [passage.context + passage.text for passage in passages]


def _sentence_texts(passages: Sequence[Passage]) -> list[str]:
    return [
        passage.context + passage.text[start - passage.start : end - passage.start]
        for passage in passages
        for start, end in passage.sentences
    ]
