"""The audit of the locked packages, by the real pip-audit against a database of our own."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tools.audit import audit

KNOWN = {
    "schema_version": "1.6.0",
    "id": "TEST-2026-1",
    "summary": "A header is believed that should not be.",
    "affected": [
        {
            "package": {"name": "waitress", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.3"}]}],
        }
    ],
}


class Database(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"vulns": [KNOWN]} if asked["package"]["name"] == "waitress" else {}).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def database() -> Iterator[list[str]]:
    """Options that lead pip-audit to a database in which one package is vulnerable."""
    server = HTTPServer(("127.0.0.1", 0), Database)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield ["--vulnerability-service", "osv", "--osv-url", f"http://127.0.0.1:{server.server_port}"]
    server.shutdown()
    server.server_close()


@pytest.fixture
def lock(tmp_path):
    path = tmp_path / "requirements.lock"
    path.write_text("# Made by hand.\nclick==8.5.1\nwaitress==3.0.2\n", encoding="utf-8")
    return path


def test_a_vulnerable_package_fails_the_audit(database, lock, capsys):
    """It is named with what is known of it and the version that mends it."""
    assert audit(lock, database) == 1

    said = capsys.readouterr().out
    assert "waitress 3.0.2: TEST-2026-1, mended in 3.0.3: A header is believed that should not be." in said
    assert "2 of 2 packages audited, 1 vulnerable" in said


def test_sound_packages_pass(database, lock, capsys):
    """And it is said how many there were."""
    lock.write_text("click==8.5.1\n", encoding="utf-8")

    assert audit(lock, database) == 0
    assert capsys.readouterr().out == "1 of 1 packages audited, 0 vulnerable\n"


def test_without_a_database_nothing_is_claimed(lock, capsys):
    """That it cannot be reached is said, and is no failure."""
    assert audit(lock, ["--vulnerability-service", "osv", "--osv-url", "http://127.0.0.1:9"]) == 0
    assert capsys.readouterr().out.startswith("not audited: the database of vulnerabilities cannot be reached")


def test_what_else_goes_wrong_is_a_failure(tmp_path, capsys):
    """A lock file that is not there must not pass for one without vulnerabilities."""
    assert audit(tmp_path / "none.lock", []) == 1
    assert capsys.readouterr().err.startswith("pip-audit failed")
