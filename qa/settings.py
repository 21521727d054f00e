"""Every setting in one table: its name, its default, what it means. Made once at the edge and handed down."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from qa.errors import BadSetting


def _setting(default: Any, about: str, minimum: float | None = None, maximum: float | None = None) -> Any:
    return field(default=default, metadata={"about": about, "minimum": minimum, "maximum": maximum})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process; each can be set by the environment variable `QA_` + its name in capitals."""

    corpus: Path = _setting(Path("corpus"), "folder of documents")
    index: Path = _setting(Path("index"), "folder of the index")
    model: str = _setting(
        "bge-small-en-v1.5", "embedding model: the default, a folder, or a hub name that sentence-transformers loads"
    )
    host: str = _setting("127.0.0.1", "address to listen on")
    port: int = _setting(8000, "port to listen on; 0 takes a free one", 0, 65535)
    threads: int = _setting(4, "questions answered at the same time", 1, 64)
    min_confidence: float = _setting(0.5, "below this confidence a question counts as not answered", 0, 1)
    max_document_bytes: int = _setting(10 * 2**20, "larger files are skipped", 1)
    feedback: Path = _setting(Path("feedback.sqlite"), "file that keeps the verdicts on answers; `off` asks for none")

    def __post_init__(self) -> None:
        for spec in fields(self):
            value, low, high = getattr(self, spec.name), spec.metadata["minimum"], spec.metadata["maximum"]
            if not ((low is None or value >= low) and (high is None or value <= high)):  # so that NaN is refused
                raise BadSetting(
                    f"{variable(spec.name)} is {value}; it must be {_range(low, high)} ({spec.metadata['about']})"
                )


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"QA_{name.upper()}"


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings that `QA_*` variables ask for.

    Raises:
        BadSetting: a value cannot be read or is out of range.
    """
    values: dict[str, Any] = {}
    for spec in fields(Settings):
        raw = environment.get(variable(spec.name), "").strip()
        if raw:
            kind: Any = type(spec.default)
            try:
                values[spec.name] = kind(raw)
            except ValueError as error:
                kind_of_value = "a whole number" if kind is int else "a number"
                raise BadSetting(f"{variable(spec.name)} is {raw!r}; it must be {kind_of_value}") from error
    return Settings(**values)


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"from {low:,} to {high:,}"
    return f"at least {low:,}" if low is not None else f"at most {high:,}"
