"""The end of a server, with the real process: `qa serve` is told to end while people wait for answers."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

pytestmark = pytest.mark.model

QA = [sys.executable, "-c", "from qa.cli import main; main()"]
ROOT = Path(__file__).parents[1]
PEOPLE = 12
# Long, and each of its own, so that answering all of them on one thread takes a while.
QUESTIONS = [
    f"Who was the keeper number {n} of the lighthouse of Skagen? " + "And the goats? " * 60 for n in range(PEOPLE)
]


class Served:
    """A running `qa serve` that answers one question at a time."""

    def __init__(self, index: Path, log: Path, before: str = "") -> None:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("QA_")}
        variables |= {"QA_THREADS": "1", "QA_QUEUE_SECONDS": "60", "QA_FEEDBACK": "off", "PYTHONPATH": str(ROOT)}
        arguments = ["serve", "--index", str(index), "--port", "0"]
        with log.open("w") as output:
            self.process = subprocess.Popen(
                ["sh", "-c", f'{before} exec "$@"', "sh", *QA, *arguments],
                preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_DFL),  # the tests may run below nohup
                env=variables,
                stdout=output,
                stderr=output,
            )
        while not (found := re.search(r"Serving on http://127\.0\.0\.1:(\d+)", log.read_text())):
            assert self.process.poll() is None, log.read_text()
            time.sleep(0.02)
        self.port = int(found[1])
        self._open = ExitStack()

    def connection(self) -> HTTPConnection:
        return self._open.enter_context(closing(HTTPConnection("127.0.0.1", self.port, timeout=60)))

    def close(self) -> None:
        self._open.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def served(tmp_path, tiny_settings) -> Iterator[Served]:
    with closing(Served(tiny_settings.index, tmp_path / "log")) as server:
        yield server


def ask_all(served: Served) -> list[HTTPConnection]:
    """Send all questions and return when the first of them is answered: by then the server has all of them."""
    waiting = []
    for question in QUESTIONS:
        connection = served.connection()
        connection.request("GET", f"/api/v1/ask?{urlencode({'q': question})}")
        waiting.append(connection)
    first = waiting[0].getresponse()
    assert first.status == 200
    first.read()
    return waiting


def test_an_address_that_does_not_exist_is_one_line(tiny_settings):
    """A host that is no name and no address of this machine ends the start with 2, without a traceback."""
    for host, reason in (("a..b", "there is no such address"), ("192.0.2.1", "Cannot assign requested address")):
        done = subprocess.run(
            [*QA, "serve", "--index", str(tiny_settings.index), "--host", host, "--port", "0"],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (2, f"qa: cannot listen on {host}:0: {reason}\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_waits_still_gets_the_answer(served, number):
    """After the signal every question under way is answered whole, then the process ends with 0, in time."""
    waiting = ask_all(served)

    served.process.send_signal(number)

    for question, connection in zip(QUESTIONS[1:], waiting[1:], strict=True):
        reply = connection.getresponse()
        assert reply.status == 200
        assert json.loads(reply.read())["question"] == " ".join(question.split())
    assert served.process.wait(timeout=10) == 0


def test_below_nohup_it_outlives_its_terminal(tmp_path, tiny_settings):
    """Where SIGHUP is ignored it stays so, and the server goes on."""
    with closing(Served(tiny_settings.index, tmp_path / "log", before="trap '' HUP;")) as served:
        served.process.send_signal(signal.SIGHUP)
        waiting = ask_all(served)

        assert waiting[-1].getresponse().status == 200


def test_new_connections_are_refused_at_once(served):
    """Who comes after the signal is refused while the others still get their answers."""
    waiting = ask_all(served)
    served.process.send_signal(signal.SIGTERM)
    end = time.monotonic() + 5
    refused = False
    while not refused and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", served.port), timeout=5).close()
        except ConnectionResetError:  # it came in the moment in which the address was closed
            continue
        except ConnectionRefusedError:
            refused = True

    assert refused
    assert served.process.poll() is None, "it ended before it was asked whether it refuses"
    assert waiting[-1].getresponse().status == 200


def test_idle_and_dawdling_clients_do_not_hold_it_up(served):
    """On Ctrl-C, a connection that is kept open and a request of which half has come end with the server at once."""
    idle, dawdling = served.connection(), served.connection()
    idle.request("GET", "/healthz")
    assert idle.getresponse().read()
    dawdling.connect()
    dawdling.sock.sendall(b"POST /api/v1/ask HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    began = time.monotonic()

    served.process.send_signal(signal.SIGINT)

    assert served.process.wait(timeout=10) == 0
    assert time.monotonic() - began < 5


def test_more_clients_than_files_wait_to_be_accepted(tmp_path, tiny_settings):
    """A process that may open few files lets in as many clients as have room, and does not try again and again."""
    log = tmp_path / "log"
    with closing(Served(tiny_settings.index, log, before="ulimit -n 100;")) as served, ExitStack() as clients:
        for _ in range(120):
            clients.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=5))
        time.sleep(0.5)
        clients.close()
        connection = served.connection()
        connection.request("GET", "/healthz")

        assert connection.getresponse().status == 200
    assert "accept() threw" not in log.read_text()
