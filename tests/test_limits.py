"""What is refused, when too much comes: measured against the real server process."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from qa.errors import Busy
from qa.service import Service
from qa.settings import Settings, variable
from qa.timing import Stopwatch
from web.app import SECURITY_HEADERS, create_app
from web.queue import WorkQueue

QA = [sys.executable, "-c", "from qa.cli import main; main()"]
ROOT = Path(__file__).parents[1]
QUESTION = "When was the lighthouse first lit?"
ASK = f"/api/v1/ask?q={quote(QUESTION)}"
# As long as a question may be and each another one, half of them to the page: they cost the most.
LONG = [f"{'/api/v1/ask' if n % 2 else '/'}?q={quote(f'{n} {QUESTION} ' * 25)}" for n in range(200)]


@dataclass(frozen=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float


@dataclass(frozen=True)
class Server:
    port: int
    process: int

    def get(self, address: str) -> Reply:
        began = time.perf_counter()
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("GET", address)
            response = connection.getresponse()
            body = response.read()
        return Reply(response.status, response.headers, body, time.perf_counter() - began)

    def send(self, data: bytes) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send bytes as they are and return status, headers and body of the reply."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(data)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return response.status, response.headers, response.read()

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.process}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(settings: Settings, **variables: object) -> Iterator[Server]:
    """Run `qa serve` on a free port."""
    chosen = {"QA_INDEX": settings.index, "QA_FEEDBACK": "off", "QA_PORT": 0, **variables}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QA_")}
    environment |= {"PYTHONPATH": str(ROOT)} | {name: str(value) for name, value in chosen.items()}
    process = subprocess.Popen(
        [*QA, "serve"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        line = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, line + process.stderr.read()
        yield Server(int(found[1]), process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
        if process.stderr:
            process.stderr.close()


@pytest.fixture(scope="module")
def server(tiny_settings: Settings) -> Iterator[Server]:
    """A server in which one question is worked on and four wait, behind a proxy."""
    with serving(tiny_settings, QA_THREADS=1, QA_QUEUE=4, QA_QUEUE_SECONDS=5, QA_TRUSTED_PROXIES=1) as found:
        yield found


def at_once(*calls):
    """Make all calls at the same time and return what they return, in order."""
    results = [None] * len(calls)
    together = threading.Barrier(len(calls))

    def run(number):
        together.wait()
        results[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.model
def test_a_burst_is_answered_or_refused_and_nothing_is_dropped(server):
    """200 clients at once, of page and JSON interface: each gets an answer or a 503 that says when to come again."""
    at_once(
        *[partial(server.get, address) for address in LONG[:20]]
    )  # so that the memory of a server at work is compared with itself
    before = server.resident_bytes()
    stop = threading.Event()
    probes: list[Reply] = []

    def probe():
        while not stop.is_set():
            probes.append(server.get("/healthz"))
            time.sleep(0.02)

    prober = threading.Thread(target=probe)
    prober.start()
    replies = at_once(*[partial(server.get, address) for address in LONG])
    stop.set()
    prober.join()

    statuses = Counter(reply.status for reply in replies)
    assert set(statuses) == {200, 503}, statuses
    for reply in replies:
        if reply.status == 503:
            assert reply.headers["Retry-After"] == "5"
            assert reply.headers["Content-Security-Policy"] == SECURITY_HEADERS["Content-Security-Policy"]
            assert b"more questions can wait" in reply.body
    kinds = {reply.headers["Content-Type"].partition(";")[0] for reply in replies if reply.status == 503}
    assert kinds == {"text/html", "application/problem+json"}
    assert all(probe.status == 200 for probe in probes)
    assert max(probe.seconds for probe in probes) < 2  # there are two cores, and the clients are on them too
    assert server.resident_bytes() - before < 50 * 2**20
    assert {server.get(ASK).status for _ in range(10)} == {200}


def test_those_who_wait_get_their_turn_and_the_rest_is_refused():
    """With one worker and two places, two more wait and the fourth is refused at once."""
    queue = WorkQueue(workers=1, places=2, seconds=10)
    finish = threading.Event()
    done = []

    def work():
        with queue.turn():
            finish.wait()
            done.append(queue.working)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    while (queue.working, queue.waiting) != (1, 2):
        time.sleep(0.001)
    with pytest.raises(Busy, match="no more questions can wait; try again in 10 s") as refused, queue.turn():
        pass
    finish.set()
    for thread in threads:
        thread.join()

    assert refused.value.retry_after == 10
    assert done == [1, 1, 1]
    assert (queue.working, queue.waiting) == (0, 0)


def test_who_came_first_is_let_through_first():
    """Neither another one who waits nor one who comes just when a worker becomes free passes by."""
    queue = WorkQueue(workers=1, places=3, seconds=10)
    served = []

    def work(name):
        with queue.turn():
            served.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    with queue.turn():
        for number, thread in enumerate(threads):
            thread.start()
            while queue.waiting <= number:
                time.sleep(0.001)
    work("newcomer")
    for thread in threads:
        thread.join()

    assert served == ["a", "b", "c", "newcomer"]


def test_nobody_waits_longer_than_is_set():
    """Whoever has waited the time is refused, and leaves the place free."""
    queue = WorkQueue(workers=1, places=1, seconds=0.05)
    with queue.turn():
        for _ in range(3):
            with pytest.raises(Busy, match=r"waited for 0\.05 seconds"), queue.turn():
                pass

    assert (queue.working, queue.waiting) == (0, 0)


def test_a_question_that_fails_frees_its_worker():
    """An error inside a turn ends the turn."""
    queue = WorkQueue(workers=1, places=0, seconds=1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), queue.turn():
            raise ValueError("broken")


def test_a_question_that_takes_too_long_is_given_up(site_settings):
    """The one who waits is told so, on the page and by the JSON interface, of an answer and of a why-not."""
    service = Service(replace(site_settings, question_seconds=0.001))
    service.open()
    client = create_app(service).test_client()
    document = next(iter(service.index.documents))

    for address in (ASK, f"/?q={quote(QUESTION)}", f"/api/v1/why-not?q=lighthouse&place={document}:10-40"):
        response = client.get(address)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1"), address
        assert "took more than 0.001 seconds" in response.text


def test_a_stopwatch_without_an_end_never_gives_up():
    """And one with an end names it."""
    Stopwatch().lap("any")
    with pytest.raises(Busy, match=r"more than 1e-09 seconds"):
        Stopwatch(1e-9).lap("any")


@pytest.mark.model
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /api/v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n", 413),
        (b"POST /api/v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n", 413),
        (
            b"POST /api/v1/ask HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nFFFFF\r\n"
            + b"x" * 66_000,
            413,
        ),
        (b"GET /?q=" + b"x" * 33_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"x" * 33_000 + b"\r\n\r\n", 431),
        (b"what is this\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 6\r\n\r\nhello", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nhello", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: localhost\nX-Smuggled: yes\r\n\r\n", 400),
        (b"GET /api/v1/ask?q=why HTTP/1.1\r\n\r\n", 400),
        (b"GET /api/v1/ask?q=why HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", 400),
        (b"GET /api/v1/ask?q=why HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n", 400),
    ],
    ids=lambda value: value[:60].decode().split("\r\n", 1)[0] if isinstance(value, bytes) else "",
)
def test_what_the_server_cannot_read_is_refused_like_anything_else(server, data, status):
    """Before the app sees it: a problem document with all headers, and nothing that tells of the program."""
    found, headers, body = server.send(data)

    assert found == status
    problem = json.loads(body)
    assert problem["status"] == status
    assert problem["request_id"] == headers["X-Request-ID"]
    assert headers["Content-Type"] == "application/problem+json"
    assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "Server" not in headers
    assert not re.search(rb"waitress|python|Traceback|generated by", body, re.I)


@pytest.mark.model
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /api/v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n", b"413"),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b"200"),
    ],
    ids=["too large", "nothing"],
)
def test_who_has_no_more_to_send_is_not_told_to_go_on(server, data, status):
    """The first reply is the last one."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(data + b"Expect: 100-continue\r\n\r\n")

        assert connection.recv(12) == b"HTTP/1.1 " + status


