"""The pages: server-rendered, complete without JavaScript; static/*.js only adds comfort."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from flask import Blueprint, Response, g, jsonify, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound

from qa.answer import DEFAULT_K, CitedPassage, Reply, Status
from qa.documents import Document
from qa.errors import BadQuestion, BadQuote, Busy, NoSuchDocument
from qa.explain import explain
from qa.feedback import MAX_COMMENT_CHARS, OFF, Feedback, store
from qa.index import Index
from qa.passages import MAX_CHARS
from qa.quotes import Place, Quote, State, find, from_parameters, lasting_link, quote, read_place, read_range
from qa.reply import percent_of
from qa.search import MAX_K, check_question
from qa.sentences import Span
from web.api import check_parameters, service, whole_number
from web.citations import FORMATS, cite
from web.openapi import DESCRIPTION, describe
from web.problems import BAD_QUESTION, PROBLEMS, BadRequest
from web.queue import turn
from web.reference import marked_up, operations_of, records_of
from web.render import Heading, Marks, contents_of, headings_of, part_at, parts_of, render_document, render_passage
from web.suggestions import examples
from web.trace import trace

pages = Blueprint("pages", __name__)
THEMES = ("auto", "light", "dark")
_THEME_SECONDS = 365 * 24 * 3600
_LISTED = 50  # documents on one page of the list: some 25 kB
_FILTER_DOCUMENTS = 40  # with more, the filter offers those of the result; the list of documents has them all
NEIGHBOUR_CHARS = 150  # of the text before and after a passage: enough to see what it is about
_NEIGHBOUR_MOST = 300  # of one long sentence, so that the page stays light
_WORDS_A_MINUTE = 230  # silent reading of non-fiction: Brysbaert 2019, doi:10.1016/j.jml.2019.104047
_OWN_ADDRESS = re.compile(r"/(?![/\\])[^\x00-\x20\x7f]*")  # "/\t/host" is "//host" to a browser
_kept_examples: WeakKeyDictionary[Index, list[str]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the question form was sent with."""

    question: str
    k: int
    documents: list[str]
    exact: bool

    def href(self, **changes: Any) -> str:
        """Return the address of the same question with something changed."""
        values = {"q": self.question, "k": self.k, "documents": self.documents, "exact": self.exact} | changes
        return url_for(
            "pages.home",
            q=values["q"] or None,
            k=values["k"] if values["k"] != DEFAULT_K else None,
            documents=values["documents"] or None,
            exact="true" if values["exact"] else None,
        )


@pages.app_context_processor
def _shared() -> dict[str, Any]:
    """Return what every template may use."""
    theme = request.cookies.get("theme", "auto")
    return {
        "theme": theme if theme in THEMES else "auto",
        "themes": THEMES,
        "max_comment_chars": MAX_COMMENT_CHARS,
        "default_k": DEFAULT_K,
        "max_k": MAX_K,
        "asked": g.get("asked") or _asked(request.args),
        "here": request.full_path.rstrip("?") if request.method == "GET" else "/",  # where one can come back to
    }


@pages.get("/")
def home() -> str | tuple[str, int]:
    """Show the question box and, when there is a question, its answer."""
    asked = _asked(request.args)
    index = service().index
    unknown = [name for name in asked.documents if name not in index.documents]
    if unknown:
        raise NoSuchDocument(f"there is no document {unknown[0]!r} any more")
    chosen = [index.documents[name] for name in asked.documents]
    if "q" not in request.args:
        return render_template(
            "home.html",
            asked=asked,
            chosen=chosen,
            documents=_filter_documents(index, []),
            examples=_examples(index),
            index=index,
        )
    try:
        with turn():
            reply = service().ask(asked.question, k=asked.k, documents=asked.documents or None, exact=asked.exact)
        trace().reply = reply
    except BadQuestion as error:
        trace().problem = BAD_QUESTION.slug
        page = render_template(
            "home.html", asked=asked, chosen=chosen, documents=_filter_documents(index, []), examples=_examples(index),
            index=index, problem=str(error),
        )  # fmt: skip
        return page, 400
    return render_template(
        "answer.html",
        asked=asked,
        reply=reply,
        answered=reply.status is Status.ANSWERED,
        chosen=chosen,
        documents=_filter_documents(reply.index, [cited.document for cited in reply.passages]),
        **_tools(reply),
    )


