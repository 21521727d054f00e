"""Every setting in one table: its name, its default, what it means. Made once at the edge and handed down."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from qa.errors import BadSetting

OFF = "off"  # the value of a setting that asks for none of what it is for


def _setting(default: Any, about: str, *bounds: float) -> Any:
    """Return the field of a setting; a number has two bounds, the least and the greatest value that can be used."""
    return field(default=default, metadata={"about": about, "bounds": bounds})


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
    hosts: str = _setting(
        "localhost,127.0.0.1,::1", "names under which the service is asked, besides `QA_HOST`; `*` for any"
    )
    trusted_proxies: int = _setting(0, "proxies in front whose `X-Forwarded-For` and `-Proto` are believed", 0, 10)
    threads: int = _setting(4, "questions answered at the same time", 1, 64)
    queue: int = _setting(64, "questions that may wait; more are refused", 0, 500)
    queue_seconds: float = _setting(10.0, "a question that waits longer is refused", 0, 600)
    question_seconds: float = _setting(30.0, "a question that takes longer is given up", 0.001, 600)
    rate_limit: str = _setting(OFF, "questions that one address may ask, such as `60/minute`")
    tokens_sha256: str = _setting(OFF, "SHA-256 digests of the tokens that open `/api/`, separated by commas")
    metrics_token_sha256: str = _setting(OFF, "SHA-256 digests of the tokens that open `/metrics`")
    cors_origins: str = _setting(OFF, "sites whose scripts may use `/api/`, separated by commas; `*` for all")
    cache: int = _setting(500, "replies kept for repeated questions, some 50 KB each; 0 keeps none", 0, 100_000)
    min_confidence: float = _setting(0.5, "below this confidence a question counts as not answered", 0, 1)
    max_document_bytes: int = _setting(10 * 2**20, "larger files are skipped", 1, 2**30)
    max_document_seconds: int = _setting(20, "files that take more of the processor's time are skipped", 1, 3600)
    feedback: Path = _setting(Path("feedback.sqlite"), "file that keeps the verdicts on answers; `off` asks for none")
    log_questions: bool = _setting(False, "whether the log of `qa serve` holds the text of questions")

    def __post_init__(self) -> None:
        for spec in fields(self):
            value, bounds = getattr(self, spec.name), spec.metadata["bounds"]
            if bounds and not bounds[0] <= value <= bounds[1]:  # NaN lies within none
                raise BadSetting(
                    f"{variable(spec.name)} is {value}; it must be from {bounds[0]:,} to {bounds[1]:,} "
                    f"({spec.metadata['about']})"
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
                values[spec.name] = _truth(raw) if kind is bool else kind(raw)
            except ValueError as error:
                kind_of_value = {bool: "true or false", int: "a whole number"}.get(kind, "a number")
                raise BadSetting(f"{variable(spec.name)} is {raw!r}; it must be {kind_of_value}") from error
    return Settings(**values)


def _truth(raw: str) -> bool:
    lowered = raw.lower()
    if lowered in ("true", "yes", "1"):
        return True
    if lowered in ("false", "no", "0"):
        return False
    raise ValueError
