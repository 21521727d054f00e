"""Errors of the JSON interface: RFC 9457 problem documents, one table of what can go wrong."""

from dataclasses import dataclass

from flask import Response, current_app, json
from werkzeug.exceptions import HTTPException

from qa import errors
from web.trace import trace

PROBLEM_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of problem; `slug` ends its `type` address, where a page explains it."""

    slug: str
    status: int
    title: str
    explanation: str
    on_page: str = ""  # what people are told instead of what is told to programs


BAD_REQUEST = Problem("bad-request", 400, "The request cannot be used", "The detail says what is wrong with it.")
BAD_QUESTION = Problem(
    "bad-question", 400, "The question cannot be used", "The question, or a value sent with it, is out of bounds."
)
UNAUTHORIZED = Problem(
    "unauthorized", 401, "A token is needed", "Send one that the service knows in the header Authorization: Bearer …"
)
NO_SUCH_DOCUMENT = Problem(
    "no-such-document", 404, "There is no such document", "The id is not in the index; /api/v1/documents lists all."
)
NOT_FOUND = Problem(
    "not-found",
    404,
    "There is nothing at this address",
    "The page /api lists the addresses.",
    "It may be mistyped, or what was here is no longer there.",
)
METHOD_NOT_ALLOWED = Problem(
    "method-not-allowed",
    405,
    "This address cannot be used that way",
    "The Allow header names the methods it takes.",
    "It is no page to read; it only takes what a form on a page sends.",
)
TOO_LARGE = Problem("too-large", 413, "The request is too large", "A request body may have up to 64 KiB.")
TOO_MANY = Problem("too-many", 429, "Too much at once", "The detail says how much is accepted, and when to try again.")
UNSUPPORTED_TYPE = Problem(
    "unsupported-type",
    415,
    "The body is not plain JSON",
    "Send it with the header Content-Type: application/json and without Content-Encoding.",
)
BAD_RANGE = Problem("bad-range", 416, "The file has no such part", "Content-Range says how long it is.")
HEADERS_TOO_LARGE = Problem(
    "headers-too-large", 431, "The address or the headers are too long", "Together they may have up to 32 KiB."
)
INTERNAL = Problem("internal", 500, "Something went wrong here", "It was logged; the request itself may be fine.")
NOT_IMPLEMENTED = Problem(
    "not-implemented", 501, "The request is coded in an unknown way", "The only Transfer-Encoding is chunked."
)
BUSY = Problem("busy", 503, "Too many questions at once", "Retry-After says after how many seconds to try again.")
NOT_KEPT = Problem("not-kept", 503, "It could not be kept", "Verdicts on answers cannot be written at the moment.")
NO_INDEX = Problem("no-index", 503, "There is no index to answer from", "The detail names the command that makes one.")
NOT_READY = Problem("not-ready", 503, "Questions cannot be answered at the moment", "It was logged; try again soon.")

PROBLEMS = (
    BAD_REQUEST,
    BAD_QUESTION,
    UNAUTHORIZED,
    NO_SUCH_DOCUMENT,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    TOO_LARGE,
    UNSUPPORTED_TYPE,
    BAD_RANGE,
    TOO_MANY,
    HEADERS_TOO_LARGE,
    INTERNAL,
    NOT_IMPLEMENTED,
    BUSY,
    NOT_KEPT,
    NO_INDEX,
    NOT_READY,
)
BY_ERROR: dict[type[errors.QAError], Problem] = {
    errors.BadQuestion: BAD_QUESTION,
    errors.BadQuote: BAD_REQUEST,
    errors.NoSuchDocument: NO_SUCH_DOCUMENT,
    errors.TooMany: TOO_MANY,
    errors.Busy: BUSY,
    errors.FeedbackRefused: NOT_KEPT,
    errors.IndexMissing: NO_INDEX,
    errors.IndexUnusable: NO_INDEX,
    errors.ModelError: NO_INDEX,
    errors.NotReady: NOT_READY,
}
_BY_STATUS = {
    problem.status: problem
    for problem in (
        BAD_REQUEST,
        NOT_FOUND,
        METHOD_NOT_ALLOWED,
        TOO_LARGE,
        UNSUPPORTED_TYPE,
        BAD_RANGE,
        HEADERS_TOO_LARGE,
        NOT_IMPLEMENTED,
    )
}
_KEPT_HEADERS = ("Allow", "Content-Range")
_WHOLE = "(the log of the server has the whole command)"
# Messages of other errors name folders and files of the server, which are nothing to those who ask.
_PUBLIC = {
    errors.IndexMissing: f"there is no index to answer from yet {_WHOLE}; run: qa rebuild",
    errors.IndexUnusable: f"the index is damaged or was made with other settings {_WHOLE}; run: qa rebuild --force",
    errors.ModelError: "the weights of a model are missing or damaged; the log of the server names them",
}


class BadRequest(errors.QAError):
    """A request of the JSON interface cannot be read."""


# Their messages hold what was sent and the documents' ids, no more.
_TOLD_AS_THEY_ARE = (
    BadRequest, errors.BadQuestion, errors.BadQuote, errors.NoSuchDocument, errors.TryLater, errors.NotReady
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """What those who asked are told of an error."""

    problem: Problem
    detail: str
    headers: dict[str, str]


def problem_of_status(status: int) -> Problem:
    """Return the problem that an HTTP status stands for."""
    return _BY_STATUS.get(status, BAD_REQUEST if 400 <= status < 500 else INTERNAL)


def refusal_of(error: Exception) -> Refusal:
    """Return what to tell of an error; what is not told goes to the log."""
    if isinstance(error, HTTPException):
        problem = problem_of_status(error.code or 500)
        detail = (error.description if problem is BAD_REQUEST else None) or problem.explanation
        return Refusal(problem, detail, {name: value for name, value in error.get_headers() if name in _KEPT_HEADERS})
    if isinstance(error, _TOLD_AS_THEY_ARE):
        problem = BY_ERROR.get(type(error), BAD_REQUEST)
        headers = {"Retry-After": str(error.retry_after)} if isinstance(error, errors.TryLater) else {}
        return Refusal(problem, str(error), headers)
    if isinstance(error, errors.QAError):
        current_app.logger.error("%s", error)
        problem = BY_ERROR.get(type(error), INTERNAL)
        return Refusal(problem, _PUBLIC.get(type(error), problem.explanation), {})
    current_app.logger.error("a request failed", exc_info=error)
    return Refusal(INTERNAL, INTERNAL.explanation, {})


def problem_document(problem: Problem, detail: str, request_id: str) -> str:
    """Return a problem document (RFC 9457)."""
    document = {
        "type": f"/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "request_id": request_id,
    }
    return json.dumps(document) + "\n"


def problem_response(problem: Problem, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Return a problem document as the reply to the request in work."""
    trace().problem = problem.slug
    document = problem_document(problem, detail, trace().request_id)
    return Response(document, problem.status, headers, content_type=PROBLEM_TYPE)
