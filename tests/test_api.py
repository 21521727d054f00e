import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from qa.service import Service
from qa.settings import Settings
from web.app import create_app
from web.problems import PROBLEMS

API_DOCS = Path(__file__).parent.parent / "docs" / "api.md"
QUESTION = "When was the lighthouse first lit?"


def ask(client: FlaskClient, **body: Any) -> TestResponse:
    return client.post("/api/v1/ask", json=body)


def names_in(value: Any) -> set[str]:
    """Return every field name in a JSON value, at any depth."""
    if isinstance(value, dict):
        return set(value).union(*(names_in(inner) for inner in value.values()))
    return set().union(*(names_in(inner) for inner in value)) if isinstance(value, list) else set()


def test_an_answer_is_a_span_of_the_document_that_is_served(client):
    """The answer and every passage stand in the served text at their offsets."""
    reply = ask(client, question=QUESTION, k=20).get_json()

    assert reply["status"] == "answered"
    assert "1858" in reply["answer"]["text"]
    for passage in reply["passages"]:
        document = client.get(f"/api/v1/documents/{passage['document']['id']}").get_json()
        assert document["text"][passage["start"] : passage["end"]] == passage["text"]
        assert document["sha256"] == passage["document"]["sha256"]
    held = reply["passages"][reply["answer"]["passage"] - 1]
    text = client.get(f"/api/v1/documents/{held['document']['id']}").get_json()["text"]
    assert text[reply["answer"]["start"] : reply["answer"]["end"]] == reply["answer"]["text"]


def test_post_and_get_reply_the_same(client):
    """The two ways to ask differ in nothing but the time they took."""
    by_post = ask(client, question=QUESTION, k=3, exact=True).get_json()
    by_get = client.get("/api/v1/ask", query_string={"q": QUESTION, "k": 3, "exact": "true"}).get_json()

    assert {**by_post, "took_ms": 0} == {**by_get, "took_ms": 0}


def test_the_reply_holds_the_documented_fields(client):
    """Every field of a reply is in docs/api.md, and the agreed ones are all there."""
    reply = ask(client, question=QUESTION, explain=True).get_json()

    documented = set(
        re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`]+)`", API_DOCS.read_text(encoding="utf-8"))))
    )
    explained = names_in([passage.pop("explain") for passage in reply["passages"]])
    assert names_in(reply) <= documented
    assert explained
    assert set(reply) >= {"question", "status", "answer", "passages", "index", "took_ms"}
    assert set(reply["answer"]) >= {"text", "passage", "start", "end", "confidence"}
    fields = {"rank", "id", "text", "start", "end", "headings", "score", "highlights", "document", "link"}
    assert set(reply["passages"][0]) >= fields
    assert set(reply["passages"][0]["document"]) == {"id", "path", "title", "source", "url", "sha256"}
    assert set(reply["index"]) == {"id", "built_at", "model"}


def test_a_refusal_has_no_answer_but_the_nearest_passages(client):
    """What the documents do not answer is said to be so, with a confidence."""
    reply = ask(client, question="Who won the football world cup in France?").get_json()

    assert (reply["status"], reply["answer"], reply["disagreements"]) == ("not_in_documents", None, [])
    assert reply["passages"]
    assert 0 <= reply["confidence"] < 0.5


def test_the_documents_are_listed_without_text(client, service):
    """The list names every document of the index, all at once while they are few."""
    reply = client.get("/api/v1/documents").get_json()

    assert [document["id"] for document in reply["documents"]] == list(service.index.documents)
    assert all("text" not in document for document in reply["documents"])
    assert (reply["total"], reply["next"]) == (len(service.index.documents), None)


def test_only_the_named_documents_are_searched(client, service):
    """Passages come from the documents that were asked for."""
    chosen = next(name for name in service.index.documents if name.startswith("garden"))

    reply = ask(client, question=QUESTION, documents=[chosen]).get_json()

    assert {passage["document"]["id"] for passage in reply["passages"]} == {chosen}


BAD_BODIES = [
    ({"question": ""}, 400, "empty"),
    ({"question": " \n\t"}, 400, "empty"),
    ({"question": "x" * 1001}, 400, "1,001"),
    ({"question": "?!"}, 400, "no letter"),
    ({"question": "a\ud800b"}, 400, "surrogate"),
    ({"question": None}, 400, "`question`"),
    ({"question": 7}, 400, "`question`"),
    ({}, 400, "`question`"),
    ([], 400, "object"),
    ("text", 400, "object"),
    ({"question": "a b", "k": 0}, 400, "from 1 to 20"),
    ({"question": "a b", "k": 21}, 400, "from 1 to 20"),
    ({"question": "a b", "k": 1.5}, 400, "whole number"),
    ({"question": "a b", "k": "5"}, 400, "whole number"),
    ({"question": "a b", "k": True}, 400, "whole number"),
    ({"question": "a b", "k": None}, 400, "whole number"),
    ({"question": "a b", "mode": "fast"}, 400, "'mode'"),
    ({"question": "a b", "documents": []}, 400, "documents"),
    ({"question": "a b", "documents": "one"}, 400, "documents"),
    ({"question": "a b", "documents": ["no-such"]}, 404, "'no-such'"),
    ({"question": "a b", "exact": "yes"}, 400, "exact"),
]


