"""What a supervisor asks: does the process run, and can it answer questions."""

import logging
import threading
import time

from flask import Flask, Response, jsonify

from qa.errors import NotReady
from qa.service import Service

PROBES = ("/healthz", "/readyz")
READY_SECONDS = 5.0  # so long a check counts: however often it is asked for, it takes no more than 1 % of one core
_log = logging.getLogger(__name__)


class Readiness:
    """Tells whether the open generation answers questions, by asking it one."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._checked = ""  # the generation that was asked
        self._checked_at = 0.0
        self._ready = False

    def check(self) -> str:
        """Return the id of the open generation.

        Raises:
            QAError: no generation is open.
            NotReady: the question could not be answered.
        """
        generation = self._service.index.manifest.id
        with self._lock:
            if self._checked != generation or time.monotonic() - self._checked_at > READY_SECONDS:
                self._ready = self._answers()
                self._checked, self._checked_at = generation, time.monotonic()
            if not self._ready:
                raise NotReady("a question to the open index failed; the log says why")
        return generation

    def _answers(self) -> bool:
        try:
            self._service.try_out()
        except Exception:  # noqa: BLE001 - whatever it is, questions of people would meet it too
            _log.exception("the index does not answer")
            return False
        return True


def add_health(app: Flask, service: Service) -> None:
    """Add /healthz and /readyz."""
    readiness = Readiness(service)

    def healthz() -> Response:
        return jsonify(status="ok")

    def readyz() -> Response:
        return jsonify(status="ready", index=readiness.check())

    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/readyz", view_func=readyz)
