"""A reply as text for a terminal."""

import textwrap

from qa.answer import CitedPassage, Reply
from qa.documents import Document, shown_blocks
from qa.explain import WhyNot
from qa.reply import percent_of

_WIDTH = 100


def reply_to_text(reply: Reply) -> str:
    """Return the answer with its citation, then the passages."""
    lines = []
    confidence = percent_of(reply.confidence) / 100
    if reply.query.corrections:
        lines += [f"Searched for: {reply.query.searched}", ""]
    if reply.answer:
        cited = reply.passages[reply.answer.passage - 1]
        lines += [
            *_lines(cited.document, reply.answer.start, reply.answer.end, "", "“", "”"),
            f"  [{reply.answer.passage}] {_source(cited)}, characters {reply.answer.start}-{reply.answer.end}",
            f"  confidence {confidence:.2f}",
        ]
        if reply.answer.supported_by:
            lines.append("  also said in " + ", ".join(f"[{rank}]" for rank in reply.answer.supported_by))
        for found in reply.disagreements:
            said = " ".join(found.second.text.split())
            lines += [
                "",
                *textwrap.wrap(f"The documents differ. “{said}”", _WIDTH),
                f"  [{found.second.passage}] {found.second.value}, not {found.first.value}",
            ]
    else:
        lines.append(f"The documents do not answer this (confidence {confidence:.2f}). The nearest passages:")
    for cited in reply.passages:
        passage = cited.hit.passage
        lines += ["", f"[{cited.rank}] {_source(cited)}, characters {passage.start}-{passage.end}"]
        lines += _lines(cited.document, passage.start, passage.end, "    ")
    return "\n".join(lines)


def why_not_to_text(found: WhyNot) -> str:
    """Return at which stage a stretch of a document was left out, with the numbers behind it."""
    lines = [f"{found.stage.value}: {found.reason}"]
    if found.searched != found.question:
        lines.insert(0, f"Searched for: {found.searched}")
    if found.passage:
        passage = found.passage
        lines += ["", f"passage {passage.document_id}:{passage.start}-{passage.end}"]
        by_words = f"number {found.keyword_rank}" if found.keyword_rank else "no word in common"
        lines.append(f"first stage: {by_words} by words, number {found.meaning_rank} by meaning")
    if found.explanation:
        for factor in found.explanation.factors:
            lines.append(
                f"  {factor.name:14} {factor.value:8.5f} x {factor.weight:.4f} = {factor.product:8.5f}  "
                f"(number {factor.rank} of {found.explanation.candidates}) {factor.about}"
            )
        lines.append(f"  {'score':14} {found.explanation.score:28.4f}  number {found.explanation.score_rank}")
    return "\n".join(lines)


def _lines(document: Document, start: int, end: int, indent: str, opening: str = "", closing: str = "") -> list[str]:
    """Return a stretch of a document: each block begins a line, indented as deep as a list is, and is wrapped."""
    blocks = shown_blocks(document, start, end)
    lines: list[str] = []
    for number, block in enumerate(blocks, 1):
        text = block.marker + block.text
        marked = (opening if number == 1 else "") + text + (closing if number == len(blocks) else "")
        inset = indent + "  " * block.depth
        if block.kind == "code":
            lines += textwrap.indent(marked, inset).splitlines()
        else:
            lines += textwrap.wrap(marked, _WIDTH, initial_indent=inset, subsequent_indent=inset)
    return lines


def _source(cited: CitedPassage) -> str:
    path = " › ".join((cited.document.title, *cited.hit.passage.headings))
    return f"{path} ({cited.document.path})"
