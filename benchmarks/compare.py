"""Compare this service with what else there is: the same documents, questions and machine, in one run.

    python -m benchmarks.compare [--rounds 3] [--only NAME …]

Each peer gets an environment of its own in .bench/ (made once), its best documented setting, and the documents as plain
Markdown, without the questions that authors attached to them; this service is measured with and without those. A peer
that cannot be installed or does not run is skipped, and the reason is printed. Prints Markdown tables and draws where a
question's time goes (docs/pictures/stages.svg).
"""

import json
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click
import numpy as np

from benchmarks.running import wait_for
from qa.corpus import read_corpus
from qa.evaluation import Question, holds_evidence, is_correct, read_questions
from qa.settings import Settings

ROOT = Path(__file__).parent.parent
WORK = ROOT / ".bench"
PEERS = Path(__file__).parent / "peers"
QUESTIONS = ROOT / "corpus" / "questions.jsonl"
PICTURE = ROOT / "docs" / "pictures" / "stages.svg"
K = 5
LATENCY_QUESTIONS = 300
CLIENTS = 8
LOAD_SECONDS = 8.0
START_SECONDS = 120.0
RESIDENT_AFTER = 1000  # questions

Parsed = tuple[str | None, list[tuple[str, str]]]  # the answer, None if refused; (path, text) of the passages


@dataclass(frozen=True)
class System:
    """One system: how it is built, served and asked; `{index}`, `{corpus}`, `{port}` and `{beside}` are filled in."""

    name: str
    note: str
    build: list[str]
    serve: list[str]
    request: Callable[[str], tuple[str, str, bytes | None]]  # question → method, address, body
    parse: Callable[[Any], Parsed]
    requirements: str = ""  # its file in peers/; "" runs in the project's environment
    corpus: str = "plain"  # or "flat": in one folder; or "attached": with the questions that authors attached
    beside: list[str] = field(default_factory=list)  # a second server that it needs, on the port after its own


@dataclass
class Measured:
    """What one round of one system gave."""

    build_seconds: float = 0.0
    passages: int = 0
    index_bytes: int = 0
    start_seconds: float = 0.0
    hit_1: float = 0.0
    hit_5: float = 0.0
    correct: float = 0.0
    refused: float = 0.0  # of the unanswerable questions
    false_refusals: float = 0.0
    p50: float = 0.0  # milliseconds
    p95: float = 0.0
    p99: float = 0.0
    new_a_second: float = 0.0
    mixed_a_second: float = 0.0
    resident_mb: float = 0.0
    empty_ms: float = 0.0  # this service alone: a reply without a question


# ---------------------------------------------------------------------------------------------------- the systems


def _python(name: str) -> str:
    return str(WORK / "env" / name / "bin" / "python") if name else sys.executable


def _get(question: str) -> tuple[str, str, bytes | None]:
    return "GET", "/ask?" + urlencode({"q": question, "k": K}), None


def _own(question: str) -> tuple[str, str, bytes | None]:
    return "GET", "/api/v1/ask?" + urlencode({"q": question, "k": K}), None


def _post(path: str, body: Callable[[str], dict[str, Any]], question: str) -> tuple[str, str, bytes | None]:
    return "POST", path, json.dumps(body(question)).encode()


def _parse_own(reply: Any) -> Parsed:
    passages = [(one["document"]["path"], one["text"]) for one in reply["passages"]]
    return reply["answer"] and reply["answer"]["text"], passages


def _parse_first(reply: Any) -> Parsed:
    """Without an answer of its own the first passage is what a peer says."""
    passages = [(one["path"], one["text"]) for one in reply["passages"]]
    return passages[0][1] if passages else None, passages


def _parse_cairn(reply: Any) -> Parsed:
    answer = reply.get("answer", reply)
    # A source is named "<document>#<number of the passage>", and a document as `write_corpora` does.
    passages = [(one["id"].rpartition("#")[0].replace(":", "/") + ".md", one["text"]) for one in answer["sources"]]
    return answer["cited_text"] if answer["grounded"] else None, passages


def _parse_groundkit(folder: Path, reply: Any) -> Parsed:
    passages = [(Path(one["source"]).relative_to(folder).as_posix(), one["content"]) for one in reply["results"]]
    return passages[0][1] if passages else None, passages


