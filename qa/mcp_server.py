"""The service for agents: three tools over the Model Context Protocol, on stdin and stdout (docs/mcp.md)."""

import json
import logging
import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import anyio
from anyio.to_thread import run_sync
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.types import CallToolResult, ListToolsResult, TextContent, Tool, ToolAnnotations
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from qa import version
from qa.answer import DEFAULT_K, Status
from qa.errors import BadQuote, NoSuchDocument, QAError
from qa.reply import document_to_json, percent_of, reply_to_json
from qa.search import MAX_K, MAX_QUESTION_CHARS
from qa.service import Service
from qa.settings import Settings
from web.api import whole
from web.openapi import describe

MAX_READ_CHARS = 20_000  # of a document in one call: some 5,000 tokens
_QUOTED = (
    "It knows one fixed collection of documents and nothing else, and writes no word of its own: all `text` is quoted "
    "word for word, with the id of its document and the characters it stands at (`start` to `end`, in Unicode code "
    "points), by which it can be cited and checked."
)
_REFUSED = (
    "When `status` is `not_in_documents`, the documents do not answer: say so. The passages are then only the nearest "
    "ones and may be about something else; do not make an answer of them."
)
_ANSWER_FIELDS = ("answer", "disagreements")
_REFERENCE = re.compile(r'"#/components/schemas/(\w+)"')
_log = logging.getLogger(__name__)
_Json = dict[str, Any]
_Whole = Annotated[int, BeforeValidator(whole)]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Question(_Arguments):
    """What `ask` and `search` take."""

    # The bounds stand here for the model to read; the service enforces them, with the messages of the other ways in.
    question: str = Field(
        description="A whole question in plain words. It is searched as it is, nothing said before is known.",
        json_schema_extra={"minLength": 1, "maxLength": MAX_QUESTION_CHARS},
    )
    k: _Whole = Field(
        DEFAULT_K, description="How many passages at most.", json_schema_extra={"minimum": 1, "maximum": MAX_K}
    )
    documents: list[str] | None = Field(
        None,
        min_length=1,
        description="Search only these documents, by their ids as a passage gives them. All if left out.",
    )
    exact: bool = Field(False, description="Take the question as it is spelt, without correcting misspelt words.")


class Stretch(_Arguments):
    """What `read_document` takes."""

    document: str = Field(description="Id of a document, as a passage gives it in `document.id`.")
    start: _Whole = Field(0, description="First character to read.", json_schema_extra={"minimum": 0})
    end: _Whole | None = Field(None, description="Character to stop before; the end of the document if left out.")


@dataclass(frozen=True, slots=True)
class _Tool:
    """One tool: what a model is told of it, and what it does."""

    title: str
    description: str
    arguments: type[_Arguments]
    call: Callable[[Service, Any], tuple[str, _Json]]  # the result as text to read, and as JSON
    reply: Callable[[Mapping[str, _Json]], _Json]  # the schema of that JSON, from the schemas of the JSON interface


def serve(settings: Settings) -> None:
    """Serve until stdin is closed. A missing or unusable index is told to whoever asks, and taken over once mended."""
    service = Service(settings)
    try:
        service.open()
    except QAError as error:
        _log.error("%s", error)
    service.watch()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # else the thread that waits for stdin would keep the process
    anyio.run(_serve, service)
    service.close()


async def _serve(service: Service) -> None:
    async def list_tools(*_: Any) -> ListToolsResult:
        return ListToolsResult(tools=_listed(service))

    async def call_tool(_: Any, params: Any) -> CallToolResult:
        return await run_sync(_call, service, params.name, params.arguments or {})

    server = Server(
        "cited-qa",
        version=version(),
        instructions=f"{_QUOTED} {_REFUSED}",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def _listed(service: Service) -> list[Tool]:
    schemas = describe(service)["components"]["schemas"]
    return [
        Tool(
            name=name,
            title=tool.title,
            description=tool.description,
            input_schema=tool.arguments.model_json_schema(),
            output_schema=_self_contained(tool.reply(schemas), schemas),
            annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
        )
        for name, tool in _TOOLS.items()
    ]


def _call(service: Service, name: str, arguments: _Json) -> CallToolResult:
    """Run a tool; what is wrong is said in its result, where the model that called it can read it."""
    tool = _TOOLS.get(name)
    if tool is None:
        return _refusal(f"there is no tool {name!r}; known are {', '.join(_TOOLS)}")
    try:
        text, structured = tool.call(service, tool.arguments.model_validate(arguments))
    except ValidationError as error:
        return _refusal("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()))
    except QAError as error:
        return _refusal(str(error))
    except Exception:  # noqa: BLE001 - the session goes on, whatever one call met
        _log.exception("the tool %s failed", name)
        return _refusal("the server failed to do this; its log says why")
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=structured)


def _refusal(message: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=message)], is_error=True)


# ---------------------------------------------------------------------------------------------------- the tools


def _ask(service: Service, asked: Question) -> tuple[str, _Json]:
    reply = reply_to_json(service.ask(asked.question, k=asked.k, documents=asked.documents, exact=asked.exact))
    return _reply_to_text(reply), reply


