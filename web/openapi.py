"""The OpenAPI 3.1 document of the JSON interface: what may be sent, and every field that comes back.

It reads from top to bottom: the operations, then the records they take and give, then the small pieces all of them are
made of. Bounds and errors come from the code that enforces them; tests/test_openapi.py holds the replies to the rest.
"""

from collections.abc import Mapping
from dataclasses import fields
from itertools import groupby
from typing import Any

from qa.answer import DEFAULT_K, Status
from qa.errors import QAError
from qa.explain import Stage
from qa.search import CANDIDATES, MAX_K, MAX_QUESTION_CHARS, Signals
from qa.service import Service
from qa.settings import OFF
from web.api import LISTED, MAX_DOCUMENT_IDS, MAX_LISTED
from web.problems import PROBLEMS
from web.suggestions import SUGGESTIONS
from web.trace import HEADER

Json = dict[str, Any]

ABOUT = (
    "Questions answered from a folder of documents, every answer quoted and cited. All offsets count Unicode code "
    "points of a document's `text`; `end` is exclusive. Every error is a problem document (RFC 9457). An address that "
    "is not listed gets 404, a method that is not listed 405 with the header `Allow`."
)
DESCRIPTION = "/api/v1/openapi.json"  # needs no token: the page /api shows the same
_JSON, _PROBLEM = "application/json", "application/problem+json"


def describe(service: Service) -> Json:
    """Return the OpenAPI document; its examples name a document of the open index, so that they can be tried out."""
    question, document_id, place = _example_of(service)
    settings = service.settings
    closed = [
        prefix
        for prefix, tokens in (("/api/", settings.tokens_sha256), ("/metrics", settings.metrics_token_sha256))
        if tokens != OFF
    ]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cited question answering",
            "version": "1",
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": _with_tokens(_paths(question, document_id, place), closed),
        "components": {
            "schemas": _schemas(document_id),
            "responses": _problem_responses(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "made by `qa token`"}},
            "headers": {
                "RequestId": {
                    "description": "the one that was sent with the request, or a new one",
                    "required": True,
                    "schema": _ref("RequestId"),
                }
            },
        },
    }


def _with_tokens(paths: Json, closed: list[str]) -> Json:
    """Return the paths with those that need a token marked so."""
    for path, methods in paths.items():
        if path.startswith(tuple(closed)) and path != DESCRIPTION:
            for operation in methods.values():
                operation["security"] = [{"token": []}]
                operation["responses"] |= _problems(401)
    return paths


def _example_of(service: Service) -> tuple[str, str, str]:
    """Return a question, the id of a document and a place in it; made up while there is no index.

    The question is an attached one, if there is any, and the place is what it is attached to.
    """
    text = "What is this about?"  # fits every corpus
    try:
        index = service.index
        passage = index.passages[0]
        if attached := next((question for question in index.questions if question.text.endswith("?")), None):
            text, passage = attached.text, index.passages[attached.passage]
    except QAError:
        return text, "guide-1a2b3c4d", "guide-1a2b3c4d:120-480"
    return text, passage.document_id, f"{passage.document_id}:{passage.start}-{passage.end}"


