"""Write a retrieval set in the BEIR layout from the docstrings of Python's own library.

    python -m benchmarks.docstrings DIR && qa eval --beir DIR

A query is the first line of a docstring, its document is the rest. Nothing was fitted on these texts, and they are of
another kind than encyclopedias: names of parameters, code, lists.
"""

import ast
import json
import random
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

import click

_QUERY_CHARS = range(20, 150)
_TEXT_CHARS = range(120, 1500)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--documents", default=1500, help="How many documents at most.")
@click.option("--queries", default=500, help="How many of them are asked for.")
def main(folder: Path, documents: int, queries: int) -> None:
    """Write the set into FOLDER; the same Python gives the same set."""
    texts = dict(_docstrings(Path(sysconfig.get_path("stdlib"))))  # each query once
    chosen = random.Random(0).sample(sorted(texts.items()), min(documents, len(texts)))  # noqa: S311 - no secret
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    records = {
        "corpus.jsonl": [{"_id": f"d{number}", "title": "", "text": text} for number, (_, text) in enumerate(chosen)],
        "queries.jsonl": [{"_id": f"q{number}", "text": query} for number, (query, _) in enumerate(chosen[:queries])],
    }
    for name, lines in records.items():
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    grades = "".join(f"q{number}\td{number}\t1\n" for number in range(len(chosen[:queries])))
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{grades}", encoding="utf-8")


def _docstrings(library: Path) -> Iterator[tuple[str, str]]:
    """Yield the first line and the rest of each docstring of functions and classes."""
    for path in sorted(library.rglob("*.py")):
        if {"test", "tests", "site-packages"} & set(path.relative_to(library).parts):
            continue
        with warnings.catch_warnings(action="ignore"):  # of old escapes in strings
            tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                first, _, rest = (ast.get_docstring(node) or "").partition("\n\n")
                if len(first) in _QUERY_CHARS and len(rest) in _TEXT_CHARS:
                    yield " ".join(first.split()), rest


if __name__ == "__main__":
    main()
