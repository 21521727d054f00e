"""Measure how many threads, or processes, answer best.

    python -m benchmarks.threads corpus/questions.jsonl [--index index] [--seconds 20] [--rounds 3]

Clients ask one question after the other, of one server with 1, 2, 4 and 8 threads and of two servers with half as many
each, without the cache of replies. The rounds go through all ways in turn, so that other work on the machine falls on
all of them; the medians over the rounds are printed. What a question costs in the processor's time hardly depends on
other work; how many a second are answered does.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.running import Server, ask_path, serving

WAYS = [(1, 1), (1, 2), (1, 4), (1, 8), (2, 1), (2, 2)]  # processes, threads of each


def measure(servers: list[Server], questions: list[str], clients: int, seconds: float) -> list[float]:
    """Return the seconds that each question took; the clients are shared out among the servers."""
    end = time.monotonic() + seconds

    def keep_asking(number: int) -> list[float]:
        mine = random.Random(number).sample(questions, len(questions))  # noqa: S311 - no secret
        took: list[float] = []
        with closing(servers[number % len(servers)].connection()) as connection:
            while time.monotonic() < end:
                began = time.monotonic()
                status, _ = servers[0].get(ask_path(mine[len(took) % len(mine)]), connection)
                if status != 200:
                    raise SystemExit(f"a question was answered with {status}")
                took.append(time.monotonic() - began)
        return took

    with ThreadPoolExecutor(clients) as pool:
        return [second for took in pool.map(keep_asking, range(clients)) for second in took]


def processor_seconds(servers: list[Server]) -> float:
    """Return how long the processor has worked for the servers, in user and system mode."""
    stats = [Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split() for server in servers]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path, help="lines of JSON with a `question` each")
    parser.add_argument("--index", type=Path, default=Path("index"))
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20, help="for each way in each round")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    questions = [json.loads(line)["question"] for line in arguments.questions.read_text(encoding="utf-8").splitlines()]
    os.environ["QA_CACHE"] = "0"
    rates: dict[tuple[int, int], list[float]] = {way: [] for way in WAYS}
    slow: dict[tuple[int, int], list[float]] = {way: [] for way in WAYS}
    cost: dict[tuple[int, int], list[float]] = {way: [] for way in WAYS}
    for _ in range(arguments.rounds):
        for way in WAYS:
            os.environ["QA_THREADS"] = str(way[1])
            with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
                servers = [
                    running.enter_context(serving(arguments.index, Path(folder, f"log-{number}")))
                    for number in range(way[0])
                ]
                before = processor_seconds(servers)
                took = measure(servers, questions, arguments.clients, arguments.seconds)
                cost[way].append((processor_seconds(servers) - before) / len(took) * 1000)
            rates[way].append(len(took) / arguments.seconds)
            slow[way].append(statistics.quantiles(took, n=20)[18] * 1000)
    best = max(statistics.median(rate) for rate in rates.values())
    print("| processes | threads each | questions a second | of the best | 95 % within | processor's time for one |")
    print("|---|---|---|---|---|---|")
    for way in WAYS:
        rate, within, work = (statistics.median(figures[way]) for figures in (rates, slow, cost))
        print(f"| {way[0]} | {way[1]} | {rate:.1f} | {rate / best:.0%} | {within:,.0f} ms | {work:.0f} ms |")


if __name__ == "__main__":
    main()