def _ours(name: str, note: str, corpus: str) -> System:
    run = [sys.executable, "-c", "from qa.cli import main; main()"]
    return System(
        name,
        note,
        [*run, "rebuild", "--corpus", "{corpus}", "--index", "{index}"],
        [*run, "serve", "--index", "{index}", "--port", "{port}"],
        _own,
        _parse_own,
        corpus=corpus,
    )


def _wrapped(name: str, note: str, requirements: str = "") -> System:
    run = [_python(requirements), str(PEERS / "serve.py"), name]
    return System(
        name,
        note,
        [*run, "build", "{corpus}", "{index}"],
        [*run, "serve", "{index}", "{port}"],
        _get,
        _parse_first,
        requirements,
    )


def systems() -> list[System]:
    """Return everything that is compared."""
    cairn = [_python("cairn"), "-m", "cairn", "--config", "{index}/cairn.toml"]
    groundkit = [str(Path(_python("groundkit")).with_name("grk"))]
    dense = [
        "--embed-model",
        "bge-small-en-v1.5",
        "--embed-dimensions",
        "384",
        "--embed-base-url",
        "http://127.0.0.1:{beside}",
    ]
    return [
        _ours("this service", "with the questions that the documents' authors attached", "attached"),
        _ours("this service, plain", "without them, as all below", "plain"),
        _wrapped("bm25s", "keywords alone, stemmed"),
        _wrapped("tutorial", "sentence-transformers (all-MiniLM-L6-v2) + FAISS IndexFlatIP + Flask"),
        _wrapped("txtai", "hybrid index, all-MiniLM-L6-v2", "txtai"),
        _wrapped("haystack", "in-memory store, BM25 + bge-small-en-v1.5, reciprocal rank fusion", "haystack"),
        System(
            "cairn-assistant",
            "its own server; five passages instead of one",
            [*cairn, "index"],
            [*cairn, "serve", "--port", "{port}", "--quiet"],
            partial(_post, "/ask", lambda question: {"question": question}),
            _parse_cairn,
            "cairn",
            corpus="flat",  # it looks into no folder
        ),
        System(
            "groundkit",
            "its own server; hybrid, bge-small-en-v1.5 through an embedding server",
            [*groundkit, "ingest", "{corpus}", "--index-dir", "{index}/groundkit", "--dense", *dense],
            [
                *groundkit,
                "serve",
                "--index-dir",
                "{index}/groundkit",
                "--base-dir",
                "{corpus}",
                "--port",
                "{port}",
                "--dense",
                *dense,
            ],
            partial(_post, "/v1/search", lambda question: {"query": question, "top_k": K, "mode": "hybrid"}),
            partial(_parse_groundkit, WORK / "corpus" / "plain"),
            "groundkit",
            beside=[sys.executable, str(PEERS / "embeddings.py"), "{beside}"],
        ),
    ]


# ---------------------------------------------------------------------------------------------------- running


def prepare(system: System) -> None:
    """Make the environment of a peer, once."""
    python = Path(_python(system.requirements))
    wanted = PEERS / f"{system.requirements}.txt"
    stamp = WORK / "env" / system.requirements / "made"
    if not system.requirements or (stamp.exists() and stamp.stat().st_mtime >= wanted.stat().st_mtime):
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(python.parents[1])], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "-qq", "-r", str(wanted)], check=True)
    stamp.touch()


def write_corpora() -> None:
    """Write the documents as plain Markdown, in folders and without; the third corpus is the shipped one as it is."""
    plain, flat = WORK / "corpus" / "plain", WORK / "corpus" / "flat"
    shutil.rmtree(WORK / "corpus", ignore_errors=True)
    flat.mkdir(parents=True)
    for document in read_corpus(ROOT / "corpus", 10 * 2**20, 20).documents:
        path = plain / document.path
        path.parent.mkdir(parents=True, exist_ok=True)
        # cairn-assistant wants this front matter.
        about = (
            f"---\nid: {document.path.removesuffix('.md').replace('/', ':')}\n"
            f"title: {json.dumps(document.title, ensure_ascii=False)}\nlang: en\n---\n"
        )
        path.write_text(about + _markdown(document), encoding="utf-8")
        shutil.copy(path, flat / document.path.replace("/", "_"))


def _markdown(document: Any) -> str:
    """Return the text of a document with its headings as Markdown."""
    parts, last = [f"# {document.title}\n\n"], 0
    for block in document.blocks:
        if block.kind == "heading":
            parts += [
                document.text[last : block.start],
                "#" * block.level + " ",
                document.text[block.start : block.end],
            ]
            last = block.end
    return "".join([*parts, document.text[last:]])


