"""The OpenAPI document holds for every reply, and every reply holds to it."""

import html
import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from jsonschema_rs import Draft202012Validator, meta
from werkzeug.test import TestResponse

from qa.answer import Claim, Disagreement
from qa.reply import reply_to_json
from qa.service import Service
from qa.settings import Settings
from tools.browser import serving
from web.app import create_app
from web.tokens import digest_of, new_token

QUESTION = "When was the lighthouse first lit?"
CONFIG = Path(__file__).parent / "schemathesis.toml"


@pytest.fixture
def document(client) -> dict[str, Any]:
    return client.get("/api/v1/openapi.json").get_json()


@pytest.fixture
def reference(client) -> str:
    return client.get("/api").get_data(as_text=True)


def operations(document):
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def example_request(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    """Return an operation's own example as arguments of a test client."""
    of_path = {p["name"]: p["example"] for p in operation.get("parameters", ()) if p["in"] == "path"}
    query = {p["name"]: p["example"] for p in operation.get("parameters", ()) if p["in"] == "query" and "example" in p}
    body = operation.get("requestBody", {"content": {"application/json": {"example": None}}})
    return {
        "path": path.format(**of_path),
        "method": method,
        "query_string": query,
        "json": body["content"]["application/json"]["example"],
    }


def faults(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    """Return what speaks against a value."""
    validator = Draft202012Validator({**schema, "components": document["components"]}, validate_formats=True)
    return [error.message for error in validator.iter_errors(value)]


def assert_described(document: dict[str, Any], path: str, method: str, response: TestResponse) -> None:
    """Assert that the document tells the status, the type, the headers and every field of a response."""
    described = document["paths"][path][method]["responses"][str(response.status_code)]
    if "$ref" in described:
        described = document["components"]["responses"][described["$ref"].rpartition("/")[2]]
    assert response.mimetype in described["content"]
    assert "X-Request-ID" in response.headers
    assert faults(document, described["content"][response.mimetype]["schema"], response.get_json()) == []


def test_the_document_is_valid(document):
    """It follows OpenAPI 3.1, its schemas follow JSON Schema, and each name it refers to is there."""
    schemathesis.openapi.from_dict(document).validate()

    assert document["openapi"].startswith("3.1")
    for name, schema in document["components"]["schemas"].items():
        meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        Draft202012Validator({**schema, "components": document["components"]}), name
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))


def test_every_route_is_in_the_document_and_nothing_else(client, document):
    """Addresses and methods are those that the app answers."""
    served = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in client.application.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") or rule.rule in ("/healthz", "/readyz", "/metrics")
    }

    assert {(method, path) for method, path, _ in operations(document)} == served


def test_the_examples_can_be_tried_out(client, document, service):
    """Sent as they stand, all of them are answered, and as described."""
    for method, path, operation in operations(document):
        response = client.open(**example_request(method, path, operation))

        assert response.status_code == 200, (method, path, response.get_data(as_text=True))
        if response.is_json:
            assert_described(document, path, method.lower(), response)
        if path == "/api/v1/ask":  # with a question of the documents
            reply = response.get_json()
            assert reply["status"] == "answered"
            assert reply["question"] in [question.text for question in service.index.questions]


@pytest.mark.parametrize(
    "body",
    [
        {"question": QUESTION, "k": 20, "explain": True},
        {"question": "Who won the football world cup in France?", "explain": True},
        {"question": "How high is the lighthuose?"},
        {"question": "How high is the lighthuose?", "exact": True, "documents": None},
        {"question": "قصة منارة الإسكندرية"},
    ],
    ids=["answered", "refused", "corrected", "exact", "right to left"],
)
def test_replies_hold_to_the_document(client, document, body):
    """Every field of a reply is described, and nothing that is described is missing."""
    response = client.post("/api/v1/ask", json=body)

    assert response.status_code == 200
    assert_described(document, "/api/v1/ask", "post", response)


def test_a_disagreement_holds_to_the_document(service, document):
    """Its two claims are described too."""
    reply = service.ask(QUESTION)
    first, second = (
        Claim(cited.hit.passage.text[:40], value, cited.rank, 0, 40)
        for cited, value in zip(reply.passages[:2], ("1858", "1859"), strict=True)
    )
    value = reply_to_json(replace(reply, disagreements=(Disagreement(first, second),)))

    assert faults(document, {"$ref": "#/components/schemas/Reply"}, value) == []


@pytest.mark.parametrize("stage", ["no_passage", "ranking", "shown"])
def test_the_fates_of_a_passage_hold_to_the_document(client, service, document, stage):
    """With and without a passage, with and without an explanation."""
    lighthouse = next(d for d in service.index.documents.values() if d.path == "lighthouse.md")
    start = lighthouse.text.index("1858") if stage == "shown" else lighthouse.text.index("Her duties")
    span = (0, 5) if stage == "no_passage" else (start, start + 4)
    query = {"q": QUESTION, "place": f"{lighthouse.id}:{span[0]}-{span[1]}", "k": 1}
    response = client.get("/api/v1/why-not", query_string=query)

    assert response.get_json()["stage"] == stage
    assert_described(document, "/api/v1/why-not", "get", response)


@pytest.mark.parametrize("query", [{"limit": 2}, {"limit": 1000}], ids=["one that goes on", "one that ends"])
def test_lists_of_documents_hold_to_the_document(client, document, query):
    """With a next page and without one."""
    response = client.get("/api/v1/documents", query_string=query)

    assert (response.get_json()["next"] is None) is (query["limit"] == 1000)
    assert_described(document, "/api/v1/documents", "get", response)


