"""Examine an installation from its settings to the last passage, and say how each fault is mended. Changes nothing."""

import platform
import shlex
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import Enum, StrEnum, auto
from functools import partial
from importlib import metadata
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from qa import feedback
from qa.corpus import read_corpus
from qa.encoders import WORKERS, token_encoder
from qa.errors import BadQuestion, FeedbackRefused, IndexUnusable, QAError
from qa.index import Index, check_model, generation_folder, generations_except, open_generation, open_index
from qa.passages import Passage
from qa.reader import reader
from qa.rebuild import Progress, cut, usable_pointer
from qa.rollback import NOTHING_BEFORE
from qa.search import MAX_QUESTION_CHARS, best_sentence, holds, search
from qa.settings import OFF, Settings
from qa.vectors import DEFAULT_MODEL, Embedder
from qa.verify import faults
from qa.weights import ENGLISH_WORDS, verified
from qa.words import words_of

SHOWN = 5  # a passage counts as found when it is among this many
QUESTION_WORDS = 6  # the rarest of a passage, which make the question that has to find it
_DISTRIBUTION = "cited-qa"
_NAMED = ("faiss-cpu", "onnxruntime", "sentence-transformers", "torch")  # whose version is often asked for
_LISTED = 20  # details that are named one by one


class State(StrEnum):
    """What a finding asks of a person."""

    OK = "ok"
    NOTE = "note"  # worth knowing, may be meant
    FAULT = "fault"  # to be mended, the message says how


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    state: State
    message: str
    details: tuple[str, ...] = ()


def examine(settings: Settings, progress: Progress) -> Iterator[Finding]:
    """Yield what each check finds, in the order in which one thing needs another; whatever fails is a finding too.

    Args:
        progress: is told how many passages were looked for.
    """
    embedder = Embedder(settings.model)
    yield from _guarded("settings", partial(_settings, settings))
    yield from _guarded("versions", _versions)
    yield from _guarded("weights", partial(_weights, embedder))
    yield from _guarded("disk", partial(_disk, settings.index))
    yield from _guarded("feedback", partial(_feedback, settings.feedback))
    yield from _guarded("rollback", partial(_rollback, settings.index, embedder))
    try:
        index = open_index(settings.index)
        check_model(settings.index, index, embedder.info)
    except Exception as error:  # noqa: BLE001 - as in _guarded
        yield _failure("index", error)
        return
    made = index.manifest
    yield Finding(
        "index",
        State.OK,
        f"generation {made.id} of {index.built_at}: {made.documents} documents, {made.passages} passages, "
        f"{len(made.files)} files as they were written",
    )
    yield from _guarded("citations", partial(_citations, settings, index))
    yield from _guarded("documents", partial(_documents, settings, index))
    yield from _guarded("passages", partial(_passages, settings, index, embedder, progress))


def findings_to_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return findings as JSON-ready values."""
    listed = [asdict(finding) for finding in findings]
    return {"fine": all(one["state"] != State.FAULT for one in listed), "findings": listed}


def finding_to_text(finding: Finding) -> str:
    """Return a finding as one line, its details indented below."""
    first = f"{finding.state.value:5}  {finding.check:9}  {finding.message}"
    return "\n".join([first, *(f"{'':18}{detail}" for detail in finding.details)])


def _guarded(check: str, findings: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what a check finds; whatever it raises is its last finding, so that the other checks go on."""
    try:
        yield from findings()
    except Exception as error:  # noqa: BLE001 - a broken part may raise anything
        yield _failure(check, error)


def _failure(check: str, error: Exception) -> Finding:
    if isinstance(error, QAError):
        return Finding(check, State.FAULT, str(error))
    return Finding(check, State.FAULT, f"could not be examined ({type(error).__name__}: {error})")


def _shortened(details: Sequence[str]) -> tuple[str, ...]:
    more = len(details) - _LISTED
    return (*details[:_LISTED], *([f"… and {more:,} more"] if more > 0 else []))


# ---------------------------------------------------------------------------------------------------- surroundings


