"""Run the app in a production server: one process, several threads, one copy of the models."""

import logging
import signal
import sys
from types import FrameType
from typing import Any

from waitress.server import create_server

from qa.errors import QAError
from qa.service import Service
from qa.settings import Settings
from web.app import create_app

_log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve until the process is told to end.

    An index that is missing or unusable is no reason to stop: the page says what is wrong, and the index is taken over
    as soon as it is mended.
    """
    service = Service(settings)
    try:
        service.open()
    except QAError as error:
        _log.error("%s", error)
    service.watch()
    app = create_app(service)
    app.test_client().get("/")  # templates and example questions, so that the first person does not wait for them
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of every request that waits for a moment
    try:
        # A name such as localhost may stand for several addresses; waitress then returns another kind of server.
        server: Any = create_server(app, host=settings.host, port=settings.port, threads=settings.threads, ident=None)
    except OSError as error:
        sys.stderr.write(f"qa: cannot listen on {settings.host}:{settings.port}: {error.strerror}\n")
        sys.exit(2)
    _stop_on_signals()
    listening = getattr(server, "effective_listen", None) or [(server.effective_host, server.effective_port)]
    for host, port in listening:
        address = f"[{host}]" if ":" in host else host
        sys.stderr.write(f"Serving on http://{address}:{port}\n")
    server.run()
    service.close()


def _stop_on_signals() -> None:
    """End on SIGTERM and SIGINT: waitress takes SystemExit for "finish what is being answered, then return"."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
