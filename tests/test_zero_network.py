"""Nothing is ever fetched and nobody is told: shown from outside, without a network, and from inside, by audit events.

The network namespace holds for every library, also for those in C; the audit hook sees each socket that Python opens.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[1]
UNSHARE = ["unshare", "--map-root-user", "--net"]


def namespaces_are_permitted() -> bool:
    return bool(shutil.which("unshare")) and not subprocess.run([*UNSHARE, "true"], capture_output=True).returncode


@pytest.fixture(scope="module")
def isolated() -> bool:
    return namespaces_are_permitted()


@pytest.fixture(scope="module")
def report(isolated, tmp_path_factory) -> dict:
    """What tests/offline.py saw; in a network of its own where the system permits one."""
    folder = tmp_path_factory.mktemp("offline")
    done = subprocess.run(
        [
            *(UNSHARE if isolated else []),
            sys.executable,
            "-m",
            "tests.offline",
            folder,
            "isolated" if isolated else "not",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def test_every_command_works_without_a_network(report, isolated):
    """Rebuild, ask, eval, doctor, MCP and a server that is asked in each of its ways need no network."""
    for name, done in report["commands"].items():
        assert done["code"] == 0, (name, done)
    for name in ("ask", "mcp", "serve"):
        assert "1858" in report["commands"][name]["stdout"]
    assert json.loads(report["commands"]["eval"]["stdout"])["figures"]["hit@1"]["value"] == 1
    if not isolated:
        pytest.skip(
            "ran WITH the network: `unshare --map-root-user --net` is not permitted; the audit hook still holds"
        )
    assert report["networks"] == ["lo"]


def test_no_socket_is_opened_but_the_listening_one(report):
    """Nothing connects, sends or looks up a name; the server's one address and what it accepts is all there is."""
    events = report["events"]
    internet = [tuple(event) for event in events if not (event[1] == "__new__" and event[3] == socket.AF_UNIX)]
    pairs = {event[0] for event in events if event not in [list(event) for event in internet]}

    assert {event[0] for event in internet} == {"serve"}, internet
    assert {event[1] for event in internet} <= {"getaddrinfo", "__new__", "bind", "getnameinfo"}, internet
    assert [event[2] for event in internet if event[1] == "getaddrinfo"] == ["127.0.0.1"]
    assert [event[3] for event in internet if event[1] == "bind"] == ["('127.0.0.1', 0)"]
    accepted = [event for event in internet if event[1] == "__new__"][1:]
    assert 0 < len(accepted) <= report["commands"]["serve"]["replies"]
    assert pairs >= {"rebuild"}, "the hook saw nothing, not even the pipe to the process that reads the documents"


def test_nothing_is_left_beside_the_index(report):
    """A library's telemetry, which neither of the others sees at once, begins with an identity in the home folder."""
    assert report["left"] == []
