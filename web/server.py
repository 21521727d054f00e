"""Run the app in a production server: one process, several threads, one copy of the models."""

import ctypes
import logging
import resource
import sys
from contextlib import suppress
from functools import partial
from typing import Any

from flask import Flask
from waitress.server import BaseWSGIServer, create_server

from qa.errors import QAError
from qa.feedback import check_writable
from qa.service import Service
from qa.settings import Settings
from web.access_log import log_as_json
from web.app import MAX_BODY_BYTES, create_app
from web.channel import Channel
from web.lifetime import Sockets, run, stop_on_signals

_OTHER_THREADS = 8  # for pages, documents and refusals while all questions that may wait do
_CONNECTIONS = 800  # more wait to be accepted
_OWN_FILES = 60  # that the process opens itself, of those that the system lets it have
_IDLE_SECONDS = 60
_MAX_HEADER_BYTES = 32 * 1024  # a question of 1,000 emoji takes 12 KiB in the address, and again in the Referer
_log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve until the process is told to end.

    An index that is missing or unusable is no reason to stop: the page says what is wrong, and the index is taken over
    as soon as it is mended. Nor is a file of verdicts that cannot be written.
    """
    log_as_json()
    _share_memory()
    service = Service(settings)
    app = create_app(service)
    for prepare in (service.open, partial(check_writable, settings.feedback)):
        try:
            prepare()
        except QAError as error:
            _log.error("%s", error)
    service.watch()
    warm_up(app)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of every request that waits for a moment
    BaseWSGIServer.channel_class = Channel  # create_server takes no other
    sockets: Sockets = {}
    # One for each question that is worked on or waits: so it is the app that decides who waits and who is refused, and
    # never this server, which would keep any number waiting.
    threads = settings.threads + settings.queue + _OTHER_THREADS
    try:
        # A name such as localhost may stand for several addresses; waitress then returns another kind of server.
        server: Any = create_server(
            app,
            map=sockets,
            host=settings.host,
            port=settings.port,
            threads=threads,
            connection_limit=_connection_limit(),
            asyncore_use_poll=True,  # select() takes no more than 1,024 files
            channel_timeout=_IDLE_SECONDS,
            max_request_header_size=_MAX_HEADER_BYTES,
            max_request_body_size=MAX_BODY_BYTES + 1,  # from here on, says waitress; the app says above
            clear_untrusted_proxy_headers=not settings.trusted_proxies,
            ident=None,
        )
    except RuntimeError:
        sys.stderr.write(
            f"qa: the system does not let this process start {threads} threads; set QA_QUEUE or QA_THREADS lower, or "
            "let it have more (ulimit -u, TasksMax)\n"
        )
        sys.exit(2)
    except (OSError, ValueError) as error:  # ValueError: no address is known for the name
        reason = error.strerror if isinstance(error, OSError) else "there is no such address"
        sys.stderr.write(f"qa: cannot listen on {settings.host}:{settings.port}: {reason}\n")
        sys.exit(2)
    stopping = stop_on_signals(sockets)
    listening = getattr(server, "effective_listen", None) or [(server.effective_host, server.effective_port)]
    for host, port in listening:
        address = f"[{host}]" if ":" in host else host
        sys.stderr.write(f"Serving on http://{address}:{port}\n")
    run(sockets, stopping)
    service.close()


def _connection_limit() -> int:
    """Return how many connections may be open; without files for them the server would try to accept for ever."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(_CONNECTIONS, files - _OWN_FILES))


def warm_up(app: Flask) -> None:
    """Make the templates and the example questions, so that the first person does not wait; nothing is counted."""
    try:
        with app.test_request_context("/"), suppress(QAError):  # which `serve` has told already
            app.dispatch_request()
    except Exception:  # noqa: BLE001 - other pages may be fine
        _log.exception("the first page failed")


def _share_memory() -> None:
    """Let all threads take their memory from one arena, which measured as fast and a quarter smaller.

    Else glibc gives each thread one of its own, and keeps in it what a question's arrays once took.
    """
    arena_max = -8  # M_ARENA_MAX of malloc.h
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(arena_max, 1)
