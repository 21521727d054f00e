"""What the reader is trained on: questions with the excerpts that a search over their documents comes up with.

So each example looks as what the reader gets in the service: the best sentence of a passage and those around it.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from qa.encoders import encode_all
from qa.reader import excerpt
from qa.rebuild import build
from qa.search import Found, Hit, search
from qa.vectors import DEFAULT_MODEL, Embedder
from tools.written import Question, is_held_out, own_of, read_documents, written_for

OWN_SHARE = 0.4  # of the questions that a set has itself
FEW_PASSAGES = 3  # an article of no more has none that only comes near


@dataclass(frozen=True, slots=True)
class Example:
    """A question and a text, as the reader gets them."""

    question: str
    text: str
    answer: str | None  # words of the text that answer the question, None if none do
    kind: str
    held_out: bool  # not learned from


def examples_of(folder: Path) -> list[Example]:
    """Return all examples over one set.

    A question is asked of the article that it is on, or of the whole set if that is a short one. Where question and
    passage belong to titles of which one is held out and the other is not, there is no example.
    """
    documents = read_documents(folder)
    titles = {document.id: document.title for document in documents}
    chance = random.Random(1)  # noqa: S311
    asked = written_for(folder) + [one for one in own_of(folder) if chance.random() < OWN_SHARE]
    embedder = Embedder(DEFAULT_MODEL)
    examples = []
    with TemporaryDirectory() as temporary:
        index = build(documents, embedder, Path(temporary), lambda *_: None)

        def find(one: Question) -> Found:
            about = {titles[name] for name in one.documents}
            article = [name for name, title in titles.items() if title in about]
            short = sum(len(index.passages_of(name)) for name in article) <= FEW_PASSAGES
            return search(index, embedder, one.text, documents=None if short else article, read=False)

        for one, found in zip(asked, tqdm(encode_all(find, asked), desc=folder.name, total=len(asked)), strict=True):
            held_out = any(is_held_out(titles[name]) for name in one.documents)
            for hit, answer, kind in chosen(one, found.hits):
                if is_held_out(titles[hit.passage.document_id]) == held_out:
                    kind = f"{folder.name} {kind}"
                    examples.append(Example(found.query.searched, shown(hit), answer, kind, held_out))
    return examples


def shown(hit: Hit) -> str:
    """Return what the reader gets of a hit."""
    return excerpt(hit.passage, hit.sentence_scores)


def chosen(one: Question, hits: Sequence[Hit]) -> Iterator[tuple[Hit, str | None, str]]:
    """Yield the hits that make examples of a question, each with the answer in it and its kind.

    A question without an answer stands with the best hit; one that has an answer with the best hit that shows it, and
    with the best one that does not hold its words.
    """
    if one.answer is None:
        yield hits[0], None, one.kind
        return
    right = (hit for hit in hits if hit.passage.document_id in one.documents and one.answer in shown(hit))
    wrong = (hit for hit in hits if one.answer.casefold() not in hit.passage.text.casefold())
    for hit in islice(right, 1):
        yield hit, one.answer, one.kind
    for hit in islice(wrong, 1):
        yield hit, None, "elsewhere"