@pages.get("/documents")
def documents() -> str:
    """List the documents, page by page; only those of the page are read."""
    index = service().index
    last = -(-len(index.documents) // _LISTED)
    page = _number_of_address("page", last)
    first = (page - 1) * _LISTED
    listed = [
        {
            "document": document,
            "words": len(document.text.split()),
            "sections": len(headings_of(document)),
            "passages": len(index.passages_of(document.id)),
        }
        for document in index.documents.stretch(first, first + _LISTED)
    ]
    linked = [number for number in sorted({1, page - 1, page, page + 1, last}) if 1 <= number <= last]
    return render_template(
        "documents.html", listed=listed, index=index, first=first, page=page, last=last, linked=linked
    )


@pages.get("/documents/<document_id>")
def document(document_id: str) -> str:
    """Show one document, with the span that the address quotes marked and scrolled to."""
    found = document_or_404(service().index, document_id)
    quoted, place = _quoted(found)
    headings = headings_of(found)
    parts = parts_of(found)
    marks = Marks(span=place.span or (0, 0), anchor="at") if place else Marks()
    number = _part_number(parts, headings, place)
    start, end = parts[number - 1]
    words = len(found.text.split())
    return render_template(
        "document.html",
        document=found,
        contents=contents_of(headings),
        text=render_document(found, (start, end), marks, headings),
        part=number,
        parts=len(parts),
        part_of=lambda heading: part_at(parts, heading.block.start),
        place=place,
        quoted=quoted,
        words=words,
        minutes=max(1, round(words / _WORDS_A_MINUTE)),
        lasting=lasting_link,
    )


@pages.get("/documents/<document_id>/cite/<form>")
def citation(document_id: str, form: str) -> Response:
    """Return a citation of one span in the form that is asked for."""
    index = service().index
    found = document_or_404(index, document_id)
    if form not in FORMATS:
        raise NotFound
    _check_unchanged(found, request.args)
    start, end = _range_within(found)
    passages = [index.passages[row] for row in index.passages_of(found.id)]
    headings = next((p.headings for p in passages if p.start <= start < p.end), ())
    cited = cite(found, start, end, headings, request.url_root)
    response = Response(FORMATS[form].render(cited), mimetype=FORMATS[form].mimetype)
    response.headers["Content-Disposition"] = f"inline; filename={found.id}-{start}-{end}.{form}"
    return response


@pages.get(DESCRIPTION)
def openapi() -> Response:
    """Describe the JSON interface to programs; also when there is no index."""
    check_parameters(())
    return jsonify(describe(service()))


@pages.get("/api")
def api_reference() -> str:
    """Describe the JSON interface to people."""
    described = describe(service())
    return render_template(
        "api.html",
        about=marked_up(described["info"]["description"]),
        operations=operations_of(described, request.url_root),
        records=records_of(described),
        problems=PROBLEMS,
    )


@pages.post("/feedback")
def give_feedback() -> str:
    """Keep what somebody says of an answer."""
    if not _is_from_here() or not _asks_feedback():
        raise NotFound  # another site's form, or nobody wants to know
    asked = g.asked = _asked(request.form)  # the page that refuses it keeps the question
    question = check_question(asked.question)
    comment = " ".join(request.form.get("comment", "").split())[:MAX_COMMENT_CHARS]
    if request.form.get("helpful") not in ("yes", "no"):
        raise BadRequest("the field `helpful` must be yes or no")
    index = service().index
    answer, path = "", ""
    if place := request.form.get("place"):
        document_id, start, end = read_place(place)
        quoted = document_or_404(index, document_id)
        _check_unchanged(quoted, request.form)
        if not start < end <= min(len(quoted.text), start + MAX_CHARS):
            raise BadQuote(f"{place} is no answer")
        answer, path = quoted.text[start:end], quoted.path
    store(
        service().settings.feedback,
        Feedback(
            question=question,
            helpful=request.form["helpful"] == "yes",
            comment=comment,
            answered=bool(answer),
            answer=answer,
            document=path,
            generation=index.manifest.id,
        ),
    )
    return render_template("thanks.html", asked=asked)


@pages.post("/theme")
def set_theme() -> Response:
    """Remember light, dark or the system's choice in a cookie, so that the first paint is right without a script."""
    theme = request.form.get("theme", "")
    if theme not in THEMES:
        raise NotFound
    back = request.form.get("back", "/")
    response = redirect(back if _OWN_ADDRESS.fullmatch(back) else "/", 303)
    assert isinstance(response, Response)
    response.set_cookie("theme", theme, max_age=_THEME_SECONDS, samesite="Lax", httponly=False)
    return response


def document_or_404(index: Index, document_id: str) -> Document:
    """Return a document of the index.

    Raises:
        NoSuchDocument: there is none of that id.
    """
    found = index.documents.get(document_id)
    if found is None:
        raise NoSuchDocument(f"there is no document {document_id!r} in the index; it may have been moved or taken out")
    return found


def _asked(sent: MultiDict[str, str]) -> Asked:
    k = whole_number(sent.get("k", ""))
    return Asked(
        question=" ".join(sent.get("q", "").split()),
        k=DEFAULT_K if k is None else min(max(k, 1), MAX_K),
        documents=list(dict.fromkeys(sent.getlist("documents"))),
        exact=sent.get("exact") == "true",
    )


def _filter_documents(index: Index, found: list[Document]) -> list[Document]:
    """Return the documents that the filter offers: all, or those of the result when there are too many."""
    if len(index.documents) <= _FILTER_DOCUMENTS:
        return list(index.documents.values())
    return list({document.id: document for document in found}.values())


def _examples(index: Index) -> list[str]:
    """Return the example questions, which are looked for once a generation and in turn with people's questions."""
    if index not in _kept_examples:
        try:
            with turn():
                _kept_examples[index] = examples(service())
        except Busy:  # the page is worth more than its examples
            return []
    return _kept_examples[index]


def _quoted(found: Document) -> tuple[Quote | None, Place | None]:
    """Return the quotation of the address and where it is; a bare `at` is taken at its word."""
    if "at" not in request.args:
        return None, None
    if "quote" in request.args:
        quoted = from_parameters(request.args)
        return quoted, find(quoted, found)
    if not _fits(found, request.args):
        read_range(request.args["at"])  # which may lie beyond the end by now, but must be one
        return None, Place(State.UNCLEAR, None)
    start, end = _range_within(found)
    return quote(found, start, end), Place(State.UNCHANGED, (start, end))


def _fits(found: Document, sent: Mapping[str, str]) -> bool:
    """Tell whether a document is still the one that an address or a form was made for, as far as that says."""
    return found.sha256.startswith(sent.get("doc", ""))


def _check_unchanged(found: Document, sent: Mapping[str, str]) -> None:
    if not _fits(found, sent):
        raise BadQuote("the document was changed since the page that you come from was made; ask the question again")


def _range_within(found: Document) -> Span:
    start, end = read_range(request.args.get("at", ""))
    if end > len(found.text) or not found.text[start:end].strip():
        raise BadQuote(f"this document has no text at {start}-{end}; it has {len(found.text):,} characters")
    return start, end


def _is_from_here() -> bool:
    """Tell whether a form was sent by a page of this site; browsers say so in one of two headers."""
    origin = request.headers.get("Origin")
    same_site = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    return same_site and (origin is None or urlsplit(origin).netloc == request.host)


def _asks_feedback() -> bool:
    return service().settings.feedback != OFF


def _part_number(parts: Sequence[Span], headings: Sequence[Heading], place: Place | None) -> int:
    """Return the part to show: the one of the mark, of the section, or the one that was asked for."""
    if place and place.span:
        return part_at(parts, place.span[0])
    section = request.args.get("section", "")
    for heading in headings:
        if heading.id == section:
            return part_at(parts, heading.block.start)
    return _number_of_address("part", len(parts))


def _number_of_address(name: str, last: int) -> int:
    """Return which of the pages or parts, 1 to `last`, is asked for: the first if the address does not say."""
    wanted = whole_number(request.args.get(name, "1"))
    if wanted is None or not 1 <= wanted <= last:
        raise NotFound
    return wanted


def _tools(reply: Reply) -> dict[str, Any]:
    """Return what the template shows a reply with."""

    def text_of(cited: CitedPassage) -> Markup:
        passage, answer = cited.hit.passage, reply.answer
        shift = passage.start
        words = [(start + shift, end + shift) for start, end in cited.highlights]
        span = (answer.start, answer.end) if answer and answer.passage == cited.rank else (0, 0)
        return render_passage(cited.document, passage.start, passage.end, Marks(span, "answer", words))

    def neighbours(cited: CitedPassage) -> dict[str, Markup]:
        before, after = _just_before(reply.index, cited), _just_after(reply.index, cited)
        return {
            name: render_passage(cited.document, *span, Marks())
            for name, span in (("before", before), ("after", after))
            if span
        }

    return {
        "laid_out": lambda answer, document: render_passage(document, answer.start, answer.end, Marks()),
        "text_of": text_of,
        "neighbours": neighbours,
        "lasting": lasting_link,
        "passage_of": lambda rank: reply.passages[rank - 1],
        "explain": lambda cited: explain(reply.candidates, cited.hit),
        "formats": FORMATS.values(),
        "asks_feedback": _asks_feedback(),
        "percent_of": percent_of,
    }


def _just_before(index: Index, cited: CitedPassage) -> Span | None:
    """Return the last sentences, of some NEIGHBOUR_CHARS, of what stands before a passage."""
    end = cited.hit.passage.start
    spans = [span for span in _sentences_beside(index, cited, -1) if span[1] <= end]
    if not spans:
        return None
    near = [start for start, _ in spans if end - start <= NEIGHBOUR_CHARS]
    begin, limit = spans[-1]
    word = cited.document.text.rfind(" ", begin, limit - _NEIGHBOUR_MOST) + 1
    return min(near, default=word or begin), limit


def _just_after(index: Index, cited: CitedPassage) -> Span | None:
    """Return the first sentences, of some NEIGHBOUR_CHARS, of what stands after a passage."""
    start = cited.hit.passage.end
    spans = [span for span in _sentences_beside(index, cited, 1) if span[0] >= start]
    if not spans:
        return None
    near = [end for _, end in spans if end - start <= NEIGHBOUR_CHARS]
    begin, limit = spans[0]
    word = cited.document.text.find(" ", begin + _NEIGHBOUR_MOST, limit)
    return begin, max(near, default=limit if word < 0 else word)


def _sentences_beside(index: Index, cited: CitedPassage, step: int) -> Sequence[Span]:
    """Return the sentences of the passage before (-1) or after (1) one in the same document, () if there is none."""
    row = cited.hit.row + step
    if 0 <= row < len(index.passages) and index.passages[row].document_id == cited.document.id:
        return index.passages[row].sentences
    return ()