@pytest.mark.parametrize(("body", "status", "named"), BAD_BODIES)
def test_a_bad_body_gets_a_problem_that_names_it(client, body, status, named):
    """Each thing that is wrong with a request body is named in a problem document."""
    response = client.post("/api/v1/ask", data=json.dumps(body), content_type="application/json")

    assert_problem(response, status)
    assert named in response.get_json()["detail"]


BAD_REQUESTS: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", "/api/v1/ask", {"data": "{", "content_type": "application/json"}, 400),
    ("POST", "/api/v1/ask", {"data": b"\xff\xfe", "content_type": "application/json"}, 400),
    ("POST", "/api/v1/ask", {"data": "{}", "content_type": "text/plain"}, 415),
    ("POST", "/api/v1/ask", {"data": '{"question": "' + "x" * 70_000 + '"}', "content_type": "application/json"}, 413),
    ("POST", "/api/v1/ask?k=3", {"json": {"question": "why"}}, 400),
    ("POST", "/api/v1/ask", {"json": {"question": "why"}, "headers": {"Content-Encoding": "gzip"}}, 415),
    ("GET", "/api/v1/ask", {}, 400),
    ("GET", "/api/v1/ask?q=", {}, 400),
    ("GET", "/api/v1/ask?q=a&q=b", {}, 400),
    ("GET", "/api/v1/ask?q=a&k=two", {}, 400),
    ("GET", "/api/v1/ask?q=a&k=-1", {}, 400),
    ("GET", "/api/v1/ask?q=a&k=99999999999999999999", {}, 400),
    ("GET", "/api/v1/ask?q=a&colour=red", {}, 400),
    ("GET", "/api/v1/ask?q=a&exact=maybe", {}, 400),
    ("GET", "/api/v1/documents?limit=0", {}, 400),
    ("GET", "/api/v1/documents?limit=1001", {}, 400),
    ("GET", "/api/v1/documents?limit=-1", {}, 400),
    ("GET", "/api/v1/documents?limit=ten", {}, 400),
    ("GET", "/api/v1/documents?limit=", {}, 400),
    ("GET", "/api/v1/documents?limit=99999999999999999999", {}, 400),
    ("GET", "/api/v1/documents?limit=1&limit=2", {}, 400),
    ("GET", "/api/v1/documents?offset=10", {}, 400),
    ("GET", "/api/v1/documents?after=", {}, 404),
    ("GET", "/api/v1/documents?after=no-such", {}, 404),
    ("GET", "/api/v1/documents/no-such", {}, 404),
    ("GET", "/api/v1/documents/no-such?x=1", {}, 400),
    ("GET", "/api/v1/openapi.json?x=1", {}, 400),
    ("GET", "/api/v1/nothing-here", {}, 404),
    ("DELETE", "/api/v1/ask", {}, 405),
    ("POST", "/api/v1/documents", {}, 405),
]


@pytest.mark.parametrize(("method", "address", "content", "status"), BAD_REQUESTS)
def test_a_bad_request_gets_a_problem(client, method, address, content, status):
    """Broken bodies, wrong types, unknown addresses and methods get a problem document."""
    assert_problem(client.open(address, method=method, **content), status)


def test_a_program_is_told_where_the_addresses_are(client):
    """On a page of this server and not in a file of its source."""
    assert "/api lists" in client.get("/api/v1/nothing-here").get_json()["detail"]


def test_a_wrong_method_is_told_the_right_ones(client):
    """The Allow header lists the methods of an address."""
    assert {"GET", "POST"} <= set(client.delete("/api/v1/ask").headers["Allow"].split(", "))


def test_without_an_index_the_command_is_named(tmp_path):
    """Every way to ask says how to make an index, and the process still counts as alive."""
    app = create_app(Service(Settings(index=tmp_path / "none"))).test_client()

    for address in ("/api/v1/ask?q=why", "/api/v1/documents", "/readyz"):
        assert_problem(app.get(address), 503)
    assert app.get("/healthz").status_code == 200


def test_a_service_that_tried_to_open_says_what_to_run(tmp_path):
    """The message of a missing index holds the command that makes it."""
    service = Service(Settings(index=tmp_path / "none"))
    with pytest.raises(Exception, match="qa rebuild"):
        service.open()

    detail = create_app(service).test_client().get("/readyz").get_json()["detail"]

    assert "qa rebuild" in detail


def test_ready_names_the_generation(client, service):
    """A service with an open index is ready."""
    assert client.get("/readyz").get_json() == {"status": "ready", "index": service.index.manifest.id}


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.slug)
def test_each_problem_has_a_page_and_a_line_in_the_docs(client, problem):
    """The `type` of a problem leads to a page, and docs/api.md lists it."""
    assert client.get(f"/problems/{problem.slug}").status_code == 200
    assert f"| `/problems/{problem.slug}` | {problem.status} |" in API_DOCS.read_text(encoding="utf-8")


def test_every_reply_has_the_security_headers(client):
    """Pages, replies and errors alike carry the strict policy."""
    for address in ("/", "/api/v1/documents", "/api/v1/nothing", "/nothing", "/healthz"):
        headers = client.get(address).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def assert_problem(response: TestResponse, status: int) -> None:
    """Assert that a response is a problem document of a status."""
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    problem = response.get_json()
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert problem["status"] == status
    assert problem["detail"]
    assert "Traceback" not in problem["detail"]
