import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from qa.service import Service
from qa.settings import Settings
from web.access_log import JsonFormatter
from web.app import create_app
from web.trace import HEADER

pytestmark = pytest.mark.model
QUESTION = "How high is the lighthouse of Skagen?"
MADE = re.compile(r"[0-9a-f]{16}")
STAGES = ["wait", "tokenise", "encode", "keyword", "vectors", "late", "fuse", "read", "choose", "render"]


@pytest.fixture(scope="module")
def service(site_settings: Settings) -> Service:
    """A service that answers every question anew."""
    opened = Service(replace(site_settings, cache=0))
    opened.open()
    return opened


@pytest.fixture
def log() -> Iterator[Callable[[], list[dict]]]:
    """A function that returns what was logged since it was last called, each line read as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)

    def lines() -> list[dict]:
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return [json.loads(line) for line in text.splitlines()]

    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


def test_a_question_is_one_line(client, service, log):
    """The line of a question says who asked, what became of it, and where the time went; not what was asked."""
    response = client.get("/api/v1/ask", query_string={"q": QUESTION})

    (line,) = log()
    reply = response.get_json()
    assert datetime.now().astimezone() - datetime.fromisoformat(line.pop("time")) < timedelta(minutes=1)
    stages = line.pop("stages_ms")
    assert list(stages) == STAGES
    assert sum(stages.values()) == pytest.approx(line.pop("duration_ms"), abs=0.05)  # nine rounded numbers
    assert line == {
        "level": "INFO",
        "logger": "web.access_log",
        "message": "request",
        "request_id": response.headers[HEADER],
        "client": "127.0.0.1",
        "method": "GET",
        "path": "/api/v1/ask",
        "status": 200,
        "generation": service.index.manifest.id,
        "reply": "answered",
        "confidence": reply["confidence"],
        "cached": False,
    }


def test_a_kept_reply_is_marked(site_settings, log):
    """The line of a repeated question says that it was answered from the cache, and how long that took."""
    service = Service(site_settings)
    service.open()
    client = create_app(service).test_client()

    client.get("/api/v1/ask", query_string={"q": QUESTION})
    client.get("/", query_string={"q": QUESTION})

    made, kept = log()
    assert (made["cached"], kept["cached"]) == (False, True)
    assert list(made["stages_ms"]) == STAGES
    assert list(kept["stages_ms"]) == ["wait", "cache", "render"]
    assert kept["confidence"] == made["confidence"]


@pytest.mark.parametrize("allowed", [False, True])
def test_the_question_is_logged_only_if_it_is_allowed(service, log, allowed):
    """On the page and in the JSON interface, answered or not, the setting decides."""
    allowing = Service(replace(service.settings, log_questions=allowed))
    allowing.open()
    client = create_app(allowing).test_client()

    client.get("/", query_string={"q": QUESTION})
    client.get("/api/v1/ask", query_string={"q": QUESTION})
    client.post("/api/v1/ask", json={"question": QUESTION})

    lines = log()
    assert [line.get("question") for line in lines] == [QUESTION if allowed else None] * 3
    assert ("Skagen" in json.dumps(lines)) is allowed


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/ask?q=Tell+me+a+secret&k=99", 400),
        ("/api/v1/ask?question=secret", 400),
        ("/api/v1/ask?q=secret&documents=nowhere", 404),
        ("/api/v1/nothing?q=secret", 404),
        ("/nothing?q=secret", 404),
        ("/api/v1/ask%3Fq=secret", 404),
        ("/?q=%F0%9F%94%91", 400),
        ("/documents?q=secret", 200),
        ("/healthz/?q=secret", 404),
    ],
)
def test_a_query_string_is_never_logged(client, log, path, status):
    """Whatever becomes of a request, its line has the path alone."""
    response = client.get(path)

    (line,) = log()
    assert response.status_code == line["status"] == status
    assert "secret" not in json.dumps(line)
    assert line["path"] == re.split(r"\?|%3F", path)[0]
    assert ("problem" in line) is (status != 200)


def test_a_path_cannot_forge_or_fill_a_line(client, log):
    """Line breaks are escaped, and of an endless path only the beginning is kept."""
    client.get('/a%0A{"level": "ERROR"}%E2%80%A8' + "x" * 10_000)

    (line,) = log()
    assert line["path"].startswith('/a\n{"level": "ERROR"}\u2028xxx')
    assert len(line["path"]) == 200


@pytest.mark.parametrize("sent", ["a", "1f0c-9.b_Z", "x" * 64])
def test_a_plain_request_id_is_taken_over(client, log, sent):
    """The id of a request is that of its sender, in the header of the reply, its problem document and its line."""
    response = client.get("/api/v1/nothing", headers={HEADER: sent})

    (line,) = log()
    assert response.headers[HEADER] == response.get_json()["request_id"] == line["request_id"] == sent


@pytest.mark.parametrize("sent", ["", " ", "a b", "a\nb", "a\n", "x" * 65, "x" * 10_000, "🔑", "é", "a;b", '"', "<b>"])
def test_another_request_id_is_replaced(client, log, sent):
    """An id that is long or could mean something to a log or a page is not repeated."""
    response = client.get("/api/v1/nothing", environ_overrides={"HTTP_X_REQUEST_ID": sent})

    (line,) = log()
    assert MADE.fullmatch(response.headers[HEADER])
    assert response.headers[HEADER] == response.get_json()["request_id"] == line["request_id"]


def test_every_request_gets_an_id_of_its_own(client):
    """Without an id of its sender, no two requests have the same; pages, files and probes have one too."""
    paths = ["/", "/nothing", "/static/a/icon.svg", "/healthz", "/readyz", "/metrics"] * 5

    ids = []
    for path in paths:
        with client.get(path) as response:
            ids.append(response.headers[HEADER])

    assert all(MADE.fullmatch(one) for one in ids)
    assert len(set(ids)) == len(paths)


@pytest.mark.parametrize("path", ["/", "/api/v1/ask"])
def test_an_unexpected_error_is_logged_with_the_id_of_its_request(service, monkeypatch, log, path):
    """The traceback goes to the log, under the id that the reply names; the reply has nothing of it."""
    client = create_app(service).test_client()
    monkeypatch.setattr(service, "ask", lambda *_, **__: 1 / 0)

    response = client.get(path, query_string={"q": QUESTION})

    error, line = log()
    assert response.status_code == line["status"] == 500
    assert line["problem"] == "internal"
    assert error["level"] == "ERROR"
    assert "ZeroDivisionError" in error["traceback"]
    assert error["request_id"] == line["request_id"] == response.headers[HEADER]
    assert "ZeroDivision" not in response.get_data(as_text=True)
    assert "Skagen" not in json.dumps([error, line])


def test_probes_and_files_of_pages_are_logged_only_when_they_fail(client, log):
    """What asks every few seconds, or for every page, leaves no line as long as all is well."""
    for path in ("/healthz", "/readyz", "/metrics", "/static/a/style.css"):
        with client.get(path) as response:
            assert response.status_code == 200
    assert log() == []

    client.post("/metrics")
    client.get("/static/a/none.css")

    assert [(line["path"], line["status"]) for line in log()] == [("/metrics", 405), ("/static/a/none.css", 404)]


def test_a_log_that_cannot_be_written_is_told_once():
    """Not with every line: that would fill the next disk."""
    lines = "import logging, web.access_log as log; log.log_as_json(); logging.info('one'); logging.info('two')"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", lines],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.stderr.count("--- Logging error ---") == 1
    assert "No space left on device" in done.stderr


def request_id_of_reply(port: int, path: str, *, sent: str) -> str:
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path, headers={HEADER: sent})
        return connection.getresponse().getheader(HEADER, "")


def test_the_log_of_the_server_is_json_throughout(tmp_path, site_settings):
    """All that `qa serve` logs is JSON on stdout: what is wrong at the start, requests, the watcher's errors."""
    index = shutil.copytree(site_settings.index, tmp_path / "index")
    variables = {name: value for name, value in os.environ.items() if not name.startswith("QA_")}
    variables |= {"PYTHONPATH": str(Path(__file__).parents[1]), "QA_FEEDBACK": str(tmp_path / "none" / "f.sqlite")}
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-c", "from qa.cli import main; main()", "serve", "--index", index, "--port", "0"],
            env=variables,
            stdout=out,
            stderr=err,
        )

    def wait_for(pattern: str, name: str) -> re.Match[str]:
        end = time.monotonic() + 60
        while not (found := re.search(pattern, (tmp_path / name).read_text())):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.02)
        return found

    try:
        port = int(wait_for(r"Serving on http://127\.0\.0\.1:(\d+)\n", "err")[1])
        query = urlencode({"q": QUESTION})
        paths = [f"/?{query}", f"/api/v1/ask?{query}", f"/api/v1/ask?{query}&k=0", f"/nothing?{query}", "/healthz"]
        for number, path in enumerate(paths):
            assert request_id_of_reply(port, path, sent=f"number-{number}") == f"number-{number}"
        assert MADE.fullmatch(request_id_of_reply(port, "/nothing", sent="x" * 10_000))
        (index / "CURRENT").write_text("nonsense")
        wait_for("was not taken over", "out")
    finally:
        process.terminate()
        process.wait(timeout=30)

    lines = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    requests = [line for line in lines if line["logger"] == "web.access_log"]
    assert [line["request_id"] for line in requests[:-1]] == ["number-0", "number-1", "number-2", "number-3"]
    assert [line["status"] for line in requests] == [200, 200, 400, 404, 404]
    assert [line.get("reply") for line in requests] == ["answered", "answered", None, None, None]
    assert "Skagen" not in (tmp_path / "out").read_text()
    first, last = (line for line in lines if line not in requests)
    assert (first["logger"], first["level"]) == ("web.server", "ERROR")
    assert first["message"].startswith("verdicts on answers cannot be kept in ")
    assert (last["logger"], last["level"]) == ("qa.service", "ERROR")
    assert (tmp_path / "err").read_text() == f"Serving on http://127.0.0.1:{port}\n"
