"""Tell which blocks say little without the one below: lead-ins, questions, terms and labels, header rows of tables."""

from qa.documents import Document
from qa.formats import Block

LABEL_CHARS = 100  # a longer block is text of its own, even without a full stop
_CLOSING = "\"'”’»)"  # may stand behind the last mark of a sentence
_QUESTION = ("?", "？", "؟")
_FULL_STOP = (".", "!", "…", "。", "！", "।", "۔")


def leads_up(document: Document, above: Block, below: Block) -> bool:
    """Tell whether a block is there for the sake of the next one."""
    if above.kind == "header":
        return True
    if above.kind in ("row", "code"):
        return False
    if document.text[above.end - 1] == ":":
        return True
    if above.kind == "item" and not (below.kind == "item" and _is_within(below, above)):
        return False
    explains = below.kind not in ("paragraph", "item") or not is_label(document, below)
    return is_label(document, above) and (explains or _column(document, above) < _column(document, below))


def is_label(document: Document, block: Block) -> bool:
    """Tell whether a block is a question, or so short and without a full stop that it cannot stand for itself."""
    text = document.text[block.content : block.end].rstrip(_CLOSING)
    if text.endswith(_QUESTION):
        return True
    is_fragment = not text.endswith((":", *_FULL_STOP)) and ": " not in text  # "Length: 300 m" says enough
    return len(text) <= LABEL_CHARS and is_fragment and any(map(str.isalnum, text))


def is_named_quotation(document: Document, above: Block, below: Block) -> bool:
    """Tell whether a block ends with a quotation and the next, a list item, says whose it is."""
    return above.kind != "item" and below.kind == "item" and document.text[above.end - 1] in '"”»'


def _is_within(below: Block, item: Block) -> bool:
    """Tell whether an item goes on with the one above, as a paragraph or list of that one."""
    return below.level > item.level or (below.level == item.level and below.content == below.start)


def _column(document: Document, block: Block) -> int:
    return block.start - document.text.rfind("\n", 0, block.start)