class Client:
    """One client with one open connection."""

    def __init__(self, system: System, port: int) -> None:
        self._system = system
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, question: str) -> Parsed:
        """Ask and read the reply."""
        method, address, body = self._system.request(question)
        return self._system.parse(json.loads(self.send(method, address, body)))

    def send(self, method: str, address: str, body: bytes | None = None) -> bytes:
        """Return the body of a reply of status 200."""
        headers = {"Content-Type": "application/json"} if body else {}
        try:
            self._connection.request(method, address, body, headers)
            # Else a server that sends header and body apart would wait for the delayed acknowledgement: 40 ms.
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            reply = self._connection.getresponse()
            content = reply.read()
        except (HTTPException, OSError):
            self._connection.close()
            raise
        if reply.status != 200:
            raise ValueError(f"status {reply.status}: {content[:200]!r}")
        return content


def _filled(argv: list[str], **places: object) -> list[str]:
    filled = []
    for argument in argv:
        for name, value in places.items():
            argument = argument.replace("{" + name + "}", str(value))
        filled.append(argument)
    return filled


@contextmanager
def _running(argv: list[str], log: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**_environment(), "QA_FEEDBACK": "off"}
    with log.open("ab") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output, env=environment, cwd=folder)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def _resident_mb(processes: Sequence[subprocess.Popen[bytes]]) -> float:
    pages = sum(int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) for process in processes)
    return pages * 4096 / 2**20


def _index(system: System) -> Path:
    return WORK / "index" / system.name.replace(" ", "-").replace(",", "")


def _log(system: System) -> Path:
    """Return the file that keeps what a system prints."""
    return WORK / f"{_index(system).name}.log"


def run(system: System, asked: Sequence[Question], others: Sequence[str], port: int) -> Measured:
    """Build, serve and ask one system once.

    Args:
        asked: the question set.
        others: further questions, for times and load; none is asked twice but for the mix.
        port: free, as is the next one.
    """
    measured = Measured()
    index = _index(system)
    shutil.rmtree(index, ignore_errors=True)
    index.mkdir(parents=True)
    corpus = ROOT / "corpus" if system.corpus == "attached" else WORK / "corpus" / system.corpus
    if system.requirements == "cairn":
        (index / "cairn.toml").write_text(
            f'[corpus]\npath = "{corpus}"\n[index]\npath = "{index}/index.json"\n[retrieval]\nmax_passages = {K}\n'
        )
    places = {"index": index, "corpus": corpus, "port": port, "beside": port + 1}
    log = _log(system)
    log.write_bytes(b"")
    with _beside(system, places, log, index) as helpers:
        _wait_for(helpers, port + 1)
        began = time.perf_counter()
        with log.open("ab") as output:
            subprocess.run(
                _filled(system.build, **places), check=True, stdout=output, stderr=output, env=_environment(), cwd=index
            )
        measured.build_seconds = time.perf_counter() - began
    found = re.search(r"(\d+) (?:passages|chunks)\b", log.read_text(encoding="utf-8", errors="replace"))
    measured.passages = int(found[1]) if found else 0
    measured.index_bytes = sum(path.stat().st_size for path in index.rglob("*") if path.is_file())
    began = time.perf_counter()
    with (
        _beside(system, places, log, index) as helpers,
        _running(_filled(system.serve, **places), log, index) as server,
    ):
        client = Client(system, port)
        _wait_for(helpers, port + 1)  # both start at once; without the second, a reply would be half of the system's
        _first_correct(client, asked, server, began + START_SECONDS)
        measured.start_seconds = time.perf_counter() - began
        _judge(client, asked, measured)
        _time(client, others[:LATENCY_QUESTIONS], measured)
        new = iter(others[LATENCY_QUESTIONS:])
        measured.new_a_second, done = _load(system, port, new)
        chance = random.Random(5)  # noqa: S311
        often = [others[min(int(chance.paretovariate(0.8)) - 1, 199)] for _ in range(20000)]
        measured.mixed_a_second, more = _load(system, port, iter(often))
        for question in others[: max(0, RESIDENT_AFTER - len(asked) - LATENCY_QUESTIONS - done - more)]:
            client.ask(question)
        measured.resident_mb = _resident_mb([server, *helpers])
        if system.corpus == "attached":
            measured.empty_ms = _median_ms(lambda: client.send("GET", "/healthz"), 200)
    return measured


