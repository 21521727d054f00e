"""Connections of the server: no request may dawdle, and one that cannot be read is refused like any other."""

import logging
import secrets
import time
from http import HTTPStatus

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask

from web.app import SECURITY_HEADERS
from web.problems import BAD_REQUEST, PROBLEM_TYPE, problem_document, problem_of_status
from web.trace import HEADER

REQUEST_SECONDS = 20  # for a request to come in; the largest has less than 100 KiB
_log = logging.getLogger(__name__)


class Refusal(ErrorTask):
    """Answers what never reaches the app: broken headers, and what is too large to be taken in."""

    def execute(self) -> None:
        """Send a problem document."""
        error = self.request.error  # type: ignore[attr-defined]  # the stubs take the request for its error
        problem, request_id = problem_of_status(error.code), secrets.token_hex(8)
        detail = error.body if problem is BAD_REQUEST else problem.explanation
        body = problem_document(problem, detail, request_id).encode()
        self.status = f"{problem.status} {HTTPStatus(problem.status).phrase}"
        self.response_headers = [*SECURITY_HEADERS.items(), ("Content-Type", PROBLEM_TYPE), (HEADER, request_id)]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)
        fields = {"client": self.channel.addr[0], "status": problem.status, "problem": problem.slug}
        _log.info("request", extra={"fields": fields | {"request_id": request_id}})


class Request(HTTPRequestParser):
    """A request as it comes in."""

    def received(self, data: bytes) -> int:
        """Take in what has come, and return how much of it belongs to this request."""
        taken: int = super().received(data)
        if self.completed:  # refused, or without a body: nothing is waited for, so nobody is told to go on
            self.expect_continue = False
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        """Read the first line and the headers."""
        super().parse_header(header_plus)
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            # A proxy may have believed the length and take the rest for another request (RFC 9112, 6.1).
            self.headers = {**self.headers, "CONNECTION": "close"}


class Channel(HTTPChannel):
    """A connection; the server closes it when nothing happens on it for a while, this class when too little does."""

    error_task_class = Refusal
    parser_class = Request
    _began = 0.0  # when the request began that is not complete yet; 0: there is none

    def received(self, data: bytes) -> bool:
        """Take in what has come."""
        taken = super().received(data)
        if self.request is None:
            self._began = 0.0
        elif not self._began:
            self._began = time.monotonic()
        elif time.monotonic() - self._began > REQUEST_SECONDS:
            self.will_close = True
        return taken
