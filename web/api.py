"""The JSON interface (docs/api.md)."""

import json
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request, url_for

from qa.answer import DEFAULT_K
from qa.errors import NoSuchDocument
from qa.index import Index
from qa.quotes import read_place
from qa.reply import document_to_json, index_to_json, reply_to_json, why_not_to_json
from qa.search import MAX_K, MAX_QUESTION_CHARS
from qa.service import Service
from web.problems import UNSUPPORTED_TYPE, BadRequest, problem_response
from web.queue import turn
from web.suggestions import suggest
from web.trace import trace

api = Blueprint("api", __name__, url_prefix="/api/v1")
MAX_DOCUMENT_IDS = 1000
LISTED, MAX_LISTED = 100, 1000  # documents in one reply of the list
_FIELDS = ("question", "k", "documents", "exact", "explain")
_PARAMETERS = ("q", "k", "documents", "exact", "explain")
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def service() -> Service:
    """Return the service of this app."""
    found: Service = current_app.extensions["qa"]
    return found


@api.post("/ask")
def ask_by_post() -> Response:
    """Answer the question in a JSON body."""
    check_parameters(())
    if request.mimetype != "application/json":
        return problem_response(
            UNSUPPORTED_TYPE, f"the body has the type {request.mimetype or 'none'!r}; send application/json"
        )
    if (coding := request.headers.get("Content-Encoding", "identity")).lower() != "identity":
        return problem_response(
            UNSUPPORTED_TYPE,
            f"the body has the coding {coding!r}; send it as it is, without Content-Encoding",
            {"Accept-Encoding": "identity"},
        )
    body = _body()
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object with the field `question`")
    unknown = [name for name in body if name not in _FIELDS]
    if unknown:
        raise BadRequest(f"unknown field {unknown[0]!r}; known are {', '.join(_FIELDS)}")
    if not isinstance(body.get("question"), str):
        raise BadRequest("the field `question` is missing or no string")
    return _ask(
        body["question"],
        _checked_k(body.get("k", DEFAULT_K)),
        _document_ids(body.get("documents")),
        _truth(body.get("exact", False), "exact"),
        _truth(body.get("explain", False), "explain"),
    )


@api.get("/ask")
def ask_by_get() -> Response:
    """Answer the question in the address."""
    check_parameters(_PARAMETERS, required="q", repeatable="documents")
    return _ask(
        request.args["q"],
        _k_of_address(),
        _documents_of_address(),
        _truth_of_address("exact"),
        _truth_of_address("explain"),
    )


@api.get("/why-not")
def why_not() -> Response:
    """Say at which stage a stretch of a document was left out."""
    check_parameters(("q", "place", "k", "exact"), required="q")
    document_id, start, end = read_place(request.args.get("place", ""))
    question, k = request.args["q"], _k_of_address()
    exact = _truth_of_address("exact")
    with turn():
        found = service().why_not(question, document_id, start, end, k=k, exact=exact)
    return jsonify(why_not_to_json(found))


@api.get("/suggest")
def suggestions() -> Response:
    """Complete what is being typed: attached questions, and sections to go to."""
    check_parameters(("q", "documents"), required="q", repeatable="documents")
    if len(request.args["q"]) > MAX_QUESTION_CHARS:
        raise BadRequest(f"the parameter `q` has more than {MAX_QUESTION_CHARS:,} characters")
    found = suggest(service().index, request.args["q"], _documents_of_address())
    response = jsonify(suggestions=[asdict(suggestion) for suggestion in found])
    response.cache_control.max_age = 60
    return response


@api.get("/documents")
def documents() -> Response:
    """List the documents without their text, so many at once."""
    check_parameters(("limit", "after"))
    index, limit = service().index, _limit_of_address()
    first = _row_after(index, request.args["after"]) if "after" in request.args else 0
    listed = index.documents.stretch(first, first + limit)
    more = first + limit < len(index.documents)
    following = url_for("api.documents", limit=limit, after=listed[-1].id) if more else None
    response = jsonify(
        documents=[document_to_json(document, with_text=False) for document in listed],
        total=len(index.documents),
        next=following,
        index=index_to_json(index),
    )
    if following:
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response


@api.get("/documents/<document_id>")
def document(document_id: str) -> Response:
    """Return one document with its text, in which every offset counts."""
    check_parameters(())
    found = service().index.documents.get(document_id)
    if found is None:
        raise NoSuchDocument(f"there is no document {document_id!r}; GET /api/v1/documents lists them")
    return jsonify(document_to_json(found, with_text=True))


def _ask(question: str, k: int, document_ids: list[str] | None, exact: bool, explained: bool) -> Response:
    with turn():
        reply = trace().reply = service().ask(question, k=k, documents=document_ids, exact=exact)
    return jsonify(reply_to_json(reply, explained=explained))


def _body() -> Any:
    """Return the JSON value of the body, which has only one reading: in UTF-8, no field twice, no NaN."""
    try:
        return json.loads(
            request.get_data().decode("utf-8-sig"), object_pairs_hook=_without_repeats, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:  # the latter when it is nested too deeply
        raise BadRequest('the body is not JSON in UTF-8; send an object like {"question": "Who wrote it?"}') from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise BadRequest("a field of the body is given more than once")
    return fields


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def check_parameters(known: tuple[str, ...], *, required: str = "", repeatable: str = "") -> None:
    """Refuse an address with a parameter that is unknown, missing or given twice."""
    for name in request.args:
        if name not in known:
            raise BadRequest(f"unknown parameter {name!r}; known are {', '.join(known) or 'none'}")
        if name != repeatable and len(request.args.getlist(name)) > 1:
            raise BadRequest(f"the parameter {name!r} is given more than once")
    if required and required not in request.args:
        raise BadRequest(f"the parameter `{required}`, the question, is missing")


def whole_number(text: str) -> int | None:
    """Return the number that at most nine digits write, None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def whole(value: Any) -> Any:
    """Return a value of JSON, which knows one kind of number: 5.0 is 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _k_of_address() -> int:
    return _checked_k(whole_number(request.args.get("k", str(DEFAULT_K))))


def _limit_of_address() -> int:
    limit = whole_number(request.args.get("limit", str(LISTED)))
    if limit is None or not 1 <= limit <= MAX_LISTED:
        raise BadRequest(f"limit must be a whole number from 1 to {MAX_LISTED:,}")
    return limit


def _row_after(index: Index, document_id: str) -> int:
    """Return the row after a document.

    Raises:
        NoSuchDocument: it is not in this generation, so nobody knows what comes after it.
    """
    if document_id not in index.documents:
        raise NoSuchDocument(f"there is no document {document_id!r} (any more); begin the list anew, without `after`")
    return index.documents.row_of(document_id) + 1


def _documents_of_address() -> list[str] | None:
    return _document_ids(request.args.getlist("documents") or None)


def _truth_of_address(name: str) -> bool:
    value = request.args.get(name, "false")
    return _truth(_TRUTH.get(value, value), name)


def _checked_k(value: Any) -> int:
    value = whole(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequest(f"k must be a whole number from 1 to {MAX_K}")
    return value


def _truth(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false")
    return value


def _document_ids(value: Any) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise BadRequest("documents must be a list of document ids with at least one entry; leave it out for all")
    if len(value) > MAX_DOCUMENT_IDS:
        raise BadRequest(f"documents has {len(value):,} ids; at most {MAX_DOCUMENT_IDS:,} are accepted")
    return value
