"""A reply as JSON-ready values: the same from HTTP, the command line and everything else (docs/api.md)."""

from dataclasses import asdict
from typing import Any

from qa.answer import CitedPassage, Reply
from qa.documents import Document
from qa.explain import WhyNot, explain
from qa.index import Index
from qa.quotes import short_link


def index_to_json(index: Index) -> dict[str, str]:
    """Return what a reply says of the generation that it comes from."""
    return {"id": index.manifest.id, "built_at": index.built_at, "model": index.manifest.model.name}


def percent_of(confidence: float) -> int:
    """Return a confidence as people are shown it: that of the JSON interface, rounded down, for nothing is certain."""
    return min(round(10_000 * confidence) // 100, 99)


def reply_to_json(reply: Reply, *, explained: bool = False) -> dict[str, Any]:
    """Return a reply as the JSON interface gives it.

    Args:
        explained: say for each passage why it stands where it stands.
    """
    answer = reply.answer
    query = reply.query
    return {
        "question": query.text,
        "searched": query.searched,
        "corrections": [{"word": c.word, "replacement": c.replacement} for c in query.corrections],
        "status": reply.status.value,
        "answer": answer
        and {
            "text": answer.text,
            "passage": answer.passage,
            "start": answer.start,
            "end": answer.end,
            "confidence": round(reply.confidence, 4),
            "supported_by": list(answer.supported_by),
        },
        "confidence": round(reply.confidence, 4),
        "disagreements": [{"first": asdict(pair.first), "second": asdict(pair.second)} for pair in reply.disagreements],
        "passages": [_passage_to_json(reply, cited, explained) for cited in reply.passages],
        "index": index_to_json(reply.index),
        "took_ms": round(reply.took_ms, 2),
    }


def document_to_json(document: Document, *, with_text: bool) -> dict[str, Any]:
    """Return a document; `text` is what every offset counts in."""
    about = {
        "id": document.id,
        "path": document.path,
        "title": document.title,
        "kind": document.kind,
        "source": document.source,
        "url": document.url,
        "language": document.language,
        "license": document.license,
        "sha256": document.sha256,
        "characters": len(document.text),
    }
    return {**about, "text": document.text} if with_text else about


def why_not_to_json(found: WhyNot) -> dict[str, Any]:
    """Return the fate of a stretch of a document as the JSON interface gives it."""
    passage = found.passage
    return {
        "question": found.question,
        "searched": found.searched,
        "stage": found.stage.value,
        "reason": found.reason,
        "passage": passage
        and {
            "id": passage.id,
            "document": passage.document_id,
            "start": passage.start,
            "end": passage.end,
            "text": passage.text,
        },
        "keyword_rank": found.keyword_rank,
        "meaning_rank": found.meaning_rank,
        "explain": found.explanation and asdict(found.explanation),
    }


def _passage_to_json(reply: Reply, cited: CitedPassage, explained: bool) -> dict[str, Any]:
    passage, document = cited.hit.passage, cited.document
    explanation = {"explain": asdict(explain(reply.candidates, cited.hit))} if explained else {}
    return {
        "rank": cited.rank,
        "id": passage.id,
        "text": passage.text,
        "start": passage.start,
        "end": passage.end,
        "headings": list(passage.headings),
        "score": round(cited.hit.score, 6),
        "highlights": [list(span) for span in cited.highlights],
        "document": {
            "id": document.id,
            "path": document.path,
            "title": document.title,
            "source": document.source,
            "url": document.url,
            "sha256": document.sha256,
        },
        "link": short_link(document, passage.start, passage.end),
        "permalink": cited.permalink,
        **explanation,
    }
