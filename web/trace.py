"""What is known of the request in work: its id, how long it took, what was replied. The log and the metrics read it."""

import re
import secrets
from dataclasses import dataclass, field
from time import perf_counter

from flask import Flask, Response, g, request

from qa.answer import Reply

HEADER = "X-Request-ID"
_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")  # nothing that could forge a line of a log or fill it


@dataclass(slots=True)
class Trace:
    """One request; made when it begins and filled in on the way."""

    request_id: str
    began: float = field(default_factory=perf_counter)
    took_ms: float = 0.0  # from the first look at the request to the reply; known when the request is done
    waited_ms: float = 0.0  # for a free worker; part of `took_ms`
    reply: Reply | None = None  # if it was a question that got one
    problem: str = ""  # slug of the problem that was answered instead

    @property
    def cached(self) -> bool:
        """Whether the reply was there already, from the same question before."""
        return self.reply is not None and "cache" in self.reply.stages

    @property
    def stages_ms(self) -> dict[str, float]:
        """Milliseconds of each stage of a question; they sum to `took_ms`.

        `wait` is for a free worker; `render` is what no other stage holds: to read the request and write the reply.
        """
        assert self.reply
        stages = {"wait": self.waited_ms} | self.reply.stages
        return stages | {"render": self.took_ms - sum(stages.values())}


def trace() -> Trace:
    """Return what is known of the request in work."""
    if "trace" not in g:
        sent = request.headers.get(HEADER, "")
        g.trace = Trace(sent if _ACCEPTED.fullmatch(sent) else secrets.token_hex(8))
    found: Trace = g.trace
    return found


def add_trace(app: Flask) -> None:
    """Give every request an id, taken over from its sender or made new, and return it in a header."""

    def begin() -> None:
        trace()

    def end(response: Response) -> Response:
        trace().took_ms = (perf_counter() - trace().began) * 1000
        response.headers[HEADER] = trace().request_id
        return response

    app.before_request(begin)
    app.after_request(end)
