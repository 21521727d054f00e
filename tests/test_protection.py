"""Who may ask, how often and from where; and that no reply gives away what is nobody's business."""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from qa.cli import main
from qa.errors import BadSetting
from qa.index import generation_folder, read_pointer
from qa.rebuild import rebuild
from qa.service import Service
from qa.settings import Settings
from web.app import SECURITY_HEADERS, create_app
from web.tokens import digest_of, new_token

ASK = "/api/v1/ask?q=When+was+the+lighthouse+lit"
PAGE = "/?q=When+was+the+lighthouse+lit"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE")


@pytest.fixture
def with_settings(service) -> Callable[..., FlaskClient]:
    """Return a function that makes a client of the open service with some settings changed."""

    def make(**changes: object) -> FlaskClient:
        changed = copy.copy(service)
        changed.settings = replace(service.settings, **changes)
        return create_app(changed).test_client()

    return make


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# ---------------------------------------------------------------------------------------------- headers and leaks


def test_every_reply_of_every_address_has_the_security_headers(service):
    """All addresses of the app by all methods, found or not, right or wrong."""
    app = create_app(service)
    client = app.test_client()
    document = next(iter(service.index.documents))
    values = {"document_id": document, "version": "a", "filename": "main.js", "slug": "busy", "form": "bib"}
    addresses = [
        re.sub(r"<(?:\w+:)?(\w+)>", lambda name: values[name[1]], str(rule)) for rule in app.url_map.iter_rules()
    ]
    addresses += [
        "/nothing",
        "/api/v1/nothing",
        "/static/a/nothing",
        "/documents/nothing",
        "/?q=",
        "//",
        "/%00",
        "/?q=%ff",
    ]
    statuses = set()
    for address in addresses:
        for method in METHODS:
            response = client.open(address, method=method, headers={"Range": "bytes=9999999-"})
            statuses.add(response.status_code)
            assert {name: response.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS, (
                method,
                address,
            )
    assert statuses >= {200, 400, 404, 405, 415}


def test_refusals_of_every_kind_have_the_security_headers(with_settings, monkeypatch):
    """401, 413, 429, 500 and 503 too, as page and as problem document."""
    limited = with_settings(rate_limit="1/hour")
    limited.get(ASK)
    broken = with_settings()
    monkeypatch.setattr(Service, "ask", lambda *_, **__: 1 / 0)
    big = {"data": b"x" * 70_000, "content_type": "application/json"}
    replies = [
        with_settings(tokens_sha256=digest_of("x")).get(ASK),
        broken.post("/api/v1/ask", **big),
        broken.post("/feedback", data={"q": "x" * 70_000}),
        limited.get(ASK),
        limited.get(PAGE),
        broken.get(ASK),
        broken.get(PAGE),
        with_settings(hosts="other").get("/", base_url="http://elsewhere.example"),
    ]

    assert [reply.status_code for reply in replies] == [401, 413, 413, 429, 429, 500, 500, 400]
    for reply in replies:
        assert {name: reply.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert not re.search(r"Traceback|ZeroDivisionError|\.py|Werkzeug|Flask", reply.text)


@pytest.mark.model
@pytest.mark.parametrize("state", ["missing", "damaged", "pointer", "model"])
def test_no_reply_names_a_folder_of_the_server(tmp_path, write, state, caplog):
    """What is wrong with the index and how to mend it is told; where it lies stands in the log."""
    folder = tmp_path / "telling-name"
    settings = Settings(
        corpus=write(folder / "corpus", {"a.md": "The tower is high."}),
        index=folder / "index",
        feedback=folder / "no" / "f.sqlite",
    )
    if state != "missing":
        rebuild(settings, force=False, progress=lambda *_: None)
    if state == "damaged":
        pointer = read_pointer(settings.index)
        assert pointer
        path = generation_folder(settings.index, pointer.current) / "passages.jsonl"
        path.chmod(0o644)
        path.write_bytes(b"")
    if state == "pointer":
        (settings.index / "CURRENT").write_text("nonsense", encoding="utf-8")
    if state == "model":
        settings = replace(settings, model=str(folder / "weights"))
    service = Service(settings)
    with pytest.raises(Exception, match="telling-name") as raised:
        service.open()
    client = create_app(service).test_client()

    for address in ("/", PAGE, ASK, "/documents", "/api/v1/documents", "/readyz", "/healthz", "/metrics", "/nothing"):
        reply = client.get(address)
        assert not re.search(r"telling-name|/tmp|sqlite|\.jsonl|CURRENT", reply.text + str(reply.headers)), address
    detail = client.get(ASK).get_json()["detail"]
    assert ("(the log of the server has the whole command); run: qa rebuild" in detail) is (state != "model")
    assert str(raised.value) in caplog.text


def test_a_verdict_that_cannot_be_kept_does_not_name_the_file(with_settings, tmp_path, caplog):
    """The log does."""
    client = with_settings(feedback=tmp_path / "telling-name" / "f.sqlite")

    reply = client.post("/feedback", data={"q": "How high is it?", "helpful": "yes"})

    assert reply.status_code == 503
    assert "telling-name" not in reply.text
    assert "telling-name" in caplog.text


# ---------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8000", "qa.example", "qa.example:1"],
)
def test_the_service_answers_under_its_names(with_settings, host):
    """With any port, in any case."""
    client = with_settings(hosts="localhost, 127.0.0.1, ::1", host="qa.example")

    assert client.get("/", headers={"Host": host}).status_code == 200


OTHERS = ["evil.example", "localhost.evil.example", "", "[::1", "a b", "localhost@evil.example"]
NO_NAME = "x" * 300


@pytest.mark.parametrize("host", [*OTHERS, NO_NAME])
def test_it_does_not_answer_under_others(with_settings, host):
    """Neither page nor document, and the reply does not repeat the name; only probes do not care."""
    client = with_settings()
    for address in ("/", "/documents", "/nothing", ASK):
        reply = client.get(address, headers={"Host": host})
        assert reply.status_code == 400
        assert "QA_HOSTS" in reply.get_json()["detail"]
        assert not host or host not in reply.text + str(reply.headers)
    assert client.get("/healthz", headers={"Host": host}).status_code == (400 if host == NO_NAME else 200)


def test_any_name_is_taken_when_that_is_set(with_settings):
    """For those who have their names checked by a proxy; but a name it must be."""
    client = with_settings(hosts="*")

    assert client.get("/", headers={"Host": "any.example"}).status_code == 200
    assert client.get("/", headers={"Host": NO_NAME}).status_code == 400


# --------------------------------------------------------------------------------------------------------- tokens


def test_the_api_wants_a_token_once_one_is_set(with_settings):
    """Every address below /api/ but its description; the page, its suggestions and the probes go on without."""
    token, other = new_token(), new_token()
    client = with_settings(tokens_sha256=f"{digest_of(other)}, {digest_of(token).upper()}")

    for address in (ASK, "/api/v1/documents", "/api/v1/suggest?q=keep", "/api/v1/nothing"):
        refused = client.get(address)
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert refused.get_json()["type"] == "/problems/unauthorized"
    for known in (token, other):
        assert client.get(ASK, headers=bearer(known)).status_code == 200
    for wrong in (token[:-1], digest_of(token), token.swapcase(), "ü"):
        refused = client.get(ASK, headers=bearer(wrong))
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
        assert wrong not in refused.text
    for headers in ({"Authorization": f"Token {token}"}, {"Authorization": "Bearer"}, {"Authorization": token}):
        assert client.get(ASK, headers=headers).status_code == 401
    open_to_all = (PAGE, "/suggest?q=keep", "/healthz", "/readyz", "/metrics", "/documents", "/api/v1/openapi.json")
    for address in open_to_all:
        assert client.get(address).status_code == 200
    assert client.get("http://localhost//api/v1/documents").status_code == 404


def test_the_page_gets_its_suggestions_where_no_token_is_needed(client):
    """The script asks the same thing at an address of the page."""
    script = client.get("/static/a/suggestions.js", buffered=True).text

    assert "`/suggest?q=" in script
    assert "/api/" not in script
    assert client.get("/suggest?q=keep").get_json() == client.get("/api/v1/suggest?q=keep").get_json()


def test_the_metrics_have_a_token_of_their_own(with_settings):
    """One does not open the other."""
    client = with_settings(tokens_sha256=digest_of("api"), metrics_token_sha256=digest_of("metrics"))

    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=bearer("api")).status_code == 401
    assert client.get("/metrics", headers=bearer("metrics")).status_code == 200
    assert client.get(ASK, headers=bearer("metrics")).status_code == 401