def _paths(example: str, document_id: str, place: str) -> Json:
    question = _parameter("q", "the question", _ref("Question"), example=example)
    k = _parameter("k", "how many passages at most", {**_whole(minimum=1, maximum=MAX_K), "default": DEFAULT_K}, False)
    exact = _parameter("exact", "take the question as it is spelt", _ref("Truth"), False)
    documents = _parameter(
        "documents",
        "search only this document; may be repeated",
        _list(_ref("DocumentId"), minItems=1, maxItems=MAX_DOCUMENT_IDS),
        False,
        example=[document_id],
    )
    return {
        "/api/v1/ask": {
            "get": _operation(
                "ask",
                "Answer a question",
                "The best sentence of the documents, quoted with the passages around it, or the statement that the "
                "documents do not answer.",
                {"200": _answer()},
                problems=(404, 429, 503),
                parameters=[
                    question,
                    k,
                    documents,
                    exact,
                    _parameter("explain", "say for each passage why it stands where it stands", _ref("Truth"), False),
                ],
            ),
            "post": _operation(
                "askByPost",
                "Answer a question sent as JSON",
                "The same as the GET, for questions that should not stand in an address. The body has at most 64 KiB.",
                {"200": _answer()},
                problems=(404, 413, 415, 429, 503),
                requestBody={
                    "required": True,
                    "content": {_JSON: {"schema": _ref("Ask"), "example": {"question": example, "k": 3}}},
                },
            ),
        },
        "/api/v1/why-not": {
            "get": _operation(
                "whyNot",
                "Say why a passage was left out",
                "At which stage of the search the passage that holds a stretch of a document was left out.",
                {"200": _reply("what became of it", _ref("WhyNot"), headers=_RATE_HEADERS)},
                problems=(404, 429, 503),
                parameters=[
                    question,
                    _parameter(
                        "place",
                        "the stretch, as DOCUMENT:START-END",
                        {"type": "string", "pattern": "^[a-z0-9-]+:[0-9]{1,12}-[0-9]{1,12}$"},
                        example=place,
                    ),
                    k,
                    exact,
                ],
            )
        },
        "/api/v1/suggest": {
            "get": _operation(
                "suggest",
                "Complete what is being typed",
                "Questions that somebody attached to the documents, and sections of the documents.",
                {
                    "200": _reply(
                        "questions first, then sections",
                        _ref("Suggestions"),
                        headers={"Cache-Control": _header("how long the reply may be kept")},
                    )
                },
                problems=(404, 503),
                parameters=[
                    _parameter(
                        "q",
                        "what was typed so far",
                        {"type": "string", "maxLength": MAX_QUESTION_CHARS},
                        example="what",
                    ),
                    documents,
                ],
            )
        },
        "/api/v1/documents": {
            "get": _operation(
                "listDocuments",
                "List the documents",
                "The documents of the index without their text, so many at once. While `next` is not null, it is the "
                "address to go on with.",
                {
                    "200": _reply(
                        "the documents in the order of their paths",
                        _ref("Documents"),
                        headers={"Link": _header('`<next>; rel="next"` (RFC 8288), where `next` is not null')},
                        links={"first": _link_to_document("$response.body#/documents/0/id")},
                    )
                },
                problems=(404, 503),
                parameters=[
                    _parameter(
                        "limit",
                        "how many documents at most",
                        {**_whole(minimum=1, maximum=MAX_LISTED), "default": LISTED},
                        False,
                    ),
                    _parameter(
                        "after", "list what follows this document", _ref("DocumentId"), False, example=document_id
                    ),
                ],
            )
        },
        "/api/v1/documents/{document_id}": {
            "get": _operation(
                "getDocument",
                "Read a document",
                "One document with its text, in which every offset counts.",
                {"200": _reply("the document", _ref("Document"))},
                problems=(404, 503),
                parameters=[
                    {
                        "name": "document_id",
                        "in": "path",
                        "required": True,
                        "description": "as the list of documents gives it",
                        "schema": _ref("DocumentId"),
                        "example": document_id,
                    }
                ],
            )
        },
        DESCRIPTION: {
            "get": _operation(
                "describe",
                "Describe this interface",
                "This document (OpenAPI 3.1).",
                {"200": _reply("this document", {"type": "object", "required": ["openapi", "paths"]})},
            )
        },
        "/healthz": {
            "get": _operation(
                "health",
                "Say that the process runs",
                "Says nothing of the index.",
                {"200": _reply("it runs", _ref("Health"))},
            )
        },
        "/readyz": {
            "get": _operation(
                "ready",
                "Say whether questions can be answered",
                "The index is open and the model has answered a question.",
                {"200": _reply("they can", _ref("Readiness"))},
                problems=(503,),
            )
        },
        "/metrics": {
            "get": _operation(
                "metrics",
                "Give figures to a monitor",
                "Counts and times in the text format of Prometheus, or in OpenMetrics for those who ask for it.",
                {"200": _reply("the figures", {"type": "string"}, "text/plain", "application/openmetrics-text")},
            )
        },
    }


