"""One open index for every way in: page, JSON, command line.

The index folder is watched: a new generation is opened and warmed aside, then takes over. What cannot be opened is
logged once and the old generation goes on serving.
"""

import logging
import threading

from qa.answer import DEFAULT_K, Reply, answer
from qa.errors import IndexMissing, QAError
from qa.explain import WhyNot, why_not
from qa.index import Index, Pointer, check_model, open_generation, read_pointer
from qa.search import search
from qa.settings import Settings
from qa.vectors import Embedder

POLL_SECONDS = 0.5  # how soon a rebuild is noticed
_log = logging.getLogger(__name__)


class Service:
    """Answers questions from the newest sound generation of an index."""

    def __init__(self, settings: Settings) -> None:
        """Open nothing yet: `open` does, so that a server can say on a page what is wrong."""
        self.settings = settings
        self._embedder = Embedder(settings.model)
        self._index: Index | None = None
        self._seen: Pointer | None = None
        self._problem: QAError | None = None
        self._stopping = threading.Event()

    def open(self) -> None:
        """Open the current generation and answer one question, so that the first person does not wait.

        Raises:
            IndexMissing: there is none yet.
            IndexUnusable: it is damaged or was made with other weights.
            ModelError: the weights are missing or damaged.
        """
        folder = self.settings.index
        try:
            pointer = read_pointer(folder)
            if pointer is None:
                raise IndexMissing(f"there is no index in {folder}; run: qa rebuild --index {folder}")
            if pointer == self._seen:
                if self._problem:  # nothing has changed since it failed
                    raise self._problem
                return
            self._seen = pointer
            index = open_generation(folder, pointer.current, pointer.built_at)
            check_model(index, self._embedder.info)
            search(index, self._embedder, "What is this about?")
        except QAError as error:
            self._problem = error
            raise
        self._index, self._problem = index, None

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
        if self._index is None:
            raise self._problem or IndexMissing("the index is not open yet; try again in a moment")
        return self._index

    def ask(
        self, question: str, *, k: int = DEFAULT_K, documents: list[str] | None = None, exact: bool = False
    ) -> Reply:
        """Answer one question from one generation; as `qa.answer.answer`."""
        return answer(
            self.index,
            self._embedder,
            question,
            min_confidence=self.settings.min_confidence,
            k=k,
            documents=documents,
            exact=exact,
        )

    def why_not(
        self, question: str, document_id: str, start: int, end: int, *, k: int = DEFAULT_K, exact: bool = False
    ) -> WhyNot:
        """Say at which stage a stretch of a document was left out; as `qa.explain.why_not`."""
        return why_not(self.index, self._embedder, question, document_id, start, end, k=k, exact=exact)

    def _watch(self) -> None:
        reported = ""
        while not self._stopping.wait(POLL_SECONDS):
            try:
                self.open()
                reported = ""
            except QAError as error:
                if str(error) != reported:
                    _log.error("the index in %s was not taken over: %s", self.settings.index, error)
                reported = str(error)
            except Exception:  # noqa: BLE001 - whatever a broken index brings up, the old one goes on serving
                _log.exception("the index in %s was not taken over", self.settings.index)
