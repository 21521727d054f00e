"""Every setting in one table: its name, its default, what it means. Made once at the edge and handed down."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from qa.errors import BadSetting

OFF = "off"  # the value of a setting that asks for none of what it is for
ANY = "*"  # what stands for all names or all sites
_NAME = re.compile(r"[a-z0-9._-]+")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def _setting(default: Any, about: str, *bounds: float, fault: Callable[[Any], str] | None = None) -> Any:
    """Return the field of a setting.

    Args:
        bounds: of a number, the least and the greatest value that can be used.
        fault: tells what is wrong with a value that is no number, "" if nothing is.
    """
    return field(default=default, metadata={"about": about, "bounds": bounds, "fault": fault})


def listed(value: str) -> list[str]:
    """Return what a setting lists, separated by commas; none of it depends on capitals."""
    return [part.strip().lower() for part in value.split(",")]


def _fault_of_names(value: str) -> str:
    if all(name == ANY or _NAME.fullmatch(name) or _is_address(name) for name in listed(value)):
        return ""
    return (
        f"is {value!r}; it must list names such as docs.example.org, without scheme, port or path, separated by "
        "commas, or be * for any"
    )


def _fault_of_index(value: Path) -> str:
    try:
        str(value).encode()
    except UnicodeEncodeError:  # FAISS opens no file below it
        return f"is {str(value)!r}; it must be a path in UTF-8 (folder of the index)"
    return ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _fault_of_rate(value: str) -> str:
    from limits import parse_many  # which only they wait for who set a limit

    try:
        parse_many(value)
    except ValueError:
        return f"is {value!r}; it must be a number and a time such as 60/minute or 1000/day"
    return ""


def _fault_of_origins(value: str) -> str:
    if value == ANY or all(_ORIGIN.fullmatch(origin) for origin in listed(value)):
        return ""
    return f"is {value!r}; it must list origins such as https://example.org, separated by commas, or be * for all"


def _fault_of_digests(value: str) -> str:
    if all(_DIGEST.fullmatch(digest) for digest in listed(value)):
        return ""
    # The value is not repeated: it may be the token itself.
    return (
        "must list SHA-256 digests of tokens, 64 hexadecimal digits each, separated by commas; make one with: qa token"
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process; each can be set by the environment variable `QA_` + its name in capitals."""

    corpus: Path = _setting(Path("corpus"), "folder of documents")
    index: Path = _setting(Path("index"), "folder of the index", fault=_fault_of_index)
    model: str = _setting(
        "bge-small-en-v1.5", "embedding model: the default, a folder, or a hub name that sentence-transformers loads"
    )
    host: str = _setting("127.0.0.1", "address to listen on")
    port: int = _setting(8000, "port to listen on; 0 takes a free one", 0, 65535)
    hosts: str = _setting(
        "localhost,127.0.0.1,::1",
        "names under which the service is asked, besides `QA_HOST`; `*` for any",
        fault=_fault_of_names,
    )
    trusted_proxies: int = _setting(0, "proxies in front whose `X-Forwarded-For` and `-Proto` are believed", 0, 10)
    threads: int = _setting(4, "questions answered at the same time", 1, 64)
    queue: int = _setting(64, "questions that may wait; more are refused", 0, 500)
    queue_seconds: float = _setting(10.0, "a question that waits longer is refused", 0, 600)
    question_seconds: float = _setting(30.0, "a question that takes longer is given up", 0.001, 600)
    rate_limit: str = _setting(OFF, "questions that one address may ask, such as `60/minute`", fault=_fault_of_rate)
    tokens_sha256: str = _setting(
        OFF, "SHA-256 digests of the tokens that open `/api/`, separated by commas", fault=_fault_of_digests
    )
    metrics_token_sha256: str = _setting(
        OFF, "SHA-256 digests of the tokens that open `/metrics`", fault=_fault_of_digests
    )
    cors_origins: str = _setting(
        OFF, "sites whose scripts may use `/api/`, separated by commas; `*` for all", fault=_fault_of_origins
    )
    cache: int = _setting(500, "replies kept for repeated questions, some 30 KB each; 0 keeps none", 0, 100_000)
    min_confidence: float = _setting(0.5, "below this confidence a question counts as not answered", 0, 1)
    max_document_bytes: int = _setting(10 * 2**20, "larger files are skipped", 1, 2**30)
    max_document_seconds: int = _setting(20, "files that take more of the processor's time are skipped", 1, 3600)
    feedback: Path = _setting(Path("feedback.sqlite"), "file that keeps the verdicts on answers; `off` asks for none")
    log_questions: bool = _setting(False, "whether the log of `qa serve` holds the text of questions")

    def __post_init__(self) -> None:
        for spec in fields(self):
            value, bounds, fault = getattr(self, spec.name), spec.metadata["bounds"], spec.metadata["fault"]
            if bounds and not bounds[0] <= value <= bounds[1]:  # NaN lies within none
                raise BadSetting(
                    f"{variable(spec.name)} is {value}; it must be from {bounds[0]:,} to {bounds[1]:,} "
                    f"({spec.metadata['about']})"
                )
            if fault and value != OFF and (wrong := fault(value)):
                raise BadSetting(f"{variable(spec.name)} {wrong}")


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


def unknown_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the `QA_*` variables that set nothing, each with the one that may be meant, "" if none is like it."""
    known = [variable(spec.name) for spec in fields(Settings)]
    unknown = sorted(name for name in environment if name.startswith(variable("")) and name not in known)
    return {name: next(iter(get_close_matches(name, known, 1)), "") for name in unknown}


def _truth(raw: str) -> bool:
    lowered = raw.lower()
    if lowered in ("true", "yes", "1"):
        return True
    if lowered in ("false", "no", "0"):
        return False
    raise ValueError
