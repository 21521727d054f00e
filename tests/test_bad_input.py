"""Questions of any Unicode and bodies of any kind are answered, or refused with a problem that says why."""

import json
import time
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qa.cli import main
from web.app import create_app

PLAIN = "How high is the lighthouse of Skagen?"
WORKS = {
    "null": "How high\x00 is the lighthouse?",
    "control characters": "How\x01 high \x1b[31mis\x7f the lighthouse?",
    "combining marks": "lo" + "\u0301" * 998,
    "right to left": "ما ارتفاع منارة الإسكندرية؟",
    "direction marks": "How high is \u202eesuohthgil\u202c \u2066the\u2069 tower\u200f?",
    "emoji with joiners": "Who is 👩‍🔬👨‍👩‍👧‍👦 and 🏳️‍🌈 in the lighthouse?",
    "Chinese": "灯塔有多高？",
    "Thai": "ประภาคารสูงเท่าไร",
    "invisible characters": "How\u200b high\u200d is\u2060 the\ufeff lighthouse?",
    "byte order mark": "\ufeffHow high is the lighthouse?",
    "mathematical letters": "𝓗𝓸𝔀 𝗵𝗶𝗴𝗵 𝒊𝒔 𝕥𝕙𝕖 lighthouse?",
    "line separators": "How high\u2028is\u2029the\x85lighthouse\v?",
    "decomposed": "Caf\u0065\u0301 in the lighthouse?",
    "composed": "Caf\u00e9 in the lighthouse?",
    "nobody's characters": "How high \ue000\ufffe\uffff\U0010ffff is it?",
    "one letter": "a" * 1000,
    "one long word": "lighthouse" * 100,
    "two long words": "q" * 499 + " " + "7" * 500,
    "many words": "x " * 499 + "x",
    "many marks": "Who was the first keeper" + "?" * 900,
    "many digits": "1,2,3," * 160 + "keeper",
    "markup": "<script>alert(1)</script> & {{ 7 * 7 }} %s '; DROP TABLE--",
    "replacement character": "How high is the \ufffd lighthouse?",
}
REFUSED = {
    "empty": "",
    "blanks": " \u00a0\u2003\u3000\t\n",
    "only null": "\x00",
    "only control characters": "\x01\x02\x1b\x7f",
    "only combining marks": "\u0301" * 1000,
    "only emoji": "👩‍🔬🏳️‍🌈",
    "only invisible characters": "\u200b\u200d\u2060\ufeff",
    "only direction marks": "\u202e\u2066\u200f",
    "only punctuation": "؟！…—",
    "too long": "a" * 1001,
    "too long in emoji": "a" + "👩‍🔬" * 334,
    "half a pair": "How high \ud800 is it?",
    "other half of a pair": "How high \udfff is it?",
    "halves in the wrong order": "How high \udc00\ud83d is it?",
}


def by_get(client, question):
    return client.get(f"/api/v1/ask?q={quote(question, errors='surrogatepass')}")


def by_post(client, question):
    return client.post("/api/v1/ask", data=json.dumps({"question": question}), content_type="application/json")


def by_page(client, question):
    return client.get(f"/?q={quote(question, errors='surrogatepass')}")


