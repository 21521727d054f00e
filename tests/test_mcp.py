import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from anyio.to_thread import run_sync
from click.testing import CliRunner
from mcp import Client, StdioServerParameters, stdio_client

from qa import version
from qa.cli import main
from qa.errors import QAError
from qa.mcp_server import MAX_READ_CHARS
from qa.rebuild import rebuild
from qa.reply import percent_of, reply_to_json
from qa.settings import Settings
from tests.pretend import write_files

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[1]
QA = ["-c", "from qa.cli import main; main()"]
QUESTION = "How high is the lighthouse of Skagen?"


@asynccontextmanager
async def connected(index: Path, log: Path) -> AsyncIterator[Client]:
    """Give the SDK's client of a `qa mcp` in a process of its own."""
    server = StdioServerParameters(
        command=sys.executable, args=[*QA, "mcp", "--index", str(index)], env={"PYTHONPATH": str(ROOT)}
    )
    with log.open("w", encoding="utf-8") as errors:
        async with Client(stdio_client(server, errlog=errors)) as client:
            yield client


@pytest.fixture(scope="module")
def call(site_settings, tmp_path_factory):
    """A function that calls a tool of one running `qa mcp`, through the SDK's client."""
    log = tmp_path_factory.mktemp("mcp") / "stderr"
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(connected(site_settings.index, log)) as client,
    ):

        def run(tool, **arguments):
            return portal.call(client.call_tool, tool, arguments)

        run.client, run.portal = client, portal
        yield run
    assert "Traceback" not in log.read_text(encoding="utf-8")


def said(result):
    """Return the text of a result."""
    (content,) = result.content
    return content.text


def refused(result):
    """Return the text of a result that is an error."""
    assert result.is_error
    assert result.structured_content is None
    return said(result)


def test_the_tools_say_what_a_model_must_know(call):
    """Three read-only tools; those that search say that a refusal is to be respected and that quotes are exact."""
    tools = {tool.name: tool for tool in call.portal.call(call.client.list_tools).tools}

    assert list(tools) == ["ask", "search", "read_document"]
    assert all(tool.annotations.read_only_hint and tool.output_schema["type"] == "object" for tool in tools.values())
    for name in ("ask", "search"):
        assert "not_in_documents" in tools[name].description
        assert "word for word" in tools[name].description
        assert tools[name].input_schema["required"] == ["question"]
        assert tools[name].input_schema["properties"]["k"]["maximum"] == 20
    assert "not_in_documents" in call.client.instructions
    assert call.client.server_info.version == version()


def test_an_answer_is_the_reply_of_the_service_and_readable(call, service):
    """The structured content is the JSON of every other way in; the text holds status, quotation and place."""
    expected = reply_to_json(service.ask(QUESTION, k=3))

    result = call("ask", question=QUESTION, k=3)

    assert not result.is_error
    assert {**result.structured_content, "took_ms": 0} == {**expected, "took_ms": 0}
    answer, first = expected["answer"], expected["passages"][answer_place(expected)]
    assert f"status: answered (confidence {percent_of(expected['confidence']) / 100:.2f})" in said(result)
    assert f"({first['document']['id']}:{answer['start']}-{answer['end']}):\n{answer['text']}\n" in said(result)
    assert all(passage["text"] in said(result) for passage in expected["passages"])


def answer_place(reply):
    return reply["answer"]["passage"] - 1


def test_options_are_those_of_the_other_ways_in(call, service):
    """The filter and `exact` reach the search; a correction is told."""
    garden = next(d.id for d in service.index.documents.values() if d.path == "garden.txt")
    misspelt = "How high is the lighthuose of Skagen?"

    filtered = call("ask", question="When is it open?", documents=[garden]).structured_content
    corrected = call("ask", question=misspelt)
    exact = call("ask", question=misspelt, exact=True).structured_content

    assert {passage["document"]["id"] for passage in filtered["passages"]} == {garden}
    assert corrected.structured_content["corrections"] == [{"word": "lighthuose", "replacement": "lighthouse"}]
    assert "searched for: How high is the lighthouse of Skagen?" in said(corrected)
    assert exact["corrections"] == []


def test_a_refusal_cannot_be_missed(call):
    """Status, no answer, and a sentence that says so before the nearest passages."""
    result = call("ask", question="Who won the football world cup in France?")

    assert (result.structured_content["status"], result.structured_content["answer"]) == ("not_in_documents", None)
    assert said(result).startswith("status: not_in_documents")
    assert "The documents do not answer this." in said(result)


