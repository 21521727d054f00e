"""Draw the figures of benchmarks/growth.py.

    python -m benchmarks.growth_pictures [benchmarks/growth.json]

Writes docs/pictures/growth-memory.svg, growth-time.svg and growth-quality.svg.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

ROOT = Path(__file__).parents[1]
SETTINGS = {
    "svg.hashsalt": "cited-qa",  # the same figures give the same bytes
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "lines.linewidth": 2,
    "lines.markersize": 6,
    "legend.frameon": False,
}


def main() -> None:
    """Draw one picture each for memory, time and quality."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "benchmarks" / "growth.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    sizes = [row["passages"] for row in rows]
    with mpl.rc_context(SETTINGS):
        axes = _axes("megabytes")
        axes.plot(sizes, [row["disk_mb"] for row in rows], "o-", color="#555555", label="index on disk")
        axes.plot(
            sizes, [row["flat_mb"] for row in rows], "^:", color="#b8860b", label="its vectors, if all were loaded"
        )
        axes.plot(
            sizes,
            [_grown(row, "mapped") for row in rows],
            "s--",
            color="#4c72b0",
            label="pages mapped after 200 questions",
        )
        axes.plot(sizes, [_grown(row, "own") for row in rows], "o-", color="#1b4f8a", label="own memory of the index")
        axes.set_yscale("log")
        _save(axes, "growth-memory")

        axes = _axes("processor milliseconds, median")
        axes.plot(sizes, [row["processor_p50_ms"] for row in rows], "o-", color="#1b4f8a", label="a whole question")
        axes.plot(
            sizes,
            [row["nearest_processor_ms"] for row in rows],
            "s-",
            color="#2e8b57",
            label="nearest vectors, as chosen",
        )
        flat = [row for row in rows if "flat_processor_ms" in row]
        axes.plot(
            [row["passages"] for row in flat],
            [row["flat_processor_ms"] for row in flat],
            "^:",
            color="#b8860b",
            label="nearest vectors, exact",
        )
        axes.set_ylim(0)
        _save(axes, "growth-time")

        axes = _axes("share")
        axes.plot(sizes, [row["hit@1"] for row in rows], "o-", color="#1b4f8a", label="hit@1")
        axes.plot(sizes, [row["ndcg@10"] for row in rows], "s-", color="#2e8b57", label="nDCG@10")
        axes.plot(
            sizes, [row["recall@100"] for row in rows], "^:", color="#b8860b", label="recall@100 against exact search"
        )
        axes.set_ylim(0.8, 1.01)
        _save(axes, "growth-quality")


def _grown(row: dict[str, Any], kind: str) -> float:
    return float(row["memory_after_mb"][kind] - row["memory_before_mb"][kind])


def _axes(label: str) -> Axes:
    _, axes = plt.subplots(figsize=(7, 4.2))
    axes.set_xscale("log")
    axes.set_xlabel("passages")
    axes.set_ylabel(label)
    return axes


def _save(axes: Axes, name: str) -> None:
    axes.legend()
    figure = axes.figure
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "pictures" / f"{name}.svg", metadata={"Date": None}, facecolor="white")
    plt.close(figure)


if __name__ == "__main__":
    main()
