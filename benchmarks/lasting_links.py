"""Measure how well links find their passage after the document was edited.

    python benchmarks/lasting_links.py [--corpus corpus] [--edits 1000]

Each trial takes a random passage or sentence of a random document, makes its link, edits the document at random places
(words and paragraphs are put in, taken out, replaced, moved, doubled; lines wrapped anew) and follows the link. Every
character carries where it came from through all edits, copies too, so that it is known whether the quoted words are
still there and where. Exits with 1 below 99 % found or with a single wrong mark.
"""

import argparse
import hashlib
import random
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from qa.corpus import read_corpus
from qa.documents import Document
from qa.passages import passages_of
from qa.quotes import State, find, from_parameters, quote, to_parameters
from qa.sections import sections_of

Traced = list[tuple[str, int]]  # a character and its offset in the original, -1 for a new one
EDITS_A_TRIAL = (1, 2, 4, 8, 16)


def main() -> None:
    """Run the trials and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("corpus"))
    parser.add_argument("--edits", type=int, default=1000, help="how many edited documents")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    documents = read_corpus(arguments.corpus, 10 * 2**20, 20).documents
    counts = measure(documents, arguments.edits, arguments.seed)
    there = counts["found"] + counts["missed"]
    share = counts["found"] / max(1, there)
    print(f"{arguments.edits} edited documents, seed {arguments.seed}")
    print(f"still there: {there}, found {counts['found']} ({share:.2%}), not found {counts['missed']}")
    print(f"gone: {arguments.edits - there}, said so {counts['honest']}")
    print(f"marked the wrong place: {counts['wrong']}")
    sys.exit(share < 0.99 or counts["wrong"] > 0)


def measure(documents: tuple[Document, ...], trials: int, seed: int) -> Counter[str]:
    """Return how many links were found, missed, honest about lost words, and wrong."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    spans = {document.id: _spans(document) for document in documents}
    counts: Counter[str] = Counter()
    for _ in range(trials):
        document = chance.choice(documents)
        start, end = chance.choice(spans[document.id])
        edited = _edited(document.text, chance, (start, end))
        counts[_outcome(document, start, end, edited)] += 1
    return counts


def _outcome(document: Document, start: int, end: int, edited: Traced) -> str:
    link = to_parameters(quote(document, start, end))
    text = "".join(character for character, _ in edited)
    now = replace(document, text=text, sha256=hashlib.sha256(text.encode()).hexdigest())
    place = find(from_parameters(link), now)
    true_span = _where(document.text, start, end, edited)
    if place.span is None:
        assert place.state in (State.GONE, State.UNCLEAR)
        return "missed" if true_span else "honest"
    if true_span is None:
        return "found" if _is_put_back(document.text, start, end, _visible(edited, *place.span)) else "wrong"
    return "found" if _visible(edited, *place.span) == _visible(edited, *true_span) else "wrong"


def _where(original: str, start: int, end: int, edited: Traced) -> tuple[int, int] | None:
    """Return where the quoted characters are now, None unless they all are there, in order and next to each other."""
    wanted = [offset for offset in range(start, end) if not original[offset].isspace()]
    kept = [(place, offset) for place, (character, offset) in enumerate(edited) if not character.isspace()]
    offsets = [offset for _, offset in kept]
    for at in (number for number, offset in enumerate(offsets) if offset == wanted[0]):
        if offsets[at : at + len(wanted)] == wanted and _spaces_kept(original, edited, kept[at : at + len(wanted)]):
            return kept[at][0], kept[at + len(wanted) - 1][0] + 1
    return None


def _spaces_kept(original: str, edited: Traced, kept: list[tuple[int, int]]) -> bool:
    """Tell whether words are still parted where they were; how much white space parts them does not count."""
    return all(
        (original[left_offset + 1 : right_offset].strip() == "" and (right_offset - left_offset > 1))
        == (right_place - left_place > 1)
        for (left_place, left_offset), (right_place, right_offset) in pairwise(kept)
    ) and bool(edited)


def _is_put_back(original: str, start: int, end: int, marked: Traced) -> bool:
    """Tell whether edits took out a few of the quoted characters and put the same ones there again."""
    wanted = [(original[offset], offset) for offset in range(start, end) if not original[offset].isspace()]
    same = sum(one == other for one, other in zip(wanted, marked, strict=False))
    return [one for one, _ in wanted] == [one for one, _ in marked] and same >= 0.9 * len(wanted)


def _visible(edited: Traced, start: int, end: int) -> list[tuple[str, int]]:
    return [pair for pair in edited[start:end] if not pair[0].isspace()]


def _spans(document: Document) -> list[tuple[int, int]]:
    passages = [passage for section in sections_of(document) for passage in passages_of(document, section)]
    return [(p.start, p.end) for p in passages] + [span for p in passages for span in p.sentences]


def _edited(text: str, chance: random.Random, quoted: tuple[int, int]) -> Traced:
    """Return the text after random edits; half of the trials leave the quoted stretch itself alone."""
    edited = [(character, offset) for offset, character in enumerate(text)]
    spared = chance.random() < 0.5
    for _ in range(chance.choice(EDITS_A_TRIAL)):
        start, end = _stretch(edited, chance)
        if spared and any(quoted[0] <= offset < quoted[1] for _, offset in edited[start:end]):
            continue
        piece = edited[start:end]
        kind = chance.choice(("insert", "delete", "replace", "move", "double", "wrap", "near"))
        if kind in ("insert", "near"):
            at = start if kind == "insert" else _near(edited, quoted, chance)
            edited[at:at] = _new(chance)
        elif kind == "delete":
            del edited[start:end]
        elif kind == "replace":
            edited[start:end] = _new(chance)
        elif kind == "wrap":
            edited[start:end] = [
                ("\n", offset) if character == " " else (character, offset) for character, offset in piece
            ]
        else:
            if kind == "move":
                del edited[start:end]
            at = chance.randrange(len(edited) + 1)
            edited[at:at] = piece
    return edited


def _stretch(edited: Traced, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(max(1, len(edited)))
    return start, min(len(edited), start + chance.choice((1, 8, 40, 200, 1500)))


def _near(edited: Traced, quoted: tuple[int, int], chance: random.Random) -> int:
    """Return a place just before or after the quotation, where its context is."""
    side = quoted[0] if chance.random() < 0.5 else quoted[1] - 1
    place = next((number for number, (_, offset) in enumerate(edited) if offset == side), 0)
    return (
        max(0, place - chance.randrange(1, 40))
        if side == quoted[0]
        else min(len(edited), place + chance.randrange(1, 40))
    )


def _new(chance: random.Random) -> Traced:
    words = ("an", "entirely", "new", "remark.", "Besides,", "somebody", "added", "1999", "this", "here;")
    return [(character, -1) for character in " " + " ".join(chance.choices(words, k=chance.choice((1, 6, 40)))) + " "]


if __name__ == "__main__":
    main()