def test_a_search_gives_the_same_passages_without_an_answer(call):
    """`search` is `ask` without the choice."""
    asked = call("ask", question=QUESTION).structured_content
    result = call("search", question=QUESTION)

    assert asked["answer"]
    assert {**result.structured_content, "took_ms": 0} == {
        name: value for name, value in {**asked, "took_ms": 0}.items() if name not in ("answer", "disagreements")
    }
    assert "\nanswer" not in said(result)


def test_a_citation_can_be_checked(call):
    """The characters that a passage names are, read as a stretch of the document, its text."""
    for passage in call("search", question="What stood in the harbour?", k=20).structured_content["passages"]:
        place = {"document": passage["document"]["id"], "start": passage["start"], "end": passage["end"]}
        read = call("read_document", **place)

        assert read.structured_content["text"] == passage["text"]
        assert read.structured_content["sha256"] == passage["document"]["sha256"]
        assert read.structured_content["next_start"] is None
        assert said(read).endswith(f"\n\n{passage['text']}")


def test_a_whole_number_may_be_written_with_a_point(call, service):
    """As in the JSON interface; another fraction is refused."""
    document = next(iter(service.index.documents))

    assert len(call("search", question=QUESTION, k=3.0).structured_content["passages"]) == 3
    assert call("read_document", document=document, start=1.0, end=5.0).structured_content["end"] == 5
    assert refused(call("ask", question=QUESTION, k=2.5)).startswith("k: Input should be a valid integer")


@pytest.mark.parametrize("path", ["chronicle.md", "arabic.md", "hostile.md"])
def test_a_document_is_read_in_bounded_parts(call, service, path):
    """Going on with `next_start` gives the whole text, in parts that are not longer than the bound."""
    document = next(d for d in service.index.documents.values() if d.path == path)
    parts, start = [], 0
    while start is not None:
        result = call("read_document", document=document.id, start=start)
        part, start = result.structured_content["text"], result.structured_content["next_start"]
        assert (start is None) is ("go on with" not in said(result))
        parts.append(part)

    assert "".join(parts) == document.text
    assert max(map(len, parts)) <= MAX_READ_CHARS
    assert (len(parts) > 1) is (len(document.text) > MAX_READ_CHARS)


def test_what_a_question_cannot_be_is_said_as_elsewhere(call, service):
    """A question that the service refuses is an error of the tool with the same words."""
    cases = [{"question": question} for question in ("", " ", "?!", "x" * 1001, "?" * 1_000_000)]
    cases += [{"question": "Who?", **more} for more in ({"k": 0}, {"k": 21}, {"k": -(10**30)}, {"documents": ["no"]})]
    for arguments in cases:
        with pytest.raises(QAError) as error:
            service.ask(**arguments)

        assert refused(call("ask", **arguments)) == refused(call("search", **arguments)) == str(error.value)


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("ask", {}, "question: Field required"),
        ("ask", {"question": 7}, "question: Input should be a valid string"),
        ("ask", {"question": "Who?", "k": "5"}, "k: Input should be a valid integer"),
        ("ask", {"question": "Who?", "exact": "no"}, "exact: Input should be a valid boolean"),
        ("ask", {"question": "Who?", "documents": []}, "documents: List should have at least 1 item"),
        ("ask", {"question": "Who?", "document": "a"}, "document: Extra inputs are not permitted"),
        ("search", {"question": None}, "question: Input should be a valid string"),
        ("read_document", {"document": "no"}, "there is no document 'no'; passages of `ask` and `search` name them"),
        ("remember", {"fact": "x"}, "there is no tool 'remember'; known are ask, search, read_document"),
    ],
)
def test_wrong_arguments_are_named(call, tool, arguments, message):
    """An argument that is missing, unknown or of the wrong type is an error of the tool that names it."""
    assert refused(call(tool, **arguments)).startswith(message)


@pytest.mark.parametrize(("start", "end"), [(-1, None), (5, 5), (9, 3), (0, 10**9), (10**9, None)])
def test_a_stretch_that_is_not_there_is_refused(call, service, start, end):
    """Characters that the document does not have are an error that says how many it has."""
    document = next(iter(service.index.documents.values()))

    message = refused(call("read_document", document=document.id, start=start, end=end))

    assert message.startswith(f"{document.id} has no characters {start}-")
    assert message.endswith(f"it has {len(document.text):,}")


