"""Errors of the JSON interface: RFC 9457 problem documents, one table of what can go wrong."""

from dataclasses import dataclass

from flask import Response, json

from qa import errors


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of problem; `slug` ends its `type` address, where a page explains it."""

    slug: str
    status: int
    title: str
    explanation: str


BAD_REQUEST = Problem("bad-request", 400, "The request cannot be used", "The detail says what is wrong with it.")
BAD_QUESTION = Problem(
    "bad-question", 400, "The question cannot be used", "The question, or a value sent with it, is out of bounds."
)
NO_SUCH_DOCUMENT = Problem(
    "no-such-document", 404, "There is no such document", "The id is not in the index; /api/v1/documents lists all."
)
NOT_FOUND = Problem("not-found", 404, "There is nothing at this address", "docs/api.md lists the addresses.")
METHOD_NOT_ALLOWED = Problem(
    "method-not-allowed", 405, "This address does not take that method", "The Allow header names those it takes."
)
TOO_LARGE = Problem("too-large", 413, "The request is too large", "A request body may have up to 64 KiB.")
TOO_MANY = Problem("too-many", 429, "Too much at once", "The detail says how much is accepted, and when to try again.")
UNSUPPORTED_TYPE = Problem(
    "unsupported-type", 415, "The body is not JSON", "Send it with the header Content-Type: application/json."
)
INTERNAL = Problem("internal", 500, "Something went wrong here", "It was logged; the request itself may be fine.")
NOT_KEPT = Problem("not-kept", 503, "It could not be kept", "Verdicts on answers cannot be written at the moment.")
NO_INDEX = Problem("no-index", 503, "There is no index to answer from", "The detail names the command that makes one.")

PROBLEMS = (
    BAD_REQUEST,
    BAD_QUESTION,
    NO_SUCH_DOCUMENT,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    TOO_LARGE,
    UNSUPPORTED_TYPE,
    TOO_MANY,
    INTERNAL,
    NOT_KEPT,
    NO_INDEX,
)
BY_ERROR: dict[type[errors.QAError], Problem] = {
    errors.BadQuestion: BAD_QUESTION,
    errors.BadQuote: BAD_REQUEST,
    errors.NoSuchDocument: NO_SUCH_DOCUMENT,
    errors.TooMany: TOO_MANY,
    errors.FeedbackRefused: NOT_KEPT,
    errors.IndexMissing: NO_INDEX,
    errors.IndexUnusable: NO_INDEX,
    errors.ModelError: NO_INDEX,
}
BY_STATUS = {
    problem.status: problem
    for problem in (BAD_REQUEST, NOT_FOUND, METHOD_NOT_ALLOWED, TOO_LARGE, UNSUPPORTED_TYPE, INTERNAL)
}


class BadRequest(errors.QAError):
    """A request of the JSON interface cannot be read."""


def problem_of(error: errors.QAError) -> Problem:
    """Return the problem that an error of the library is."""
    return BAD_REQUEST if isinstance(error, BadRequest) else BY_ERROR.get(type(error), INTERNAL)


def problem_response(problem: Problem, detail: str) -> Response:
    """Return a problem document (RFC 9457)."""
    document = {
        "type": f"/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
    }
    return Response(json.dumps(document) + "\n", problem.status, content_type="application/problem+json")