def ask_on_the_command_line(settings, question):
    environment = {"QA_INDEX": str(settings.index), "QA_CORPUS": str(settings.corpus)}
    result = CliRunner().invoke(main, ["ask", "--json", "--", question], env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def assert_problem(response, status):
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert response.get_json()["detail"]


@pytest.mark.parametrize("question", WORKS.values(), ids=WORKS)
def test_a_question_in_any_script_is_answered(client, question):
    """By GET, POST and on the page, with the question as it was sent."""
    replies = [by_get(client, question), by_post(client, question)]

    assert [reply.status_code for reply in replies] == [200, 200]
    for reply in replies:
        assert json.loads(reply.get_data().decode("utf-8"))["question"] == " ".join(question.split())
    page = by_page(client, question)
    assert page.status_code == 200
    page.get_data().decode("utf-8")


@pytest.mark.parametrize("question", REFUSED.values(), ids=REFUSED)
def test_what_is_no_question_is_refused(client, question):
    """By GET and POST with a problem document, on the page with a page."""
    assert_problem(by_get(client, question), 400)
    assert_problem(by_post(client, question), 400)
    page = by_page(client, question)
    assert page.status_code == 400
    assert page.mimetype == "text/html"


def test_the_command_line_answers_and_refuses_the_same(site_settings):
    """Exit codes 0 and 1 with the question as it was asked, or 2 with one line that says what is wrong."""
    for name in ("null", "combining marks", "right to left", "emoji with joiners", "one letter"):
        result = ask_on_the_command_line(site_settings, WORKS[name])
        assert result.exit_code in (0, 1), result.output
        assert json.loads(result.stdout)["question"] == WORKS[name]
    for name in ("empty", "only emoji", "half a pair", "too long"):
        result = ask_on_the_command_line(site_settings, REFUSED[name])
        assert result.exit_code == 2
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1


def test_no_question_takes_much_longer_than_a_plain_one(service):
    """However it is made: long words, many words, marks, scripts without blanks."""
    began = time.perf_counter()
    service.ask(PLAIN + "?")  # no other test asks this, so no cache has it
    plain = time.perf_counter() - began

    for name, question in WORKS.items():
        began = time.perf_counter()
        service.ask(question)
        assert time.perf_counter() - began < 2 + 20 * plain, name


@settings(max_examples=30)
@given(question=st.text(st.characters(), max_size=60))
@example("\u0345")  # a mark that counts as alphabetic
@example("\U0001d7d8")
def test_any_text_is_answered_or_refused(service, question):
    """Never a fault of the server; what is answered comes back as it was sent."""
    client = create_app(service).test_client()
    response = by_post(client, question)

    if response.status_code == 200:
        assert response.get_json()["question"] == " ".join(question.split())
    else:
        assert_problem(response, 400)


BODIES: dict[str, tuple[bytes | str, int]] = {
    "nothing": ("", 400),
    "no JSON": ("question=why", 400),
    "half an object": ('{"question": "why', 400),
    "two values": ('{"question": "why"} {}', 400),
    "nested lists": ("[" * 60_000, 400),
    "nested objects": ('{"question":' * 5_000, 400),
    "nested and closed": ("[" * 30_000 + "]" * 30_000, 400),
    "nested and too large": ("[" * 100_000, 413),
    "a field twice": ('{"question": "why", "question": "who"}', 400),
    "no number": ('{"question": "why", "k": NaN}', 400),
    "infinity": ('{"question": "why", "k": -Infinity}', 400),
    "a large number": ('{"question": "why", "k": 1e400}', 400),
    "10,000 digits": ('{"question": "why", "k": ' + "9" * 10_000 + "}", 400),
    "a fraction": ('{"question": "why", "k": 3.5}', 400),
    "UTF-16": ('{"question": "why"}'.encode("utf-16"), 400),
    "UTF-32": ('{"question": "why"}'.encode("utf-32-le"), 400),
    "Latin-1": ('{"question": "café"}'.encode("latin-1"), 400),
    "half a pair in UTF-8": (b'{"question": "why \xed\xa0\x80"}', 400),
    "overlong": (b'{"question": "why \xc0\xaf"}', 400),
    "a bare control character": ('{"question": "why \x01"}', 400),
    "1,000 documents": (json.dumps({"question": "why", "documents": ["a"] * 1_000}), 404),
    "10,000 documents": (json.dumps({"question": "why", "documents": ["a"] * 10_000}), 400),
    "no string": ('{"question": ["why"]}', 400),
    "null": ("null", 400),
    "a byte order mark": ('\ufeff{"question": "why"}', 200),
    "a whole number with a point": ('{"question": "why", "k": 3.0}', 200),
}


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES)
def test_a_body_of_any_kind_is_read_or_refused(client, body, status):
    """Each gets its answer or a problem document, at once."""
    began = time.perf_counter()
    response = client.post("/api/v1/ask", data=body, content_type="application/json")

    assert time.perf_counter() - began < 5
    if status == 200:
        assert response.status_code == 200
    else:
        assert_problem(response, status)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=utf-8", 200),
        ('Application/JSON;charset="utf-8"; x=y', 200),
        ("application/json; charset=latin-1", 200),  # JSON has no such parameter (RFC 8259, 11)
        ("application/vnd.api+json", 415),
        ("text/json", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
        ("; ;", 415),
    ],
)
def test_only_json_is_read(client, content_type, status):
    """Parameters of the type change nothing."""
    response = client.post("/api/v1/ask", data='{"question": "why"}', content_type=content_type)

    assert response.status_code == status


QUERIES = {
    "q=why%FF": 400,
    "q=%ED%A0%80why": 400,
    "q=why%C0%AF": 400,
    "%FF=1&q=why": 400,
    "q=why\xff": 400,
    "q=why%": 200,
    "q=why%zz": 200,
    "q=why%u0041": 200,
    "q=why&q=who": 400,
    "q=why&k=3&k=3": 400,
    "q=why&k=%D9%A3": 400,
    "q=why&k=3.0": 400,
    "q=why&k=" + "9" * 10_000: 400,
    "q=why&exact=": 400,
    "q=why&documents=": 404,
    "q": 400,
    "&&q=why&&": 200,
    "": 400,
}


@pytest.mark.parametrize(("query", "status"), QUERIES.items(), ids=[query[:20] for query in QUERIES])
def test_an_address_of_any_kind_is_read_or_refused(client, query, status):
    """Broken escapes, bytes that are no UTF-8 and repeated parameters; the page refuses the bytes too."""
    response = client.get("/api/v1/ask", environ_overrides={"QUERY_STRING": query})

    if status == 200:
        assert response.status_code == 200
    else:
        assert_problem(response, status)
    page = client.get("/", environ_overrides={"QUERY_STRING": query})
    assert page.status_code == 400 if "UTF-8" in response.get_data(as_text=True) else page.status_code < 500


@pytest.mark.parametrize("path", ["%FF", "a%00", "%2F", "..%2F..%2Fetc", "%0D%0AX:1", "a" * 5000, "%E2%80%AE"])
def test_an_id_of_any_kind_is_not_found(client, path):
    """There are no such documents, and no redirects to others."""
    assert_problem(client.get(f"/api/v1/documents/{path}"), 404)
    assert client.get(f"/documents/{path}").status_code == 404


def test_many_documents_may_be_named(client, service):
    """An id that is repeated counts once."""
    document_id = next(iter(service.index.documents))
    response = client.post("/api/v1/ask", json={"question": PLAIN, "documents": [document_id] * 1000})

    assert response.status_code == 200
    assert {passage["document"]["id"] for passage in response.get_json()["passages"]} == {document_id}