def _schemas(document_id: str) -> Json:
    return {
        # What is sent
        "Question": {
            **_text("a question in plain words, with at least one letter or digit"),
            "minLength": 1,
            "maxLength": MAX_QUESTION_CHARS,
            "pattern": r"[\p{L}\p{N}]",
        },
        "Ask": _record(
            "A question with its options.",
            optional=("k", "documents", "exact", "explain"),
            question=_ref("Question"),
            k={**_whole("how many passages at most", minimum=1, maximum=MAX_K), "default": DEFAULT_K},
            documents={
                "type": ["array", "null"],
                "description": "ids of the documents to search; all when left out",
                "items": _ref("DocumentId"),
                "minItems": 1,
                "maxItems": MAX_DOCUMENT_IDS,
                "examples": [[document_id]],
            },
            exact={**_bool("take the question as it is spelt"), "default": False},
            explain={**_bool("say for each passage why it stands where it stands"), "default": False},
        ),
        "Truth": {"type": "string", "enum": ["true", "false", "1", "0"], "default": "false"},
        # What is replied to a question
        "Reply": _record(
            "Everything that is said to one question, from exactly one generation of the index.",
            question=_text("the question, with one space for any white space in it and none around it"),
            searched=_text("the question with misspelt words replaced"),
            corrections=_list(
                _record(word=_text("as it was asked"), replacement=_text("as it was searched")),
                "words that were replaced",
            ),
            status={"enum": [status.value for status in Status], "description": "whether the documents answer"},
            answer=_or_null(_ref("Answer"), "null when the documents do not answer"),
            confidence=_share("that the documents answer the question"),
            disagreements=_list(
                _record(first=_ref("Claim"), second=_ref("Claim")),
                "two claims of different documents that differ in a date, number or name",
            ),
            passages=_list(
                _ref("Passage"), "best first; when the documents do not answer, the nearest ones", maxItems=MAX_K
            ),
            index=_ref("Index"),
            took_ms={**_number("milliseconds that the search and the choice took"), "minimum": 0},
        ),
        "Answer": _record(
            "The sentences, or the short list, table or code, that answer.",
            text=_text("the quoted words: `text[start:end]` of the document"),
            passage=_rank("of the passage that holds them"),
            start=_whole("where they begin in the document"),
            end=_whole("where they end in the document"),
            confidence=_share("that the documents answer the question"),
            supported_by=_list(_rank(), "ranks of other passages that say the same"),
        ),
        "Claim": _record(
            "What one document says where another one says something else.",
            text=_text("the quoted words"),
            value=_text("the date, number or name in them that differs"),
            passage=_rank("of the passage that holds them"),
            start=_whole("where they begin in the document"),
            end=_whole("where they end in the document"),
        ),
        "Passage": _record(
            "A stretch of one document.",
            optional=("explain",),
            rank=_rank(),
            id=_text("stays the same as long as document, place and text do"),
            text=_text("the passage: `text[start:end]` of the document"),
            start=_whole("where it begins in the document"),
            end=_whole("where it ends in the document"),
            headings=_list(_text(), "the headings above it, outermost first"),
            score=_number("weighted sum of the signals"),
            highlights=_list(
                _list(_whole(), minItems=2, maxItems=2), "words of the question, as `[start, end]` within `text`"
            ),
            document=_record(
                id=_ref("DocumentId"),
                path=_text("of the file, within the folder of documents"),
                title=_text(),
                source=_text("where the text comes from"),
                url=_text("of the original"),
                sha256=_ref("Sha256"),
            ),
            link=_address("document page with the passage marked, as long as the document is not edited"),
            permalink=_address("the same with the quoted words, so that it survives edits of the document"),
            explain=_ref("Explanation"),
        ),
        "Explanation": _record(
            "Why a passage has its rank; only there when it was asked for.",
            candidates=_whole("passages that were looked at closely", minimum=1),
            keyword_rank=_nullable_whole("by shared words; null: not among the first", maximum=CANDIDATES),
            meaning_rank=_nullable_whole("by meaning; null: not among the first", maximum=CANDIDATES),
            factors=_list(
                _record(
                    name={"enum": [signal.name for signal in fields(Signals)], "description": "of the signal"},
                    about=_text("what it measures"),
                    value=_number(),
                    weight=_number(),
                    product=_number("value times weight"),
                    rank=_whole("by this signal alone", minimum=1),
                ),
                "one for each signal",
                minItems=len(fields(Signals)),
                maxItems=len(fields(Signals)),
            ),
            score=_number("sum of the products"),
            score_rank=_whole("by score alone", minimum=1),
            rank=_whole("in the end", minimum=1),
            repeats=_nullable_whole("rank of the better passage that holds its best sentence too"),
        ),
        # What else is replied
        "WhyNot": _record(
            "What became of one stretch of a document.",
            question=_text("the question, with one space for any white space in it and none around it"),
            searched=_text("the question with misspelt words replaced"),
            stage={"enum": [stage.value for stage in Stage], "description": "where it was left out, or `shown`"},
            reason=_text("the same in words"),
            passage=_or_null(
                _record(
                    id=_text(),
                    document=_ref("DocumentId"),
                    start=_whole("where it begins in the document"),
                    end=_whole("where it ends in the document"),
                    text=_text("the passage"),
                ),
                "the passage that holds most of the stretch; null: no passage does",
            ),
            keyword_rank=_nullable_whole("among all passages; null: no word in common"),
            meaning_rank=_nullable_whole("among all passages"),
            explain=_or_null(_ref("Explanation"), "null unless it was looked at closely"),
        ),
        "Suggestions": _record(
            "What can be asked or gone to.",
            suggestions=_list(_ref("Suggestion"), "best first", maxItems=SUGGESTIONS),
        ),
        "Suggestion": _record(
            "A question to ask, or a section to go to.",
            kind={"enum": ["question", "section"]},
            text=_text("the question, or the heading of the section", minLength=1),
            document=_text("title of the document"),
            href=_text("address of the section; empty for a question"),
        ),
        "Documents": _record(
            "Some of the documents of one generation.",
            documents=_list(_ref("Listed"), "in the order of their paths", maxItems=MAX_LISTED),
            total=_whole("how many documents there are in all"),
            next=_or_null(_address("where the list goes on"), "null when it ends here"),
            index=_ref("Index"),
        ),
        "Listed": _record("A document without its text.", **_document_fields()),
        "Document": _record(
            "A document.", **_document_fields(), text=_text("what every offset counts in", minLength=1)
        ),
        "Index": _record(
            "The generation of the index that the reply comes from.",
            id=_text(minLength=1),
            built_at={**_text("when it was built"), "format": "date-time"},
            model=_text("name of the embedding model", minLength=1),
        ),
        "Health": _record("That the process runs.", status={"const": "ok"}),
        "Readiness": _record(
            "That questions can be answered.",
            status={"const": "ready"},
            index=_text("id of the generation", minLength=1),
        ),
        # What is in several of them
        "DocumentId": {**_text("id of a document"), "pattern": "^[a-z0-9-]{8,49}$"},
        "RequestId": {**_text("of this request, as in the log"), "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        "Sha256": {**_text("of the document's text in UTF-8"), "pattern": "^[0-9a-f]{64}$"},
    }


def _document_fields() -> Json:
    return {
        "id": _ref("DocumentId"),
        "path": _text("of the file, within the folder of documents", minLength=1),
        "title": _text(minLength=1),
        "kind": _text("as the document says"),
        "source": _text("where the text comes from"),
        "url": _text("of the original"),
        "language": _text("BCP 47", minLength=1),
        "license": _text("of the text"),
        "sha256": _ref("Sha256"),
        "characters": _whole("length of the text", minimum=1),
    }


def _problem_responses() -> Json:
    """Return a response for each status an error can have, from the table of problems."""
    in_order = sorted(PROBLEMS, key=lambda problem: problem.status)
    found = {}
    for status, group in groupby(in_order, lambda problem: problem.status):
        kinds = list(group)
        schema = _record(
            type={"enum": [f"/problems/{kind.slug}" for kind in kinds], "description": "address of a page about it"},
            title={"enum": list(dict.fromkeys(kind.title for kind in kinds)), "description": "the same in words"},
            status={"const": status},
            detail=_text("what is wrong, and how to mend it", minLength=1),
            request_id=_ref("RequestId"),
        )
        titles = "; ".join(dict.fromkeys(kind.title for kind in kinds))
        found[f"Problem{status}"] = _reply(titles, schema, _PROBLEM, headers=_PROBLEM_HEADERS.get(status))
    return found


def _header(about: str, **schema: Any) -> Json:
    return {"description": about, "schema": schema or {"type": "string"}}


_RATE_HEADERS = {
    "X-RateLimit-Limit": _header("where a rate is set: questions in one time", type="integer"),
    "X-RateLimit-Remaining": _header("questions left in it", type="integer"),
    "X-RateLimit-Reset": _header("when it ends, in seconds since 1970", type="integer"),
    "X-RateLimit-Reset-After": _header("when it ends, in seconds from now", type="integer"),
}
_PROBLEM_HEADERS: Mapping[int, Json] = {
    401: {"WWW-Authenticate": _header("`Bearer`, with an error where a token was sent")},
    405: {"Allow": _header("the methods that this address takes")},
    415: {"Accept-Encoding": _header("`identity`, where the body had a Content-Encoding")},
    429: {"Retry-After": _header("seconds to wait", type="integer", minimum=0), **_RATE_HEADERS},
    503: {"Retry-After": _header("seconds to wait, where they are known", type="integer", minimum=0)},
}


def _link_to_document(expression: str) -> Json:
    return {"operationId": "getDocument", "parameters": {"document_id": expression}}


_DOCUMENT_OF_PASSAGE = {"cited": _link_to_document("$response.body#/passages/0/document/id")}


def _answer() -> Json:
    about = "the answer, or that there is none"
    return _reply(about, _ref("Reply"), headers=_RATE_HEADERS, links=_DOCUMENT_OF_PASSAGE)


def _operation(name: str, summary: str, about: str, replies: Json, problems: tuple[int, ...] = (), **more: Any) -> Json:
    responses = replies | _problems(400, *problems, 431, 500)
    return {"operationId": name, "summary": summary, "description": about, **more, "responses": responses}


def _problems(*statuses: int) -> Json:
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(statuses)}


