"""Run the server until it is told to end, and then let everybody get the answer that is under way.

waitress would end at once by itself: it waits five seconds for its threads, but sends nothing more.
"""

import signal
import threading
import time
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer

GRACE_SECONDS = 20  # for answers under way; service managers commonly kill after 30
Sockets = dict[int, Any]  # what waitress listens and answers on, by file descriptor


def stop_on_signals(sockets: Sockets) -> threading.Event:
    """Return what SIGTERM and SIGINT set from now on, and SIGHUP unless it is ignored, as below nohup."""
    stopping = threading.Event()
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    numbers = [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hangs_up else [])]

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        _listeners(sockets)[0].pull_trigger()  # it waits for something to happen on a socket
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)  # whoever asks twice cannot wait

    for number in numbers:
        signal.signal(number, stop)
    return stopping


def run(sockets: Sockets, stopping: threading.Event) -> None:
    """Serve until `stopping` is set; then refuse new connections and return when the open ones have their answers."""
    while not stopping.is_set():
        _step(sockets, seconds=1)
    for listener in _listeners(sockets):
        wasyncore.dispatcher.close(listener)  # only the listening socket, not what wakes the loop up
    end = time.monotonic() + GRACE_SECONDS
    _step(sockets, seconds=0)  # takes in what has come already
    while _busy(sockets) and time.monotonic() < end:
        _step(sockets, seconds=0.1)


def _step(sockets: Sockets, seconds: float) -> None:
    """Do what can be done on any socket, or wait for it."""
    wasyncore.loop(timeout=seconds, use_poll=True, map=sockets, count=1)


def _listeners(sockets: Sockets) -> list[BaseWSGIServer]:
    return [socket for socket in sockets.values() if isinstance(socket, BaseWSGIServer)]


def _busy(sockets: Sockets) -> bool:
    """Hang up on those who have their answer, and tell whether anybody waits for one."""
    channels = [socket for socket in sockets.values() if isinstance(socket, HTTPChannel)]
    idle = [channel for channel in channels if not channel.requests and not channel.total_outbufs_len]
    for channel in idle:
        channel.handle_close()
    return len(idle) < len(channels)