def test_the_command_makes_a_token_that_is_let_in(with_settings):
    """Each time another one; the digest is what the setting takes."""
    made = [CliRunner().invoke(main, ["token"]).stdout for _ in range(2)]
    found = re.fullmatch(r"token:  (\S{43})\nsha256: ([0-9a-f]{64})\n", made[0])

    assert found
    assert made[0] != made[1]
    assert with_settings(tokens_sha256=found[2]).get(ASK, headers=bearer(found[1])).status_code == 200


# ----------------------------------------------------------------------------------------------------- rate limit


def test_one_address_may_ask_so_often(with_settings):
    """Page and JSON interface are counted together; what costs nothing is not counted."""
    client = with_settings(rate_limit="3/hour")
    first, second = client.get(ASK), client.get(PAGE)
    for free in ("/", "/documents", "/static/a/style.css", "/healthz", "/api/v1/documents", "/suggest?q=keep"):
        assert "X-RateLimit-Limit" not in client.get(free, buffered=True).headers
    client.options("/api/v1/ask")
    third = client.post("/api/v1/ask", json={"question": "How high is the lighthouse?"})
    refused, page = client.get(ASK), client.get(PAGE)

    assert [reply.status_code for reply in (first, second, third, refused, page)] == [200, 200, 200, 429, 429]
    assert [reply.headers["X-RateLimit-Remaining"] for reply in (first, second, third, refused)] == ["2", "1", "0", "0"]
    assert first.headers["X-RateLimit-Limit"] == "3"
    assert "Retry-After" not in first.headers
    assert 3590 <= int(refused.headers["Retry-After"]) <= 3600
    assert int(refused.headers["Retry-After"]) - int(refused.headers["X-RateLimit-Reset-After"]) in (0, 1)
    assert refused.get_json()["type"] == "/problems/too-many"
    assert refused.get_json()["detail"].startswith("questions from one address are limited to 3 per 1 hour; try again")
    assert page.mimetype == "text/html"
    assert "3 per 1 hour" in page.text
    assert client.get(ASK, environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 200


def test_without_a_limit_nothing_is_counted(client):
    """The default."""
    assert "X-RateLimit-Limit" not in client.get(ASK).headers


def test_what_forwards_is_believed_only_when_that_is_set(with_settings):
    """Without proxies the header is ignored; with one, the last address counts, which that proxy wrote itself."""

    def remaining(client, forwarded):
        return int(client.get(ASK, headers={"X-Forwarded-For": forwarded}).headers["X-RateLimit-Remaining"])

    direct = with_settings(rate_limit="9/hour")
    assert [remaining(direct, f"192.0.2.{number}") for number in range(3)] == [8, 7, 6]
    behind = with_settings(rate_limit="9/hour", trusted_proxies=1)
    assert [remaining(behind, f"192.0.2.{number}") for number in range(3)] == [8, 8, 8]
    assert [remaining(behind, f"10.0.0.{number}, 192.0.2.9") for number in range(3)] == [8, 7, 6]


def test_the_scheme_of_a_citation_is_the_one_that_the_proxy_tells(with_settings, service):
    """`https` outside, `http` inside: the address that is cited is the outer one, if the proxy is trusted."""
    address = f"/documents/{next(iter(service.index.documents))}/cite/link?at=0-5"
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "1"}

    assert with_settings().get(address, headers=headers).text.startswith("http://localhost/")
    assert with_settings(trusted_proxies=1).get(address, headers=headers).text.startswith("https://localhost/")


