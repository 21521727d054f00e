"""The same question gives the same answer on the page, by GET, by POST, on the command line and to an agent."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from selectolax.lexbor import LexborHTMLParser, LexborNode

from qa.cli import main
from qa.documents import document_id
from qa.reply import reply_to_json
from qa.service import Service
from tests.test_mcp import connected

pytestmark = pytest.mark.model

ASKED: dict[str, dict[str, Any]] = {
    "answered": {"question": "How high is the lighthouse of Skagen?"},
    "of a list": {"question": "What did the keeper have to clean?", "k": 2},
    "of a page": {"question": "How much sugar is in the rhubarb soup?"},
    "refused": {"question": "Who won the football world cup in France?"},
    "corrected": {"question": "Who was the first keper of the lighthuose?"},
    "as it is spelt": {"question": "Who was the first keper of the lighthuose?", "exact": True},
    "one document": {"question": "When is it open?", "documents": [document_id("garden.txt")]},
    "two documents": {
        "question": "How high is the tower?",
        "documents": [document_id("arabic.md"), document_id("lighthouse.md")],
    },
    "not English": {"question": "متى بنيت منارة الإسكندرية؟"},
    "accents and signs": {"question": "  Wie hoch ist der Leuchtturm von Skågen? 🗼 <b>&amp;  "},
    "much": {"question": "What was the winter of 1744 like in the harbour town?", "k": 20},
}
MISTAKEN = ["", "?!", "x" * 1001]


@pytest.fixture(scope="module")
def by_mcp(site_settings, tmp_path_factory) -> dict[str, Any]:
    """What an agent gets, by the name of the question; and the messages for those that cannot be asked."""

    async def ask_all() -> dict[str, Any]:
        async with connected(site_settings.index, tmp_path_factory.mktemp("mcp") / "log") as client:
            replies = {name: (await client.call_tool("ask", asked)).structured_content for name, asked in ASKED.items()}
            for question in MISTAKEN:
                replies[question] = (await client.call_tool("ask", {"question": question})).content[0].text
            return replies

    return anyio.run(ask_all)


def by_get(client: FlaskClient, asked: dict[str, Any], address: str = "/api/v1/ask"):
    parameters = {"q": asked["question"], **{name: value for name, value in asked.items() if name != "question"}}
    return client.get(address, query_string={**parameters, "exact": "true"} if "exact" in asked else parameters)


def on_command_line(index, asked: dict[str, Any]):
    arguments = ["ask", "--json", "--index", str(index), "-k", str(asked.get("k", 5))]
    arguments += [part for name in asked.get("documents", ()) for part in ("--document", name)]
    return CliRunner().invoke(main, [*arguments, *(["--exact"] if "exact" in asked else []), "--", asked["question"]])


def essence(reply: dict[str, Any]) -> dict[str, Any]:
    """Return what must not differ: status, answer and citations."""
    answer = reply["answer"]
    return {
        "status": reply["status"],
        "answer": answer and {name: answer[name] for name in ("text", "passage", "start", "end")},
        "passages": [
            {
                "rank": passage["rank"],
                "document": passage["document"]["id"],
                "start": passage["start"],
                "end": passage["end"],
                "text": passage["text"],
            }
            for passage in reply["passages"]
        ],
    }


def words(text: str) -> list[str]:
    """Return the words of a text: a page sets them in lines, lists and tables of its own."""
    return re.findall(r"\w+", text)


def place_of(node: LexborNode) -> tuple[str, int, int]:
    """Return document, start and end of what the links for citing below a node cite, which all must be the same."""
    places = {link.attributes["href"] or "" for link in node.css("a[href*='/cite/']")}
    (found,) = {(urlsplit(place).path.split("/")[2], parse_qs(urlsplit(place).query)["at"][0]) for place in places}
    start, end = found[1].split("-")
    return found[0], int(start), int(end)


@pytest.mark.parametrize("name", ASKED)
def test_every_program_gets_the_same_reply(name, client, service: Service, site_settings, by_mcp):
    """GET, POST, the command line and MCP reply the same to the last field, but for the time that it took."""
    asked = ASKED[name]
    expected = reply_to_json(service.ask(**asked))

    replies = {
        "GET": by_get(client, asked).get_json(),
        "POST": client.post("/api/v1/ask", json=asked).get_json(),
        "command line": json.loads(on_command_line(site_settings.index, asked).stdout),
        "MCP": by_mcp[name],
    }

    for way, reply in replies.items():
        assert {**reply, "took_ms": 0} == {**expected, "took_ms": 0}, way
    assert name != "refused" or expected["status"] == "not_in_documents"
    assert name != "answered" or expected["status"] == "answered"
    assert name != "corrected" or expected["corrections"]


@pytest.mark.parametrize("name", ASKED)
def test_the_page_shows_the_same_answer(name, client, by_mcp):
    """Status, answer and passages of the page, with the places that its links cite, are those of the reply."""
    expected = essence(by_mcp[name])

    page = LexborHTMLParser(by_get(client, ASKED[name], "/").text)

    assert [section.attributes["class"] for section in page.css("section.answer, section.refusal")] == [
        {"answered": "answer", "not_in_documents": "refusal"}[expected["status"]]
    ]
    answer = expected["answer"]
    if answer:
        section = page.css_first("section.answer")
        document = expected["passages"][answer["passage"] - 1]["document"]
        assert place_of(section) == (document, answer["start"], answer["end"])
        assert section.css_first("a.cite").attributes["href"] == f"#p{answer['passage']}"
        assert words(section.css_first("blockquote").text(separator=" ")) == words(answer["text"])
    shown = page.css("article")
    assert [article.attributes["id"] for article in shown] == [f"p{one['rank']}" for one in expected["passages"]]
    for article, passage in zip(shown, expected["passages"], strict=True):
        assert place_of(article) == (passage["document"], passage["start"], passage["end"])
        assert words(article.css_first("div.text").text(separator=" ")) == words(passage["text"])


@pytest.mark.parametrize("question", MISTAKEN, ids=["empty", "no word", "too long"])
def test_every_way_refuses_in_the_same_words(question, client, site_settings, by_mcp):
    """A question that cannot be asked gets one message, wherever it comes in."""
    said = by_mcp[question]

    assert by_get(client, {"question": question}).get_json()["detail"] == said
    assert client.post("/api/v1/ask", json={"question": question}).get_json()["detail"] == said
    assert on_command_line(site_settings.index, {"question": question}).stderr == f"qa: {said}\n"
    alert = LexborHTMLParser(by_get(client, {"question": question}, "/").text).css_first("[role=alert]")
    assert said[1:] in " ".join(alert.text().split())
