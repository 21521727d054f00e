"""The log of the server: one JSON object a line, for requests and all else, so that a reader needs one parser."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from flask import Flask, Response, has_request_context, request

from web.health import PROBES
from web.trace import Trace, trace

_log = logging.getLogger(__name__)
_MAX_PATH_CHARS = 200  # enough to see what was asked for; an address may have 32 KiB
_QUIET = (*PROBES, "/metrics", "/static/")  # asked every few seconds by machines, or several times for each page


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON in ASCII, which no character in it can break."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; `record.fields` are added to what every line has."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context():
            line["request_id"] = trace().request_id
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line | getattr(record, "fields", {}))


class _Output(logging.StreamHandler[TextIO]):
    """Writes lines, and says once when that fails: a traceback for each would only fill the next disk."""

    _told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is not ours
        """Go on without the line."""
        if not self._told:
            self._told = True
            super().handleError(record)


def log_as_json() -> None:
    """Let every logger of this process write JSON to stdout; stderr is left to what people are told at the start."""
    handler = _Output(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def add_access_log(app: Flask, *, questions: bool) -> None:
    """Log one line for each request.

    Args:
        questions: log the text of questions too.
    """

    def log(response: Response) -> Response:
        if not request.path.startswith(_QUIET) or response.status_code >= 400:
            _log.info("request", extra={"fields": _fields(response, trace(), questions)})
        return response

    app.after_request(log)


def _fields(response: Response, known: Trace, questions: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "client": request.remote_addr,
        "method": request.method,
        # The query string holds the question; a `?` in the path is one that was escaped by mistake.
        "path": request.path.partition("?")[0][:_MAX_PATH_CHARS],
        "status": response.status_code,
        "duration_ms": round(known.took_ms, 2),
    }
    if known.problem:
        fields["problem"] = known.problem
    if reply := known.reply:
        fields |= {
            "generation": reply.index.manifest.id,
            "reply": reply.status.value,
            "confidence": round(reply.confidence, 4),
            "cached": known.cached,
            "stages_ms": {stage: round(took, 2) for stage, took in known.stages_ms.items()},
        }
        if questions:
            fields["question"] = reply.query.text
    return fields
