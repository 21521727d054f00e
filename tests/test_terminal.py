from dataclasses import replace

import pytest

from qa.answer import answer
from qa.documents import parse_document
from qa.explain import why_not
from qa.index import Index
from qa.rebuild import build
from qa.terminal import reply_to_text, why_not_to_text
from qa.vectors import Embedder

pytestmark = pytest.mark.model

WIDTH = 100


def text_of(index: Index, embedder: Embedder, question: str) -> str:
    return reply_to_text(answer(index, embedder, question, min_confidence=0.5))


def test_an_answer_comes_first_with_its_citation(tiny_index, embedder):
    """The answer stands in quotation marks, then its source with offsets and the confidence, then the passages."""
    lines = text_of(tiny_index, embedder, "How high is the lighthouse of Skagen?").splitlines()

    assert lines[0].startswith("“")
    assert "46 metres" in lines[0]
    citation = next(line for line in lines if line.startswith("  ["))
    assert "The lighthouse of Skagen" in citation
    assert "(lighthouse.md), characters " in citation
    assert any(line.startswith("  confidence ") for line in lines)
    assert [line[:3] for line in lines if line.startswith("[")] == [
        f"[{n}]" for n in range(1, min(5, len(tiny_index.passages)) + 1)
    ]


@pytest.mark.parametrize(("confidence", "shown"), [(1.0, "0.99"), (0.989, "0.98"), (0.29, "0.29")])
def test_nothing_is_certain(tiny_index, embedder, confidence, shown):
    """The confidence is that of the page: rounded down, and never 1."""
    reply = answer(tiny_index, embedder, "How high is the lighthouse of Skagen?", min_confidence=0.5)

    assert f"\n  confidence {shown}\n" in reply_to_text(replace(reply, confidence=confidence))


def test_text_is_wrapped(tiny_index, embedder):
    """What is quoted is never wider than 100 columns."""
    lines = text_of(tiny_index, embedder, "Who was the first keeper?").splitlines()

    assert max(len(line) for line in lines if line.startswith(("“", "    "))) <= WIDTH


def test_items_and_code_keep_their_lines(tmp_path, embedder: Embedder):
    """Each block begins a line, in the answer and in the passage below it; lists keep their depth, code its lines."""
    text = "To save the lamp data:\n\n```\nmount /mnt\n  save --lamp\n```\n\nBring\n\n- a rope\n  - a hook\n- a lamp\n"
    index = build([parse_document("a.md", text)[0]], embedder, tmp_path, lambda *_: None)

    lines = reply_to_text(answer(index, embedder, "How do I save the lamp data?", min_confidence=0)).splitlines()

    shown = ["To save the lamp data:", "mount /mnt", "  save --lamp", "Bring", "- a rope", "  - a hook", "- a lamp"]
    assert lines[:3] == ["“To save the lamp data:", "mount /mnt", "  save --lamp”"]
    assert lines[-7:] == [f"    {line}" for line in shown]


def test_a_correction_is_shown_first(tiny_index, embedder):
    """What was searched instead of a misspelt question stands above the answer."""
    assert text_of(tiny_index, embedder, "How high is the lighthuose?").startswith(
        "Searched for: How high is the lighthouse?\n\n"
    )


def test_a_refusal_says_so(tiny_index, embedder):
    """When the documents do not answer, that is the first line, and the nearest passages follow."""
    lines = text_of(tiny_index, embedder, "Which submarine sank off the coast of Peru?").splitlines()

    assert lines[0].startswith("The documents do not answer this (confidence 0.")
    assert lines[2].startswith("[1] ")


def test_support_and_disagreement_are_shown(tmp_path, embedder: Embedder):
    """Who says the same is named below the answer, and what another document says instead stands quoted below that."""
    texts = {
        "a.md": "The inn at the harbour was opened in 1998.",
        "b.md": "It is known that the inn at the harbour was opened in 1998.",
        "c.md": "The inn at the harbour was opened in 2003.",
    }
    documents = [parse_document(name, text)[0] for name, text in texts.items()]
    index = build(documents, embedder, tmp_path, lambda *_: None)

    text = text_of(index, embedder, "When was the inn at the harbour opened?")

    first, _, rest = text.partition("The documents differ. ")
    assert "1998" in first
    assert "  also said in [" in first
    assert rest.startswith("“The inn at the harbour was opened in 2003.”\n  [")
    assert "] 2003, not 1998\n" in rest


def test_why_not_shows_its_numbers(tiny_index, embedder):
    """The stage comes first, then the passage, and the products add up to the score that is printed."""
    passage = next(p for p in tiny_index.passages if "cacti" in p.text)
    found = why_not(
        tiny_index, embedder, "Who was the frist keeper?", passage.document_id, passage.start, passage.end, k=1
    )

    lines = why_not_to_text(found).splitlines()

    assert any(line.startswith(f"{found.stage.value}: ") for line in lines[:2])
    assert f"passage {passage.document_id}:{passage.start}-{passage.end}" in lines
    factors = [line.split()[1:6:2] for line in lines if " = " in line]
    products = [float(product) for *_, product in factors]
    assert [float(value) * float(weight) for value, weight, _ in factors] == pytest.approx(products, abs=1e-5)
    score = next(float(line.split()[1]) for line in lines if line.startswith("  score"))
    assert sum(products) == pytest.approx(score, abs=1e-4)
