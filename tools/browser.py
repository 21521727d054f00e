"""Chromium for tests and screenshots, and the app in a real server beside it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from waitress.server import create_server

from qa.service import Service
from web.app import create_app

CHROMIUM = Path("/usr/bin/chromium")
# Without these, Chromium looks for its maker's servers all the time; as root it refuses to run with a sandbox.
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


class ChromiumMissing(RuntimeError):
    """There is no Chromium on this machine."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium without a window.

    Raises:
        ChromiumMissing: the message names the command that installs it.
    """
    if not CHROMIUM.exists():
        raise ChromiumMissing(f"{CHROMIUM} is missing; run as root: apt-get update && apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serving(service: Service) -> Iterator[str]:
    """Serve on a free port of this machine; yield the address."""
    server = create_server(create_app(service), host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
        thread.join(timeout=5)
