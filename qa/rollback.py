"""Go back to the generation that served before: one pointer moves, nothing is built."""

from dataclasses import dataclass

from filelock import FileLock, Timeout

from qa.errors import IndexBusy, IndexUnusable
from qa.index import Pointer, check_model, current_pointer, open_generation, write_pointer
from qa.settings import Settings
from qa.vectors import Embedder

NOTHING_BEFORE = "there is nothing to go back to before the next rebuild of changed documents"


@dataclass(frozen=True, slots=True)
class Change:
    """Which generation serves now, and which one did."""

    left: str
    current: str
    built_at: str  # of the current one, ISO 8601, UTC


def rollback(settings: Settings) -> Change:
    """Let the previous generation serve again; the one that is left becomes the previous one.

    So a second rollback goes forward again. A running server takes the change over by itself.

    Raises:
        IndexBusy: a rebuild of this index is running.
        IndexMissing: there is no index.
        IndexUnusable: there is no previous generation, it is damaged or was made with other weights than the ones in
            use, or the folder of the index cannot be written; the pointer stays as it is.
        ModelError: the weights are missing or damaged.
    """
    folder = settings.index
    current_pointer(folder)  # before the lock, which would make the folder
    try:
        with FileLock(folder / ".lock", timeout=0):
            return _rollback(settings)
    except Timeout as error:
        raise IndexBusy(f"a rebuild of {folder} is running; wait until it has ended") from error
    except OSError as error:
        raise IndexUnusable(f"{folder} cannot be written ({error.strerror}); what was there stays as it is") from error


def _rollback(settings: Settings) -> Change:
    pointer = current_pointer(settings.index)
    if pointer.previous is None or pointer.previous_built_at is None:
        raise IndexUnusable(f"{settings.index} holds no generation before {pointer.current}; there is nothing to undo")
    try:
        index = open_generation(settings.index, pointer.previous, pointer.previous_built_at)
        check_model(settings.index, index, Embedder(settings.model).info)
    except IndexUnusable as error:
        raise IndexUnusable(
            f"{pointer.current} goes on serving, since {pointer.previous} before it cannot: {error.reason}",
            NOTHING_BEFORE,
        ) from error
    write_pointer(
        settings.index,
        Pointer(pointer.previous, pointer.previous_built_at, pointer.current, pointer.built_at),
    )
    return Change(left=pointer.current, current=pointer.previous, built_at=pointer.previous_built_at)