def _settings(settings: Settings) -> Iterator[Finding]:
    odd = []
    if not _is_loopback(settings.host) and settings.tokens_sha256 == OFF:
        odd.append(
            f"QA_HOST is {settings.host} and QA_TOKENS_SHA256 is off: who reaches this address can read the documents"
        )
    if settings.min_confidence in (0, 1):
        done = "answered" if settings.min_confidence == 0 else "refused"
        odd.append(f"QA_MIN_CONFIDENCE is {settings.min_confidence:g}: every question is {done}")
    if settings.model != DEFAULT_MODEL:
        odd.append(f"QA_MODEL is {settings.model}: ranking and confidence were fitted to {DEFAULT_MODEL}")
    for message in odd:
        yield Finding("settings", State.NOTE, message)
    if not odd:
        yield Finding("settings", State.OK, "nothing out of the ordinary")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _versions() -> Iterator[Finding]:
    try:
        about = metadata.metadata(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        yield Finding(
            "versions",
            State.NOTE,
            f"{_DISTRIBUTION} is not installed as a package, so that it is not known which versions it needs; "
            "run: pip install -e .",
        )
        return
    python, needed = platform.python_version(), about["Requires-Python"]
    if needed and python not in SpecifierSet(needed):
        yield Finding("versions", State.FAULT, f"Python {python} runs, needed is {needed}; install it and start anew")
    wrong = unmet(about.get_all("Requires-Dist") or [])
    if wrong:
        message = f"packages are not the ones that are needed; run: pip install {shlex.join(wrong)}"
        yield Finding("versions", State.FAULT, message, _shortened(list(wrong.values())))
    else:
        named = ", ".join(f"{name} {metadata.version(name)}" for name in _NAMED)
        yield Finding("versions", State.OK, f"Python {python}, {named}; all packages within their ranges")


def unmet(requirements: Iterable[str]) -> dict[str, str]:
    """Return the requirements that the installed packages do not meet, each with what is wrong; not those of extras."""
    wrong = {}
    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        wanted = f"{requirement.name}{requirement.specifier}"
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong[wanted] = f"{requirement.name} is not installed"
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            wrong[wanted] = f"{requirement.name} {installed} is installed"
    return wrong


def _weights(embedder: Embedder) -> Iterator[Finding]:
    model = embedder.info
    token_encoder()
    reader()
    verified(ENGLISH_WORDS)
    yield Finding(
        "weights",
        State.OK,
        f"{model.name} (SHA-256 {model.sha256[:12]}), the token encoder, the reader and the word list are sound",
    )


def _disk(folder: Path) -> Iterator[Finding]:
    """Say whether a rebuild could write here."""
    present = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    try:
        with tempfile.TemporaryFile(dir=present):
            pass
    except OSError as error:
        yield Finding(
            "disk",
            State.NOTE,
            f"{present} cannot be written ({error.strerror}): questions are answered, nothing is rebuilt",
        )
        return
    pointer = usable_pointer(folder)
    if _is_locked(folder / ".lock"):
        yield Finding("disk", State.NOTE, f"a rebuild of {folder} is running")
    elif pointer and (left := generations_except(folder, [pointer.current, pointer.previous or ""])):
        message = f"{len(left)} generations that nothing names were left, such as {left[0]}; remove them as their owner"
        yield Finding("disk", State.NOTE, message)
    files = generation_folder(folder, pointer.current).rglob("*") if pointer else iter(())
    # Twice: a rebuild of the same documents writes the generation anew beside itself before it takes its place, and the
    # one before stays.
    needed = 2 * sum(path.stat().st_size for path in files)
    free = shutil.disk_usage(present).free
    if free < needed:
        message = f"{_mb(free)} are free in {present}, a rebuild may need {_mb(needed)}; make room"
        yield Finding("disk", State.FAULT, message)
    else:
        yield Finding("disk", State.OK, f"{_mb(free)} free, a rebuild may need {_mb(needed)}")


def _feedback(path: Path) -> Iterator[Finding]:
    """Say whether verdicts could be kept."""
    if path == feedback.OFF:
        yield Finding("feedback", State.OK, "off: nobody is asked for a verdict")
        return
    try:
        feedback.check_writable(path)
    except FeedbackRefused as error:
        yield Finding("feedback", State.NOTE, str(error))  # questions are answered all the same
    else:
        yield Finding("feedback", State.OK, f"verdicts on answers can be kept in {path}")


def _is_locked(lock: Path) -> bool:
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


# ---------------------------------------------------------------------------------------------------- the index


def _rollback(folder: Path, embedder: Embedder) -> Iterator[Finding]:
    """Say whether `qa rollback` would succeed. A fault here hurts nobody yet, and the next changed rebuild ends it."""
    pointer = usable_pointer(folder)
    if pointer is None:  # what is wrong with a damaged one is said of the index
        return
    if pointer.previous is None:
        yield Finding("rollback", State.OK, "there is no generation before the current one")
        return
    try:
        index = open_generation(folder, pointer.previous, pointer.previous_built_at or "")
        check_model(folder, index, embedder.info)
    except QAError as error:
        reason = f"{error.reason}; {NOTHING_BEFORE}" if isinstance(error, IndexUnusable) else str(error)
        yield Finding("rollback", State.NOTE, f"`qa rollback` would be refused: {reason}")
    else:
        message = f"generation {pointer.previous} of {pointer.previous_built_at} can be gone back to"
        yield Finding("rollback", State.OK, message)


def _citations(settings: Settings, index: Index) -> Iterator[Finding]:
    wrong = faults(index)
    if wrong:
        message = f"citations are not what stands in their documents; {_rebuild(settings)} --force"
        yield Finding("citations", State.FAULT, message, _shortened(wrong))
    else:
        sentences = sum(len(passage.sentences) for passage in index.passages)
        checked = f"{len(index.passages)} passages and {sentences} sentences are exact"
        yield Finding("citations", State.OK, checked)


def _documents(settings: Settings, index: Index) -> Iterator[Finding]:
    """Compare the folder of documents with the index."""
    if not settings.corpus.is_dir():
        message = f"there is no folder {settings.corpus} to compare the index with; name it with --corpus"
        yield Finding("documents", State.NOTE, message)
        return
    corpus = read_corpus(settings.corpus, settings.max_document_bytes, settings.max_document_seconds)
    now = {document.id: document for document in corpus.documents}
    differing = [
        *(
            f"changed: {one.path}"
            for one in now.values()
            if one.id in index.documents and one != index.documents[one.id]
        ),
        *(f"added: {one.path}" for one in now.values() if one.id not in index.documents),
        *(f"removed: {one.path}" for one in index.documents.values() if one.id not in now),
    ]
    if differing:
        message = f"{settings.corpus} is not what was indexed; {_rebuild(settings)}"
        yield Finding("documents", State.FAULT, message, _shortened(differing))
    elif cut(corpus.documents)[0] != list(index.passages):
        message = f"the index was cut by another version of this program; {_rebuild(settings)}"
        yield Finding("documents", State.FAULT, message)
    else:
        yield Finding("documents", State.OK, f"{len(now)} documents in {settings.corpus}, all indexed as they are")
    skipped = [f"{notice.path}: {notice.reason}" for notice in corpus.notices if notice.skipped]
    if skipped:
        yield Finding("documents", State.NOTE, f"files that are not indexed: {len(skipped)}", _shortened(skipped))
    remarks = [f"{notice.path}: {notice.reason}" for notice in corpus.notices if not notice.skipped]
    if remarks:
        yield Finding("documents", State.NOTE, f"remarks on indexed files: {len(remarks)}", _shortened(remarks))


def _rebuild(settings: Settings) -> str:
    return f"run: qa rebuild --corpus {shlex.quote(str(settings.corpus))} --index {shlex.quote(str(settings.index))}"


# ---------------------------------------------------------------------------------------------------- passages


class _Fate(Enum):
    """What became of a passage when it was asked for."""

    SHOWN = auto()
    TWIN_SHOWN = auto()  # its text, or its best sentence, is shown in another passage: as good as found
    LOST = auto()
    WORDLESS = auto()  # there is nothing to ask with


def _passages(settings: Settings, index: Index, embedder: Embedder, progress: Progress) -> Iterator[Finding]:
    """Ask for every passage with its own rarest words, through the search that people use."""
    spread = Counter(stem for passage in index.passages for stem in {word.stem for word in words_of(passage.text)})
    reports: dict[_Fate, list[str]] = {fate: [] for fate in _Fate}
    total = len(index.passages)
    with ThreadPoolExecutor(WORKERS) as pool:
        asked = pool.map(partial(_ask_for, index, embedder, spread), range(total))
        for number, (fate, report) in enumerate(asked, 1):
            reports[fate].append(report)
            progress("passages", number, total)
    lost, wordless, twins = reports[_Fate.LOST], reports[_Fate.WORDLESS], len(reports[_Fate.TWIN_SHOWN])
    if lost:
        message = (
            f"{len(lost)} of {total} are not among the first {SHOWN} for their own rarest words; attach a question to "
            'their section, or see the reason with: qa why-not --exact "QUESTION" PLACE '
            f"--index {shlex.quote(str(settings.index))}"
        )
        yield Finding("passages", State.FAULT, message, _shortened(lost))
    else:
        also = f" ({twins} in another passage with the same sentence)" if twins else ""
        found = f"{total - len(wordless)} are found by their own rarest words{also}"
        yield Finding("passages", State.OK, found)
    if wordless:
        message = f"{len(wordless)} hold no words to ask with, and can hardly be found"
        yield Finding("passages", State.NOTE, message, _shortened(wordless))


def rarest_words(passage: Passage, spread: Counter[str]) -> str:
    """Return the question that asks for a passage: its rarest words, each once, in the order of the text.

    Args:
        spread: the number of passages that hold each stem; of words that are equally rare, the earlier are taken.
    """
    words: dict[str, str] = {}
    for word in words_of(passage.text):
        words.setdefault(word.stem, passage.text[word.start : word.end])
    rarest = set(sorted(words, key=lambda stem: spread[stem])[:QUESTION_WORDS])
    return " ".join(text for stem, text in words.items() if stem in rarest)[:MAX_QUESTION_CHARS]


def _ask_for(index: Index, embedder: Embedder, spread: Counter[str], row: int) -> tuple[_Fate, str]:
    """Return what becomes of the passage in a row, and a line about it."""
    passage = index.passages[row]
    place = f"{passage.document_id}:{passage.start}-{passage.end}"
    question = rarest_words(passage, spread)
    try:
        hits = search(index, embedder, question, exact=True).hits
    except BadQuestion:
        return _Fate.WORDLESS, place
    hit = next((hit for hit in hits if hit.row == row), None)
    if hit in hits[:SHOWN]:
        return _Fate.SHOWN, place
    sentence = passage.sentences[best_sentence(hit)] if hit else None
    if any(
        other.passage.text == passage.text or (sentence and holds(other, passage.document_id, sentence))
        for other in hits[:SHOWN]
    ):
        return _Fate.TWIN_SHOWN, place
    rank = f"number {hits.index(hit) + 1}" if hit else "not looked at closely"
    return _Fate.LOST, f'{place}: {rank} for "{question}"'