# ---------------------------------------------------------------------------------------------------- other sites


def test_other_sites_are_kept_out_by_default(client):
    """No header invites them."""
    for method in ("GET", "OPTIONS"):
        reply = client.open(ASK, method=method, headers={"Origin": "https://wiki.example", **PREFLIGHT})
        assert "Access-Control" not in str(reply.headers)
        assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"


PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}


def test_listed_sites_may_use_the_api_alone(with_settings):
    """Preflight, replies and refusals carry the headers; pages do not; the token is wanted of the request itself."""
    client = with_settings(cors_origins="https://wiki.example, http://localhost:3000", tokens_sha256=digest_of("t"))
    listed = {"Origin": "https://wiki.example"}

    asked = client.options("/api/v1/ask", headers=listed | PREFLIGHT)
    assert asked.status_code == 200
    assert set(asked.headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}
    assert asked.headers["Access-Control-Allow-Headers"].lower() == "authorization, content-type"
    answered, refused = client.get(ASK, headers=listed | bearer("t")), client.get(ASK, headers=listed)
    assert (answered.status_code, refused.status_code) == (200, 401)
    for reply in (asked, answered, refused):
        assert reply.headers["Access-Control-Allow-Origin"] == "https://wiki.example"
        assert reply.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Origin" in reply.vary
        assert "Access-Control-Allow-Credentials" not in reply.headers
    exposed = set(answered.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"Link", "Retry-After", "X-RateLimit-Reset-After"} <= exposed
    for origin, address in (
        ("https://evil.example", ASK),
        ("null", ASK),
        ("https://wiki.example", "/"),
        ("https://wiki.example", "/api"),
        ("https://wiki.example.evil", ASK),
    ):
        reply = client.get(address, headers={"Origin": origin} | bearer("t"))
        assert reply.status_code == 200
        assert "Access-Control-Allow-Origin" not in reply.headers
        assert ("Origin" in reply.vary) is (address == ASK)


