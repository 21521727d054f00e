"""Run every command where there is no network and write down each use of a socket. Run by test_zero_network.py.

An audit hook in every process started here, and in those that they start, appends a line for each event of the module
`socket`. In a network namespace of its own (`unshare --net`) nothing but this machine's own address exists.
"""

import asyncio
import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.conftest import TINY
from tests.pretend import write_files

ROOT = Path(__file__).parents[1]
QUESTION = "When was the lighthouse of Skagen lit for the first time?"
EVALUATION = {
    "id": "1",
    "question": QUESTION,
    "type": "factoid",
    "answerable": True,
    "answers": ["1858"],
    "evidence": [{"doc": "lighthouse.md", "quote": "lit for the first time in 1858"}],
}
HOOK = """
import json, os, sys

def _note(event, arguments):
    if event.startswith("socket."):
        shown = [a if isinstance(a, (int, str)) else repr(a) for a in arguments]
        line = json.dumps([os.environ["OFFLINE_COMMAND"], event.removeprefix("socket."), *shown]) + "\\n"
        file = os.open(os.environ["OFFLINE_EVENTS"], os.O_WRONLY | os.O_APPEND)
        os.write(file, line.encode())
        os.close(file)

sys.addaudithook(_note)
"""


def bring_up_loopback() -> None:
    """Give an empty network namespace its own address, 127.0.0.1."""
    request = struct.pack("16sh14x", b"lo", 1)  # struct ifreq with IFF_UP
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


def reachable_networks() -> list[str]:
    return [name for _, name in socket.if_nameindex()]


def run(name: str, *arguments: str, environment: dict[str, str]) -> dict[str, object]:
    done = subprocess.run(
        command(name, *arguments),
        env={**environment, "OFFLINE_COMMAND": name},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return {"code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from qa.cli import main; main()", *arguments]


def serve_and_ask(folder: Path, environment: dict[str, str]) -> dict[str, object]:
    """Ask a real server in each of its ways, while it also takes over a new generation, and end it."""
    errors = folder / "serve.err"
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            command("serve", "--port", "0"),
            env={**environment, "OFFLINE_COMMAND": "serve"},
            stderr=stderr,
            stdout=stderr,
        )
    while not (found := re.search(r"Serving on (http://127\.0\.0\.1:(\d+))", errors.read_text())):
        assert process.poll() is None, errors.read_text()
        time.sleep(0.02)
    query = urlencode({"q": QUESTION})
    body = json.dumps({"question": QUESTION}).encode()
    asked = [
        f"/api/v1/ask?{query}",
        Request(f"{found[1]}/api/v1/ask", body, {"Content-Type": "application/json"}),
        f"/?{query}",
        "/healthz",
        "/readyz",
    ]
    replies = [urlopen(found[1] + a if isinstance(a, str) else a).read().decode() for a in asked]
    process.send_signal(signal.SIGTERM)
    return {"code": process.wait(timeout=60), "stdout": replies[0], "stderr": "", "replies": len(replies)}


async def ask_over_mcp(environment: dict[str, str]) -> dict[str, object]:
    _, *arguments = command("mcp")
    server = StdioServerParameters(
        command=sys.executable, args=arguments, env={**environment, "OFFLINE_COMMAND": "mcp"}
    )
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        result = await session.call_tool("ask", {"question": QUESTION})
    return {"code": 0, "stdout": result.model_dump_json(), "stderr": ""}


def main() -> None:
    folder = Path(sys.argv[1])
    if sys.argv[2] == "isolated":
        bring_up_loopback()
    events = folder / "events"
    events.touch()
    write_files(folder / "hook", {"sitecustomize.py": HOOK})
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    write_files(folder / "corpus", TINY)
    (folder / "questions.jsonl").write_text(json.dumps(EVALUATION) + "\n", encoding="utf-8")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("QA_", "ORT_", "XDG_"))},
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "PYTHONPATH": os.pathsep.join((str(folder / "hook"), str(ROOT))),
        "OFFLINE_EVENTS": str(events),
        "QA_CORPUS": str(folder / "corpus"),
        "QA_INDEX": str(folder / "index"),
        "QA_FEEDBACK": str(folder / "feedback.sqlite"),
    }
    commands = {"rebuild": run("rebuild", environment=environment)}
    with ThreadPoolExecutor() as pool:
        running = {
            "ask": pool.submit(run, "ask", QUESTION, environment=environment),
            "eval": pool.submit(run, "eval", str(folder / "questions.jsonl"), "--json", environment=environment),
            "doctor": pool.submit(run, "doctor", environment=environment),
            "mcp": pool.submit(asyncio.run, ask_over_mcp(environment)),
            "serve": pool.submit(serve_and_ask, folder, environment),
        }
    commands |= {name: future.result() for name, future in running.items()}
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    left = [str(path) for name in ("home", "tmp") for path in (folder / name).rglob("*")]
    json.dump({"networks": reachable_networks(), "commands": commands, "events": lines, "left": left}, sys.stdout)


if __name__ == "__main__":
    main()