def test_suggestions_of_both_kinds_hold_to_the_document(client, document):
    """Questions and sections."""
    response = client.get("/api/v1/suggest?q=k")
    more = client.get("/api/v1/suggest?q=who")

    kinds = {found["kind"] for r in (response, more) for found in r.get_json()["suggestions"]}
    assert kinds == {"question", "section"}
    assert_described(document, "/api/v1/suggest", "get", response)
    assert_described(document, "/api/v1/suggest", "get", more)


PROBLEMS: list[tuple[str, str, dict[str, Any], int]] = [
    ("get", "/api/v1/ask", {}, 400),
    ("get", "/api/v1/ask", {"query_string": {"q": "?"}}, 400),
    ("get", "/api/v1/ask", {"query_string": {"q": "why", "documents": "no-such-one"}}, 404),
    ("get", "/api/v1/documents", {"query_string": {"limit": 0}}, 400),
    ("get", "/api/v1/documents", {"query_string": {"after": "no-such-one"}}, 404),
    ("post", "/api/v1/ask", {"data": "{}", "content_type": "text/plain"}, 415),
    ("post", "/api/v1/ask", {"data": "1" * 70_000, "content_type": "application/json"}, 413),
]


@pytest.mark.parametrize(("method", "path", "content", "status"), PROBLEMS)
def test_problems_hold_to_the_document(client, document, method, path, content, status):
    """A problem document has the described type, title and fields."""
    response = client.open(path, method=method, **content)

    assert response.status_code == status
    assert_described(document, path, method, response)


def test_without_an_index_problems_hold_to_the_document_too(tmp_path):
    """The document itself is served, and tells what comes instead of replies."""
    client = create_app(Service(Settings(index=tmp_path / "none"))).test_client()
    document = client.get("/api/v1/openapi.json").get_json()

    for method, path, operation in operations(document):
        response = client.open(**example_request(method, path, operation))
        expected = 200 if path in ("/api/v1/openapi.json", "/healthz", "/metrics") else 503
        assert response.status_code == expected, path
        if expected == 503:
            assert_described(document, path, method.lower(), response)
    assert client.get("/api").status_code == 200


def test_tokens_and_limits_are_in_the_document_where_they_are_asked_for(site_settings, document):
    """Which operations need a token is told, and the refusals are described."""
    token = new_token()
    service = Service(replace(site_settings, tokens_sha256=digest_of(token), rate_limit="1/day"))
    service.open()
    client = create_app(service).test_client()
    bearer = {"Authorization": f"Bearer {token}"}
    closed = client.get("/api/v1/openapi.json").get_json()
    needing = {path for _, path, operation in operations(closed) if "security" in operation}

    assert needing == {path for path in closed["paths"] if path.startswith("/api/")} - {"/api/v1/openapi.json"}
    assert not any("security" in operation for _, _, operation in operations(document))
    assert "$TOKEN" in client.get("/api").get_data(as_text=True)
    refused = client.get("/api/v1/documents")
    assert refused.status_code == 401
    assert "WWW-Authenticate" in refused.headers
    assert_described(closed, "/api/v1/documents", "get", refused)
    responses = [client.get("/api/v1/ask", query_string={"q": QUESTION}, headers=bearer) for _ in range(2)]
    assert [response.status_code for response in responses] == [200, 429]
    assert int(responses[1].headers["Retry-After"]) > 0
    assert_described(closed, "/api/v1/ask", "get", responses[1])


def test_the_page_shows_the_whole_document(reference, document):
    """Each operation, parameter, record, field and problem is on it, and each link within it leads somewhere."""
    shown = set(re.findall(r"<code>([^<]+)</code>", reference))
    for method, path, operation in operations(document):
        assert f"{method} {path}" in shown
        assert {parameter["name"] for parameter in operation.get("parameters", ())} <= shown
    for name, schema in document["components"]["schemas"].items():
        if schema["type"] == "object":
            assert f'id="{name}"' in reference
            assert set(schema["properties"]) <= shown
    assert "disagreements[].first" in shown
    ids = set(re.findall(r'id="([^"]+)"', reference))
    assert set(re.findall(r'href="#([^"]+)"', reference)) <= ids


def test_the_commands_of_the_page_are_the_examples(reference, document):
    """Each can be pasted into a shell, and asks this server."""
    commands = [shlex.split(_joined(found)) for found in re.findall(r"<code>(curl [^<]+)</code>", reference)]

    assert len(commands) == len(operations(document))
    assert ["curl", "http://localhost/healthz"] in commands
    assert ["curl", "--get", "http://localhost/api/v1/suggest", "--data-urlencode", "q=what"] in commands
    posted = next(command for command in commands if "--json" in command)
    assert json.loads(posted[-1])["question"]


def test_schemathesis_finds_no_failure(service, tmp_path):
    """Requests made from the document, right and wrong ones, against the real server: all checks hold."""
    with serving(service) as address:
        command = [Path(sys.executable).with_name("schemathesis"), "--config-file", CONFIG, "run", "--no-color"]
        result = subprocess.run(
            [*command, f"{address}/api/v1/openapi.json", "--max-examples", "5", "--generation-deterministic"],
            cwd=tmp_path,  # where it leaves nothing behind
            capture_output=True,
            text=True,
            timeout=100,
        )

    assert result.returncode == 0, result.stdout
    generated, passed = map(int, re.search(r"(\d+) generated, (\d+) passed", result.stdout).groups())
    assert generated == passed > 300, result.stdout


def _joined(text: str) -> str:
    """Return a command as it is shown, on one line."""
    return html.unescape(text).replace("\\\n", "")
