"""One open index for every way in: page, JSON, command line.

The index folder is watched: a new generation is opened and warmed aside, then takes over. What cannot be opened is
logged once and the old generation goes on serving.
"""

import logging
import shlex
import threading
import time
from dataclasses import replace

from qa.answer import DEFAULT_K, Reply, answer
from qa.cache import Cache
from qa.encoders import side_by_side
from qa.errors import IndexMissing, IndexUnusable, QAError
from qa.explain import WhyNot, why_not
from qa.index import Index, Pointer, check_model, current_pointer, open_generation
from qa.reader import reader
from qa.search import check_question, search
from qa.settings import Settings
from qa.timing import Stopwatch
from qa.vectors import Embedder

POLL_SECONDS = 0.5  # how soon a rebuild is noticed
RETRY_SECONDS = 10.0  # how soon a generation that could not be opened is tried again: checking it takes a while
_TRIAL = "What is this about?"  # goes through every stage
_log = logging.getLogger(__name__)


class Service:
    """Answers questions from the newest sound generation of an index."""

    def __init__(self, settings: Settings) -> None:
        """Open nothing yet: `open` does, so that a server can say on a page what is wrong."""
        self.settings = settings
        self._embedder = Embedder(settings.model)
        self._opened: tuple[Index, Cache[Reply]] | None = None  # together, so that no reply outlives its generation
        self._serving: Pointer | None = None
        self._failed: Pointer | None = None  # what it leads to could not be opened
        self._try_again = 0.0  # when to try that once more: it may have been a matter of rights, or of memory
        self._problem: QAError | None = None
        self.failed_takeovers = 0  # each counted, as it is logged, once
        self._stopping = threading.Event()

    def open(self) -> None:
        """Open the current generation and answer one question, so that the first person does not wait.

        Raises:
            IndexMissing: there is none yet.
            IndexUnusable: it is damaged or was made with other weights, or something unexpected came up.
            ModelError: the weights are missing or damaged.
        """
        folder = self.settings.index
        try:
            pointer = current_pointer(folder)
            if pointer == self._serving:
                self._problem = None  # whatever was wrong with the pointer in between
                return
            if pointer == self._failed and time.monotonic() < self._try_again:
                raise self._problem_of_before()
            self._failed, self._try_again = pointer, time.monotonic() + RETRY_SECONDS
            index = open_generation(folder, pointer.current, pointer.built_at)
            check_model(folder, index, self._embedder.info)
            side_by_side(reader, lambda: search(index, self._embedder, _TRIAL))
        except QAError as error:
            self._problem = error
            raise
        except Exception as error:  # whatever a broken index brings up, the old one goes on serving
            problem = IndexUnusable(
                f"the index in {folder} cannot be opened ({type(error).__name__}: {error})",
                f"run: qa doctor --index {shlex.quote(str(folder))}",
            )
            if str(problem) != str(self._problem):
                _log.exception("opening the index in %s failed", folder)
            self._problem = problem
            raise problem from error
        self._opened, self._problem = (index, Cache(self.settings.cache)), None
        self._serving, self._failed = pointer, None

    def watch(self) -> None:
        """Take over new generations from now on, in a thread that ends with the process."""
        threading.Thread(target=self._watch, name="index-watcher", daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._stopping.set()

    @property
    def index(self) -> Index:
        """The open generation.

        Raises:
            QAError: why there is none.
        """
        return self._open_index_and_cache()[0]

    def try_out(self) -> None:
        """Answer a question from the open generation; whatever is raised, people's questions would meet too."""
        answer(self.index, self._embedder, _TRIAL, min_confidence=0)

    def ask(
        self, question: str, *, k: int = DEFAULT_K, documents: list[str] | None = None, exact: bool = False
    ) -> Reply:
        """Answer one question from one generation; as `qa.answer.answer`, or with the reply that was given before.

        Such a reply has the one stage `cache`: what it took this time.
        """
        watch = Stopwatch()
        index, cache = self._open_index_and_cache()
        question = check_question(question)
        reply, known = cache.get(
            (question, k, None if documents is None else frozenset(documents), exact),
            lambda: answer(
                index,
                self._embedder,
                question,
                min_confidence=self.settings.min_confidence,
                k=k,
                documents=documents,
                exact=exact,
                seconds=self.settings.question_seconds,
            ),
        )
        watch.lap("cache")
        return replace(reply, stages=watch.stages) if known else reply

    def why_not(
        self, question: str, document_id: str, start: int, end: int, *, k: int = DEFAULT_K, exact: bool = False
    ) -> WhyNot:
        """Say at which stage a stretch of a document was left out; as `qa.explain.why_not`."""
        seconds = self.settings.question_seconds
        return why_not(self.index, self._embedder, question, document_id, start, end, k=k, exact=exact, seconds=seconds)

    def _open_index_and_cache(self) -> tuple[Index, Cache[Reply]]:
        if self._opened is None:
            raise self._problem_of_before()
        return self._opened

    def _problem_of_before(self) -> QAError:
        """Return why there is no index, without the frames of those who were told before, which would pile up."""
        problem = self._problem or IndexMissing("the index is not open yet; try again in a moment")
        return problem.with_traceback(None)

    def _watch(self) -> None:
        reported = ""
        while not self._stopping.wait(POLL_SECONDS):
            try:
                self.open()
                reported = ""
            except QAError as error:
                if str(error) != reported:
                    self.failed_takeovers += 1
                    _log.error("the index in %s was not taken over: %s", self.settings.index, error)
                reported = str(error)