@pytest.mark.model
def test_a_connection_is_closed_on_which_a_body_has_two_ends(server):
    """What follows could be taken for another request by one who reads its length otherwise."""
    head = b"POST /api/v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head + b"0\r\n\r\n")
        reply = b"".join(iter(lambda: connection.recv(4096), b""))

    assert reply.startswith(b"HTTP/1.1 415")
    assert b"\r\nConnection: close\r\n" in reply


@pytest.mark.model
def test_a_question_of_any_script_fits_into_an_address(server):
    """1,000 characters that take twelve bytes each in an address are below the limit of the headers."""
    reply = server.get(f"/api/v1/ask?q={quote('a' + '😀' * 999)}")

    assert reply.status == 200


@pytest.mark.model
def test_a_body_as_large_as_is_allowed_reaches_the_app(server):
    """64 KiB are taken in; that the question is too long is another matter."""
    body = b'{"question": "' + b"x" * (64 * 1024 - 16) + b'"}'
    head = b"POST /api/v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

    status, _, reply = server.send(head + b"Content-Length: 65536\r\n\r\n" + body)

    assert (len(body), status) == (65536, 400)
    assert b"65,520 characters" in reply


@pytest.mark.model
def test_who_dawdles_is_cut_off(monkeypatch):
    """A request that comes in byte by byte does not keep a connection for ever."""
    from waitress.server import BaseWSGIServer, create_server

    from web import channel

    monkeypatch.setattr(channel, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(BaseWSGIServer, "channel_class", channel.Channel)
    server = create_server(lambda *_: [], map={}, host="127.0.0.1", port=0, threads=1)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", int(server.effective_port)), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        connection.settimeout(0.05)
        while True:
            assert time.monotonic() - began < 5
            try:
                connection.sendall(b"X")
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break

    assert time.monotonic() - began >= 0.3
    server.task_dispatcher.shutdown()


@pytest.mark.model
def test_the_server_lets_through_what_a_trusted_proxy_tells(server):
    """waitress drops these headers unless told not to."""
    document = json.loads(server.get("/api/v1/documents").body)["documents"][0]["id"]
    request = (
        f"GET /documents/{document}/cite/link?at=0-5 HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\n\r\n"
    )

    assert server.send(request.encode())[2].startswith(b"https://localhost/documents/")


def test_the_unit_allows_as_many_threads_as_the_settings():
    """At the greatest values, the server has a thread for each question that is worked on or waits."""
    unit = (ROOT / "deploy" / "systemd" / "qa.service").read_text(encoding="utf-8")
    most = {spec.name: spec.metadata["bounds"][1] for spec in fields(Settings) if spec.metadata["bounds"]}
    others = 100  # of the libraries, on machines with many cores

    assert int(re.findall(r"^TasksMax=(\d+)$", unit, re.M)[0]) >= most["threads"] + most["queue"] + others


def test_every_limit_has_a_variable():
    """The names that docs/api.md gives are those of the settings."""
    names = re.findall(r"`(QA_[A-Z0-9_]+)`", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"))

    assert set(names) <= {variable(name) for name in Settings.__dataclass_fields__}