def test_all_sites_may_when_that_is_set(with_settings):
    """`*` is sent as it is."""
    reply = with_settings(cors_origins="*").get(ASK, headers={"Origin": "https://any.example"})

    assert reply.headers["Access-Control-Allow-Origin"] == "*"


# ------------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("rate_limit", "often", "QA_RATE_LIMIT is 'often'; it must be a number and a time such as 60/minute"),
        ("rate_limit", "60", "QA_RATE_LIMIT is '60'"),
        ("rate_limit", "60/fortnight", "QA_RATE_LIMIT is '60/fortnight'"),
        ("cors_origins", "wiki.example", "QA_CORS_ORIGINS is 'wiki.example'; it must list origins such as https://"),
        ("cors_origins", "https://wiki.example/", "QA_CORS_ORIGINS is"),
        ("cors_origins", "https://.*", "QA_CORS_ORIGINS is"),
        ("cors_origins", "https://wiki.example,*", "QA_CORS_ORIGINS is"),
        ("tokens_sha256", "my-secret-token", "QA_TOKENS_SHA256 must list SHA-256 digests"),
        ("tokens_sha256", f"{digest_of('a')},", "QA_TOKENS_SHA256 must list SHA-256 digests"),
        ("tokens_sha256", ",", "QA_TOKENS_SHA256 must list SHA-256 digests"),
        ("metrics_token_sha256", "abc", "QA_METRICS_TOKEN_SHA256 must list SHA-256 digests"),
    ],
)
def test_a_setting_that_cannot_be_used_ends_the_start(with_settings, setting, value, message):
    """The message names it, says what is wanted, and never repeats what may be a token."""
    with pytest.raises(BadSetting) as raised:
        with_settings(**{setting: value})

    assert str(raised.value).startswith(message)
    assert "my-secret-token" not in str(raised.value)


def test_the_server_does_not_start_with_such_a_setting(monkeypatch, tmp_path):
    """One line, exit code 2, before anything is loaded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QA_RATE_LIMIT", "often")
    result = CliRunner().invoke(main, ["serve", "--port", "0"])

    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.startswith("qa: QA_RATE_LIMIT is 'often'")


def test_a_list_of_documents_has_an_end(client):
    """However short the ids, no more than a thousand are looked at."""
    reply = client.post(
        "/api/v1/ask", data=json.dumps({"question": "Why?", "documents": ["a"] * 1001}), content_type="application/json"
    )

    assert reply.status_code == 400
    assert "1,001 ids; at most 1,000" in reply.get_json()["detail"]