@contextmanager
def _beside(system: System, places: dict[str, Any], log: Path, folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run the second server that a system needs, if any."""
    if not system.beside:
        yield []
        return
    with _running(_filled(system.beside, **places), log, folder) as helper:
        yield [helper]


def _wait_for(helpers: Sequence[subprocess.Popen[bytes]], port: int) -> None:
    """Wait until a second server listens, if there is one."""

    def listens() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    if helpers:
        wait_for(lambda: helpers[0].poll() is not None or listens(), START_SECONDS)


def _first_correct(client: Client, asked: Sequence[Question], server: subprocess.Popen[bytes], until: float) -> None:
    """Ask until a reply holds evidence."""
    answerable = [question for question in asked if question.answerable]
    for number in count():
        question = answerable[number % len(answerable)]
        try:
            _, passages = client.ask(question.question)
        except OSError as error:
            if server.poll() is not None or time.perf_counter() > until:
                raise RuntimeError("the server does not answer") from error
            time.sleep(0.02)
            continue
        if any(holds_evidence(question, path, text) for path, text in passages):
            return


def _judge(client: Client, asked: Sequence[Question], measured: Measured) -> None:
    """Ask the question set and count."""
    ranks, correct, refused, falsely = [], 0, 0, 0
    answerable = sum(question.answerable for question in asked)
    for question in asked:
        answer, passages = client.ask(question.question)
        if not question.answerable:
            refused += answer is None
            continue
        falsely += answer is None
        correct += answer is not None and is_correct(question, answer)
        found = (n for n, (path, text) in enumerate(passages, 1) if holds_evidence(question, path, text))
        ranks.append(next(found, K + 1))
    measured.hit_1 = sum(rank == 1 for rank in ranks) / answerable
    measured.hit_5 = sum(rank <= K for rank in ranks) / answerable
    measured.correct, measured.false_refusals = correct / answerable, falsely / answerable
    measured.refused = refused / (len(asked) - answerable)


def _time(client: Client, questions: Sequence[str], measured: Measured) -> None:
    times = []
    for question in questions:
        began = time.perf_counter()
        client.ask(question)
        times.append((time.perf_counter() - began) * 1000)
    measured.p50, measured.p95, measured.p99 = (float(np.percentile(times, percent)) for percent in (50, 95, 99))


def _load(system: System, port: int, questions: Iterator[str]) -> tuple[float, int]:
    """Let all clients ask until the time is over or nothing is left; return questions a second, and how many."""
    lock, done, failures = threading.Lock(), [0] * CLIENTS, []
    began = time.perf_counter()

    def work(number: int) -> None:
        client = Client(system, port)
        try:
            while time.perf_counter() - began < LOAD_SECONDS:
                with lock:
                    question = next(questions, None)
                if question is None:
                    return
                client.ask(question)
                done[number] += 1
        except (OSError, ValueError, HTTPException) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"{len(failures)} clients failed: {failures[0]}")
    return sum(done) / (time.perf_counter() - began), sum(done)


def _median_ms(call: Callable[[], object], times: int) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)


# ---------------------------------------------------------------------------------------------------- the report


def table(rounds: dict[str, list[Measured]], notes: dict[str, str]) -> str:
    """Return the comparison as a Markdown table: medians over the rounds, and from where to where they went."""
    columns: list[tuple[str, str, Callable[[Measured], float], str]] = [
        ("hit@1", "", lambda m: m.hit_1, ".2f"),
        ("hit@5", "", lambda m: m.hit_5, ".2f"),
        ("answered correctly", "", lambda m: m.correct, ".2f"),
        ("unanswerable refused", "", lambda m: m.refused, ".2f"),
        ("answerable refused", "", lambda m: m.false_refusals, ".2f"),
        ("p50", " ms", lambda m: m.p50, ".0f"),
        ("p95", " ms", lambda m: m.p95, ".0f"),
        ("p99", " ms", lambda m: m.p99, ".0f"),
        ("new questions/s, 8 clients", "", lambda m: m.new_a_second, ".0f"),
        ("repeating mix/s, 8 clients", "", lambda m: m.mixed_a_second, ".0f"),
        ("start to first correct answer", " s", lambda m: m.start_seconds, ".1f"),
        ("resident", " MB", lambda m: m.resident_mb, ".0f"),
        ("build", " s", lambda m: m.build_seconds, ".1f"),
        ("passages/s", "", lambda m: m.passages / m.build_seconds, ".0f"),
        ("index", " MB", lambda m: m.index_bytes / 2**20, ".1f"),
    ]
    lines = ["| | " + " | ".join(title for title, _, _, _ in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, measured in rounds.items():
        cells = []
        for _, unit, value, form in columns:
            found = [value(one) for one in measured]
            low, high = f"{min(found):{form}}", f"{max(found):{form}}"
            spread = "" if low == high else f" ({low}–{high})"
            cells.append(f"{statistics.median(found):{form}}{spread}{unit}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(f"- **{name}**: {notes[name]}" for name in rounds)])


def floor(questions: Sequence[str], index: Path) -> tuple[float, dict[str, float]]:
    """Return the median milliseconds of one pass of the question encoder, and of each stage of a question."""
    from flask import json as flask_json

    from qa.encoders import dense_encoder
    from qa.reply import reply_to_json
    from qa.service import Service
    from web.app import create_app

    service = Service(Settings(index=index, feedback=Path("off")))
    service.open()
    web = create_app(service).test_client()
    encoder = dense_encoder()
    passes, stages = [], []
    for question in questions:
        passes.append(_median_ms(partial(encoder.encode, question), 1))
        reply = service.ask(question)
        taken = dict(reply.stages)
        taken["serialise"] = _median_ms(lambda reply=reply: flask_json.dumps(reply_to_json(reply)), 1)
        # The answer comes from the cache now: what is left is the page.
        taken["render the page"] = _median_ms(lambda question=question: web.get("/?q=" + quote(question)), 1)
        stages.append(taken)
    return statistics.median(passes), {
        name: statistics.median(one[name] for one in stages) for name in stages[0] if all(name in one for one in stages)
    }


def draw(stages: dict[str, float], path: Path) -> None:
    """Draw where a question's time goes."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 0.42 * len(stages) + 1))
    bars = axes.barh(list(stages), list(stages.values()), color="#3b6ea5")
    axes.bar_label(bars, fmt=" %.1f ms")
    axes.invert_yaxis()
    axes.set(xlabel="milliseconds of a new question, median")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often everything is measured, in turns.")
@click.option("--only", multiple=True, help="Only this system (repeatable).")
@click.option("--port", default=8765, show_default=True, help="The first of the ports that are used.")
def main(rounds: int, only: tuple[str, ...], port: int) -> None:
    """Measure everything and print the tables."""
    write_corpora()
    asked = read_questions(QUESTIONS)
    documents = read_corpus(ROOT / "corpus", 10 * 2**20, 20).documents
    others = sorted({question for document in documents for _, question in document.questions})
    random.Random(2).shuffle(others)  # noqa: S311
    results: dict[str, list[Measured]] = {}
    notes, skipped = {}, {}
    chosen = [system for system in systems() if not only or system.name in only]
    for number in range(rounds):
        for system in chosen:
            if system.name in skipped:
                continue
            click.echo(f"round {number + 1} of {rounds}: {system.name}", err=True)
            try:
                prepare(system)
                results.setdefault(system.name, []).append(run(system, asked, others, port))
                notes[system.name] = system.note
            # A peer that fails, or replies in another shape, is left out with the reason, and the rest goes on.
            except Exception as error:  # noqa: BLE001
                results.pop(system.name, None)
                skipped[system.name] = f"{type(error).__name__}: {error} ({_log(system).relative_to(ROOT)})"
            port += 2
    click.echo(table(results, notes))
    for name, reason in skipped.items():
        click.echo(f"- skipped: **{name}**: {reason}")
    if "this service" not in results:
        return
    ours = results["this service"]
    one_pass, stages = floor(others[:LATENCY_QUESTIONS], WORK / "index" / "this-service")
    empty, p50 = statistics.median(one.empty_ms for one in ours), statistics.median(one.p50 for one in ours)
    inside = sum(taken for name, taken in stages.items() if name != "render the page")
    stages["HTTP, both ends"] = max(0.0, p50 - inside)
    draw({name: taken for name, taken in stages.items() if name != "render the page"}, PICTURE)
    click.echo(f"\none pass of the question encoder {one_pass:.1f} ms, an empty reply {empty:.1f} ms")
    click.echo(f"p50 {p50:.1f} ms: {p50 / (one_pass + empty):.1f} times the floor of both together\n")
    click.echo("| stage | ms | share of p50 |\n|---|---|---|")
    for name, taken in stages.items():
        share = "(instead of serialise)" if name == "render the page" else f"{taken / p50:.0%}"
        click.echo(f"| {name} | {taken:.2f} | {share} |")


if __name__ == "__main__":
    main()
