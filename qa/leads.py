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
    if above.kind == "item" and not _goes_on(document, above, below):
        return False
    return is_label(document, above) and (
        below.kind != "paragraph" or _is_deeper(document, below, above) or _explains(document, below, above)
    )


def is_label(document: Document, block: Block) -> bool:
    """Tell whether a block is a question, or so short and without a full stop that it cannot stand for itself."""
    text = _unclosed(document, block)
    if text.endswith(_QUESTION):
        return True
    is_fragment = not text.endswith((":", *_FULL_STOP)) and ": " not in text  # "Length: 300 m" says enough
    return len(text) <= LABEL_CHARS and is_fragment and any(map(str.isalnum, text))


def is_named_quotation(document: Document, above: Block, below: Block) -> bool:
    """Tell whether a block ends with a quotation and the next, a list item, says whose it is."""
    return above.kind != "item" and below.kind == "item" and document.text[above.end - 1] in '"”»'


def is_within(below: Block, item: Block) -> bool:
    """Tell whether an item goes on with the one above, as a paragraph or list of that one."""
    return below.level > item.level or (below.level == item.level and below.content == below.start)


def _goes_on(document: Document, item: Block, below: Block) -> bool:
    """Tell whether an item goes on in the block below: in its own list or, in plain text, on the very next line."""
    if below.kind == "item":
        return is_within(below, item)
    return below.kind == "paragraph" and document.text.count("\n", item.end, below.start) == 1


def _is_deeper(document: Document, below: Block, above: Block) -> bool:
    """Tell whether a block is set deeper, as the description of a term is."""
    return above.level < below.level or _column(document, above) < _column(document, below)


def _explains(document: Document, below: Block, above: Block) -> bool:
    """Tell whether a paragraph answers the question above it, or says enough to be more than the next of many lines."""
    text = _unclosed(document, below)
    if text.endswith(_QUESTION):
        return False
    is_answer = _unclosed(document, above).endswith(_QUESTION)
    return is_answer or len(text) > LABEL_CHARS or text.endswith((":", *_FULL_STOP))


def _unclosed(document: Document, block: Block) -> str:
    """Return the text of a block without what may stand behind its last mark."""
    return document.text[block.content : block.end].rstrip(_CLOSING)


def _column(document: Document, block: Block) -> int:
    return block.start - document.text.rfind("\n", 0, block.start)
