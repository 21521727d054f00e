"""How far an answer reaches: from the sentence that was chosen to the span that is quoted."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import attrgetter

from qa.documents import Document
from qa.formats import Block
from qa.leads import is_label, is_named_quotation, is_within, leads_up
from qa.passages import Passage
from qa.sentences import Span

SHORT_ANSWER_CHARS = 200  # an answer shorter than this takes in the better of its neighbours
MAX_ANSWER_CHARS = 300  # as long as both together stay within this
AFTER = 0.05  # in favour of the neighbour after it, which explains more often than the one before
# Without such a lead-in an item says the opposite: "Do not: …", "Only owners may: …".
_LIMITS = re.compile(
    r"\b(?:not|no|none|nothing|nobody|never|neither|nor|without|cannot|only|except|unless|avoid|excluded|forbidden|"
    r"prohibited)\b|n['’]t\b",
    re.I,
)


def extent(
    document: Document, passage: Passage, scores: Sequence[float], chosen: int, *, gives_value: bool = False
) -> Span:
    """Return the span to quote for one sentence of a passage.

    Code, a table with a header, and a list of steps or of mere names are quoted whole if they are short enough: a part
    of them may mean nothing. Of all else the sentence is quoted with what it leads up to or, when it is short, with the
    better of its neighbours. An item with a lead-in that denies or limits is quoted from that on, however long it is.

    Args:
        gives_value: whether the sentence holds a date, number or name as was asked for; one step is enough then.
    """
    found = _Sentences(document, passage.sentences, [_block(document, span) for span in passage.sentences])
    start, end = found.whole(chosen, passage.start, gives_value) or found.widened(chosen, scores)
    return found.lead_in(start), end


def _block(document: Document, span: Span) -> Block:
    """Return the block that a sentence stands in."""
    return document.blocks[bisect_right(document.blocks, span[0], key=attrgetter("start")) - 1]


@dataclass(frozen=True, slots=True)
class _Sentences:
    """The sentences of a passage, each with its block."""

    document: Document
    spans: Sequence[Span]
    blocks: Sequence[Block]

    def whole(self, number: int, limit: int, gives_value: bool) -> Span | None:
        """Return the code, table or list of a sentence, from `limit` on, None if it is too long or better parted."""
        block, (first, last) = self.blocks[number], self._run(number)
        if block.kind == "item":
            is_step = self._marker(block) == "number"
            inseparable = (is_step and not gives_value) or is_label(self.document, block)
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
            # Of a list that the neighbour leads in the item itself is enough.
            last = end if self.blocks[number].kind == "item" else max(end, self._end(number - 1, first))
            near.append((scores[number - 1], first, last))
        if number + 1 < len(self.spans) and self._belong(number):
            near.append((scores[number + 1] + AFTER, start, self._end(number + 1, start)))
        fitting = [(first, last) for _, first, last in sorted(near) if last - first <= MAX_ANSWER_CHARS]
        return next((span for span in reversed(fitting) if self.document.text[span[1] - 1] != ":"), (start, end))

    def lead_in(self, start: int) -> int:
        """Return where the outermost lead-in begins that limits the item which starts here, else the start itself."""
        number = next(n for n, span in enumerate(self.spans) if span[1] > start)
        block = self.blocks[number]
        for one in reversed(range(number)):
            above = self.blocks[one]
            if block.kind != "item":
                break
            if above.kind == "item" and above.level >= block.level:
                continue
            if self._leads_up(one) and _LIMITS.search(self.document.text, *self.spans[one]):
                start = self.spans[one][0]
            block = above
        return start

    def _end(self, number: int, start: int) -> int:
        """Return where a sentence ends or, if it leads up to what follows, where that does as far as there is room."""
        taken = [number]
        while self._leads_up(taken[-1]):
            below = range(taken[-1] + 1, self._last_below(taken[-1]) + 1)
            fitting = [one for one in below if self.spans[one][1] - start <= MAX_ANSWER_CHARS]
            taken += fitting
            if len(fitting) < len(below):
                break
        complete = [one for one in taken[1:] if not self._leads_up(one)]
        return self.spans[complete[-1] if complete else taken[-1]][1]

    def _last_below(self, number: int) -> int:
        """Return the last sentence of the list or other block that a sentence leads up to: of an item what is in it."""
        last = self._run(number + 1)[1]
        own = self.blocks[number]
        if own.kind != "item":
            return last
        within = list(takewhile(lambda block: is_within(block, own), self.blocks[number + 1 : last + 1]))
        return number + len(within) if within else last

    def _run(self, number: int) -> tuple[int, int]:
        """Return the first and the last sentence of the list, table or other block that a sentence stands in."""
        own = self.blocks[number]
        before = takewhile(lambda block: self._are_one(block, own), reversed(self.blocks[:number]))
        after = takewhile(lambda block: self._are_one(block, own), self.blocks[number + 1 :])
        return number - len(list(before)), number + len(list(after))

    def _are_one(self, block: Block, other: Block) -> bool:
        """Tell whether two blocks stand in one list or table, if all between them do; bullets above steps do not."""
        has_both = {self._marker(block), self._marker(other)} == {"bullet", "number"}
        return _unit(block) == _unit(other) and not (has_both and block.level == other.level)

    def _marker(self, block: Block) -> str:
        """Return what marks a list item, "" where an item goes on."""
        marker = self.document.text[block.start : block.content]
        return "number" if any(map(str.isalnum, marker)) else "bullet" if marker else ""

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
