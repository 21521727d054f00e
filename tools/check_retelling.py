"""Compare a retold corpus with the texts it retells: list every run of words that both share.

    python tools/check_retelling.py SOURCE_DIR CORPUS_DIR

Run by hand, because the sources are not part of this repository. A run is a fault when it has at least
RUN_WORDS consecutive words, outside short quotations and beyond names and titles. Quotations longer than
QUOTE_WORDS are faults too. Exits with 1 when there is any fault.
"""

import re
import sys
from pathlib import Path

RUN_WORDS = 8
QUOTE_WORDS = 25
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
QUOTATION = re.compile(r"“[^”]*”|\"[^\"\n]*\"")
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.S)
LINKING = {"a", "an", "and", "as", "at", "by", "for", "in", "of", "on", "or", "p", "pp", "s", "the", "to", "with"}


def words(text: str) -> list[str]:
    """Return the words of `text` in order, with straight apostrophes."""
    return [match.group().replace("’", "'") for match in WORD.finditer(text)]


def is_name_only(run: list[str]) -> bool:
    """Tell whether a run holds nothing but names, titles, numbers and the small words that link them."""
    return all(not word[0].islower() or word in LINKING for word in run)


def shared_runs(corpus_words: list[str], known: set[tuple[str, ...]]) -> list[list[str]]:
    """Return the maximal runs of `corpus_words` whose every RUN_WORDS-gram is in `known`."""
    folded = [word.lower() for word in corpus_words]
    starts = [i for i in range(len(folded) - RUN_WORDS + 1) if tuple(folded[i : i + RUN_WORDS]) in known]
    runs: list[list[int]] = []
    for start in starts:
        if runs and start <= runs[-1][1]:
            runs[-1][1] = start + RUN_WORDS
        else:
            runs.append([start, start + RUN_WORDS])
    return [corpus_words[start:end] for start, end in runs]


def main() -> int:
    """Print the faults of every Markdown file below CORPUS_DIR; return the exit code."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    source_dir, corpus_dir = Path(sys.argv[1]), Path(sys.argv[2])
    known: set[tuple[str, ...]] = set()
    for path in sorted(source_dir.glob("*.txt")):
        folded = [word.lower() for word in words(path.read_text(encoding="utf-8"))]
        known.update(tuple(folded[i : i + RUN_WORDS]) for i in range(len(folded) - RUN_WORDS + 1))
    faults = 0
    for path in sorted(corpus_dir.rglob("*.md")):
        text = FRONT_MATTER.sub("", path.read_text(encoding="utf-8"))
        for quotation in QUOTATION.findall(text):
            if len(words(quotation)) > QUOTE_WORDS:
                faults += 1
                print(f"{path}: quotation of {len(words(quotation))} words: {quotation}")
        for piece in QUOTATION.split(text):
            for run in shared_runs(words(piece), known):
                if not is_name_only(run):
                    faults += 1
                    print(f"{path}: {len(run)} shared words: {' '.join(run)}")
    print(f"{faults} faults", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