def _parameter(name: str, about: str, schema: Json, required: bool = True, **more: Any) -> Json:
    return {"name": name, "in": "query", "required": required, "description": about, "schema": schema, **more}


def _reply(about: str, schema: Json, *media_types: str, headers: Json | None = None, **more: Any) -> Json:
    return {
        "description": about,
        "headers": {HEADER: {"$ref": "#/components/headers/RequestId"}, **(headers or {})},
        "content": {media_type: {"schema": schema} for media_type in media_types or (_JSON,)},
        **more,
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _record(about: str = "", /, *, optional: tuple[str, ...] = (), **properties: Json) -> Json:
    """Return the schema of an object with these fields and no others."""
    return {
        "type": "object",
        **_described(about),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
        "properties": properties,
    }


def _list(items: Json, about: str = "", **bounds: int) -> Json:
    return {"type": "array", **_described(about), "items": items, **bounds}


def _or_null(schema: Json, about: str) -> Json:
    return {**_described(about), "anyOf": [schema, {"type": "null"}]}


def _text(about: str = "", **bounds: int) -> Json:
    return {"type": "string", **_described(about), **bounds}


def _address(about: str) -> Json:
    return {**_text(about), "format": "uri-reference"}


def _bool(about: str) -> Json:
    return {"type": "boolean", **_described(about)}


def _number(about: str = "") -> Json:
    return {"type": "number", **_described(about)}


def _share(about: str) -> Json:
    return {**_number(about), "minimum": 0, "maximum": 1}


def _whole(about: str = "", minimum: int = 0, **bounds: int) -> Json:
    return {"type": "integer", **_described(about), "minimum": minimum, **bounds}


def _rank(about: str = "") -> Json:
    return _whole(about or "from 1, the best", minimum=1, maximum=MAX_K)


def _nullable_whole(about: str, **bounds: int) -> Json:
    return {"type": ["integer", "null"], **_described(about), "minimum": 1, **bounds}


def _described(about: str) -> Json:
    return {"description": about} if about else {}
