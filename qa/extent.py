"""How far an answer reaches: from the sentence that was chosen to the span that is quoted."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import attrgetter

from qa.documents import Document
from qa.formats import Block
from qa.leads import is_label, is_named_quotation, leads_up
from qa.passages import Passage
from qa.sentences import Span

SHORT_ANSWER_CHARS = 200  # an answer shorter than this takes in the better of its neighbours
MAX_ANSWER_CHARS = 300  # as long as both together stay within this
AFTER = 0.05  # in favour of the neighbour after it, which explains more often than the one before


def extent(document: Document, passage: Passage, scores: Sequence[float], chosen: int) -> Span:
    """Return the span to quote for one sentence of a passage.

    Code, a table with a header, and a list of steps or of mere names are quoted whole if they are short enough: a part
    of them may mean nothing. Of all else the sentence is quoted with what it leads up to or, when it is short, with the
    better of its neighbours.
    """
    found = _Sentences(document, passage.sentences, [_block(document, span) for span in passage.sentences])
    return found.whole(chosen, passage.start) or found.widened(chosen, scores)


def _block(document: Document, span: Span) -> Block:
    """Return the block that a sentence stands in."""
    return document.blocks[bisect_right(document.blocks, span[0], key=attrgetter("start")) - 1]


@dataclass(frozen=True, slots=True)
class _Sentences:
    """The sentences of a passage, each with its block."""

    document: Document
    spans: Sequence[Span]
    blocks: Sequence[Block]

    def whole(self, number: int, limit: int) -> Span | None:
        """Return the code, table or list of a sentence, from `limit` on, None if it is too long or better parted."""
        block, (first, last) = self.blocks[number], self._run(number)
        if block.kind == "item":
            is_step = any(map(str.isalnum, self.document.text[block.start : block.content]))
            inseparable = is_step or is_label(self.document, block)
        else:
            inseparable = block.kind == "code" or self.blocks[first].kind == "header"
        start, end = max(limit, self.blocks[first].start), self.spans[last][1]
        if not inseparable or first == last or end - start > MAX_ANSWER_CHARS:
            return None
        if first > 0 and self._leads_up(first - 1) and end - self.spans[first - 1][0] <= MAX_ANSWER_CHARS:
            start = self.spans[first - 1][0]
        return start, end

    def widened(self, number: int, scores: Sequence[float]) -> Span:
        """Return a sentence with what it leads up to or, when it is short, with a neighbour."""
        start, end = self.spans[number][0], self._end(number, self.spans[number][0])
        if self._leads_up(number):
            # Where not even a sentence of that has room, the sentence says more than what leads up to it.
            return (start, end) if end > self.spans[number][1] else self.spans[number + 1]
        if end - start >= SHORT_ANSWER_CHARS:
            return start, end
        near = []
        if number > 0 and self._belong(number - 1):
            first = self.spans[number - 1][0]
            near.append((scores[number - 1], first, max(end, self._end(number - 1, first))))
        if number + 1 < len(self.spans) and self._belong(number):
            near.append((scores[number + 1] + AFTER, start, self._end(number + 1, start)))
        fitting = [(first, last) for _, first, last in sorted(near) if last - first <= MAX_ANSWER_CHARS]
        return next((span for span in reversed(fitting) if self.document.text[span[1] - 1] != ":"), (start, end))

    def _end(self, number: int, start: int) -> int:
        """Return where a sentence ends or, if it leads up to what follows, where that does as far as there is room."""
        taken = [number]
        while self._leads_up(taken[-1]):
            below = range(taken[-1] + 1, self._run(taken[-1] + 1)[1] + 1)
            fitting = [one for one in below if self.spans[one][1] - start <= MAX_ANSWER_CHARS]
            taken += fitting
            if len(fitting) < len(below):
                break
        complete = [one for one in taken[1:] if not self._leads_up(one)]
        return self.spans[complete[-1] if complete else taken[-1]][1]

    def _run(self, number: int) -> tuple[int, int]:
        """Return the first and the last sentence of the list, table or other block that a sentence stands in."""
        own = _unit(self.blocks[number])
        before = takewhile(lambda block: _unit(block) == own, reversed(self.blocks[:number]))
        after = takewhile(lambda block: _unit(block) == own, self.blocks[number + 1 :])
        return number - len(list(before)), number + len(list(after))

    def _leads_up(self, number: int) -> bool:
        """Tell whether a sentence ends a block that leads up to the next one."""
        one, other = self.blocks[number], self.blocks[min(number + 1, len(self.blocks) - 1)]
        return one is not other and leads_up(self.document, one, other)

    def _belong(self, number: int) -> bool:
        """Tell whether a sentence and the next stand in one block, or in blocks of which one is there for the other."""
        one, other = self.blocks[number], self.blocks[number + 1]
        return one is other or leads_up(self.document, one, other) or is_named_quotation(self.document, one, other)


def _unit(block: Block) -> str | int:
    """Return what the blocks of one list or table have in common and all else has for itself."""
    return {"item": "list", "header": "table", "row": "table"}.get(block.kind, block.start)