def _search(service: Service, asked: Question) -> tuple[str, _Json]:
    """As `_ask`, without the choice of an answer; the status tells whether the passages hold one."""
    reply = reply_to_json(service.ask(asked.question, k=asked.k, documents=asked.documents, exact=asked.exact))
    found = {name: value for name, value in reply.items() if name not in _ANSWER_FIELDS}
    return _reply_to_text(found), found


def _read_document(service: Service, wanted: Stretch) -> tuple[str, _Json]:
    document = service.index.documents.get(wanted.document)
    if document is None:
        raise NoSuchDocument(f"there is no document {wanted.document!r}; passages of `ask` and `search` name them")
    characters = len(document.text)
    end = characters if wanted.end is None else wanted.end
    if not 0 <= wanted.start < end <= characters:
        raise BadQuote(f"{document.id} has no characters {wanted.start}-{end}; it has {characters:,}")
    stop = min(end, wanted.start + MAX_READ_CHARS)
    text = document.text[wanted.start : stop]
    read = {
        **document_to_json(document, with_text=False),
        "start": wanted.start,
        "end": stop,
        "text": text,
        "next_start": stop if stop < end else None,
    }
    more = f"; go on with start={stop}" if stop < end else ""
    return f"{document.title} ({document.id}), characters {wanted.start}-{stop} of {characters}{more}\n\n{text}", read


def _reply_to_text(reply: _Json) -> str:
    """Return a reply as text that a model can quote from: nothing is wrapped or shortened."""
    lines = [f"status: {reply['status']} (confidence {percent_of(reply['confidence']) / 100:.2f})"]
    if reply["status"] == Status.NOT_IN_DOCUMENTS:
        lines.append("The documents do not answer this. The nearest passages:")
    if reply["searched"] != reply["question"]:
        lines.append(f"searched for: {reply['searched']}")
    if answer := reply.get("answer"):
        document = reply["passages"][answer["passage"] - 1]["document"]
        lines += ["", f"answer, from passage {answer['passage']} ({_place(document, answer)}):", answer["text"]]
    for pair in reply.get("disagreements", ()):
        claims = " | ".join(f"passage {claim['passage']}: {claim['text']}" for claim in pair.values())
        lines += ["", f"the documents differ: {claims}"]
    for passage in reply["passages"]:
        source = " › ".join([passage["document"]["title"], *passage["headings"]])
        lines += ["", f"[{passage['rank']}] {source} ({_place(passage['document'], passage)}):", passage["text"]]
    return "\n".join(lines)


def _place(document: _Json, span: _Json) -> str:
    return f"{document['id']}:{span['start']}-{span['end']}"


# ---------------------------------------------------------------------------------------------------- their schemas


def _whole_reply(schemas: Mapping[str, _Json]) -> _Json:
    return schemas["Reply"]


def _reply_without_answer(schemas: Mapping[str, _Json]) -> _Json:
    reply = schemas["Reply"]
    return {
        **reply,
        "description": "The passages that were found, from exactly one generation of the index.",
        "properties": {name: schema for name, schema in reply["properties"].items() if name not in _ANSWER_FIELDS},
        "required": [name for name in reply["required"] if name not in _ANSWER_FIELDS],
    }


def _stretch_of_document(schemas: Mapping[str, _Json]) -> _Json:
    document = schemas["Listed"]
    added: _Json = {
        "start": {"type": "integer", "description": "first character of `text`"},
        "end": {"type": "integer", "description": "character after the last one of `text`"},
        "text": {"type": "string", "description": "what stands there, word for word"},
        "next_start": {"type": ["integer", "null"], "description": "where to go on reading; null when all was read"},
    }
    return {
        **document,
        "description": "A stretch of a document.",
        "properties": document["properties"] | added,
        "required": [*document["required"], *added],
    }


def _self_contained(schema: _Json, schemas: Mapping[str, _Json]) -> _Json:
    """Return a schema with the ones it refers to inside it."""
    text, needed = json.dumps(schema), {}
    waiting = _REFERENCE.findall(text)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = schemas[name]
            waiting += _REFERENCE.findall(json.dumps(schemas[name]))
    whole: _Json = json.loads(_REFERENCE.sub(r'"#/$defs/\1"', json.dumps({**schema, "$defs": needed})))
    return whole


_TOOLS = {
    "ask": _Tool(
        "Ask the documents",
        f"Answer a question from the documents. {_QUOTED} Gives `status`, the `answer` (a short stretch, quoted) and "
        f"the passages that fit best. {_REFUSED}",
        Question,
        _ask,
        _whole_reply,
    ),
    "search": _Tool(
        "Search the documents",
        "Find the passages of the documents that fit a question best, without choosing an answer: for questions that "
        f"take several passages, or to look around. {_QUOTED} {_REFUSED}",
        Question,
        _search,
        _reply_without_answer,
    ),
    "read_document": _Tool(
        "Read a document",
        "Read a document, or the characters `start` to `end` of it: to check a citation, or to see what stands around "
        f"it. At most {MAX_READ_CHARS:,} characters come at once; while `next_start` is not null, go on with it as "
        "`start`.",
        Stretch,
        _read_document,
        _stretch_of_document,
    ),
}