@pytest.mark.parametrize(
    "question",
    [
        "منارة الإسكندرية",
        "Where is 🐐 the goat? 👩‍👩‍👧‍👦",
        "e" + "\u0301" * 900,
        "nul \0 and \x1b here",
        "\u202eenod si tahw",
        "é" * 1000,
    ],
)
def test_questions_of_any_script_come_back_as_they_were(call, service, question):
    """Whatever the characters are, the reply is the one of the service."""
    expected = reply_to_json(service.ask(question))

    assert {**call("ask", question=question).structured_content, "took_ms": expected["took_ms"]} == expected


def test_calls_at_the_same_time_do_not_mix(call):
    """Of several calls at once, each gets the reply to its own question."""
    questions = [
        QUESTION,
        "When is the garden open?",
        "How many ships were counted in 1701?",
        "Who kept three goats?",
    ] * 3

    async def ask_all():
        replies = {}

        async def ask(number):
            replies[number] = await call.client.call_tool("ask", {"question": questions[number]})

        async with anyio.create_task_group() as group:
            for number in range(len(questions)):
                group.start_soon(ask, number)
        return [replies[number].structured_content for number in range(len(questions))]

    replies = call.portal.call(ask_all)

    assert [reply["question"] for reply in replies] == questions
    for question, reply in zip(questions, replies, strict=True):
        assert {**reply, "took_ms": 0} == {**call("ask", question=question).structured_content, "took_ms": 0}


def test_an_index_is_taken_over_while_it_runs(tmp_path):
    """Without an index the tools say so; a rebuild, and then another one, is taken over in the same session."""
    settings = Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")

    def run_rebuild(text):
        write_files(settings.corpus, {"tower.md": text})
        return rebuild(settings, force=False, progress=lambda *_: None).generation

    async def answer_of(client, generation):
        with anyio.fail_after(60):
            while True:
                result = await client.call_tool("ask", {"question": "Who was the keeper of the tower?"})
                if not result.is_error and result.structured_content["index"]["id"] == generation:
                    return result.structured_content["answer"]["text"]
                await anyio.sleep(0.05)

    async def session():
        async with connected(settings.index, tmp_path / "log") as client:
            first = await client.call_tool("ask", {"question": "Who?"})
            assert refused(first).startswith(f"there is no index in {settings.index}; run: qa rebuild --index ")
            generation = await run_sync(run_rebuild, "# Tower\n\nThe keeper of the tower was Anna Lund.")
            assert "Anna Lund" in await answer_of(client, generation)
            generation = await run_sync(run_rebuild, "# Tower\n\nThe keeper of the tower was Peter Frost.")
            assert "Peter Frost" in await answer_of(client, generation)

    anyio.run(session)


def call_of(question):
    return {"name": "ask", "arguments": {"question": question}}


HELLO = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "a test", "version": "1"},
        },
    }
)


def started(settings: Settings) -> subprocess.Popen[str]:
    """Start `qa mcp` on an index, with a pipe to each of its streams."""
    command = [sys.executable, *QA, "mcp", "--index", str(settings.index)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, text=True)


def test_stdout_holds_the_protocol_and_the_end_of_stdin_ends_it(site_settings):
    """Lines that are no message are survived, each line of stdout is one, and closing stdin ends the process with 0."""
    lines = [
        HELLO,
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        "this is no message",
        json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call_of("\ud800")}),
        json.dumps({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": call_of("?!")}),
        json.dumps({"jsonrpc": "2.0", "id": 4, "method": "no/such"}),
    ]
    with started(site_settings) as process:
        try:
            process.stdin.write("\n".join(lines) + "\n")
            process.stdin.flush()
            answered = []
            # Calls are worked on side by side: the last one may be answered first.
            while not {1, 3, 4} <= {message.get("id") for message in answered}:
                answered.append(json.loads(process.stdout.readline()))
            rest, log = process.communicate(timeout=30)
        finally:
            process.kill()

    assert process.returncode == 0
    assert all(message["jsonrpc"] == "2.0" for message in [*answered, *map(json.loads, rest.splitlines())])
    assert "Traceback" not in log


def test_an_interrupt_ends_it(site_settings):
    """Ctrl-C does what closing stdin does, although a thread waits for stdin."""
    with started(site_settings) as process:
        try:
            process.stdin.write(HELLO + "\n")
            process.stdin.flush()
            assert process.stdout.readline()
            process.send_signal(signal.SIGINT)

            assert process.wait(timeout=10) == -signal.SIGINT
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()


def test_without_the_extra_the_command_says_how_to_install_it(monkeypatch):
    """`qa mcp` without the SDK exits with 2 and one line."""
    monkeypatch.setitem(sys.modules, "mcp", None)

    done = CliRunner().invoke(main, ["mcp"])

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "qa: the package mcp is missing; run: pip install -e '.[mcp]'\n"
