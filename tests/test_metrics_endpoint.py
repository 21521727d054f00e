import re
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from qa.service import POLL_SECONDS, Service
from qa.settings import Settings
from web.app import create_app
from web.problems import PROBLEMS
from web.queue import WorkQueue
from web.server import warm_up

pytestmark = pytest.mark.model
QUESTION = "How high is the lighthouse of Skagen?"
UNKNOWN = "Which colour did the emperor of Atlantis paint his submarine?"
STAGES = {"wait", "tokenise", "encode", "keyword", "vectors", "late", "fuse", "read", "choose", "render"}
Samples = dict[str, float]


@pytest.fixture(scope="module")
def service(site_settings: Settings) -> Service:
    """A service that answers every question anew."""
    opened = Service(replace(site_settings, cache=0))
    opened.open()
    return opened


def samples(client: FlaskClient) -> Samples:
    """Return the value of every series, by its name with its labels in alphabetical order."""
    page = client.get("/metrics")
    assert page.status_code == 200
    assert page.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return {
        sample.name + "".join(f" {label}={value}" for label, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.get_data(as_text=True))
        for sample in family.samples
    }


def test_counters_count_what_happens(client):
    """Each request, reply and problem is counted once, under the pattern of its address."""
    for question in (QUESTION, QUESTION, UNKNOWN):
        client.get("/api/v1/ask", query_string={"q": question})
    client.post("/api/v1/ask", json={"question": QUESTION})
    client.get("/", query_string={"q": QUESTION})
    client.get("/", query_string={"q": "?"})
    client.get("/api/v1/ask?q=")
    client.get("/documents/none")
    client.get("/api/v1/documents/none")
    client.delete("/api/v1/ask")

    counted = samples(client)
    assert counted["qa_requests_total method=GET route=/api/v1/ask status=200"] == 3
    assert counted["qa_requests_total method=POST route=/api/v1/ask status=200"] == 1
    assert counted["qa_requests_total method=GET route=/ status=200"] == 1
    assert counted["qa_requests_total method=GET route=/ status=400"] == 1
    assert counted["qa_requests_total method=GET route=/api/v1/ask status=400"] == 1
    assert counted["qa_requests_total method=GET route=/documents/<document_id> status=404"] == 1
    assert counted["qa_requests_total method=GET route=/api/v1/documents/<document_id> status=404"] == 1
    assert counted["qa_requests_total method=other route=unmatched status=405"] == 1
    assert counted["qa_replies_total status=answered"] == 4
    assert counted["qa_replies_total status=not_in_documents"] == 1
    assert counted["qa_question_seconds_count"] == 5
    problems = {name.partition("=")[2]: value for name, value in counted.items() if name.startswith("qa_problems")}
    assert set(problems) == {problem.slug for problem in PROBLEMS}
    assert {slug: value for slug, value in problems.items() if value} == {
        "bad-question": 2,
        "no-such-document": 2,
        "method-not-allowed": 1,
    }


def test_the_stages_sum_up_to_the_whole(client):
    """Nothing of a question's time is missing from its stages or counted twice, and no bucket holds everything."""
    started = time.perf_counter()
    for _ in range(3):
        client.get("/", query_string={"q": QUESTION})
        client.get("/api/v1/ask", query_string={"q": UNKNOWN})
    passed = time.perf_counter() - started

    seen = samples(client)
    assert {name for name in seen if name.startswith("qa_stage_seconds_sum")} == {
        f"qa_stage_seconds_sum stage={stage}" for stage in STAGES
    }
    whole = seen["qa_question_seconds_sum"]
    assert sum(seen[f"qa_stage_seconds_sum stage={stage}"] for stage in STAGES) == pytest.approx(whole)
    assert 0 < whole < passed
    assert all(seen[f"qa_stage_seconds_count stage={stage}"] == 6 for stage in STAGES)
    assert seen["qa_question_seconds_bucket le=0.0005"] == 0


def test_a_kept_reply_is_a_hit(site_settings):
    """A repeated question counts as a hit and as a question, and its time is that of looking it up."""
    service = Service(site_settings)
    service.open()
    client = create_app(service).test_client()

    for _ in range(3):
        client.get("/api/v1/ask", query_string={"q": QUESTION})

    seen = samples(client)
    assert [seen[f"qa_cache_total result={result}"] for result in ("hit", "miss")] == [2, 1]
    assert seen["qa_replies_total status=answered"] == seen["qa_question_seconds_count"] == 3
    assert seen["qa_stage_seconds_count stage=cache"] == 2
    assert seen["qa_stage_seconds_count stage=late"] == 1
    stages = sum(value for name, value in seen.items() if name.startswith("qa_stage_seconds_sum"))
    assert stages == pytest.approx(seen["qa_question_seconds_sum"])


def test_a_start_counts_nothing(site_settings):
    """The first page, with the example questions that it tries, is made before anybody asks."""
    service = Service(site_settings)
    service.open()
    app = create_app(service)

    warm_up(app)

    seen = samples(app.test_client())
    counted = [value for name, value in seen.items() if name.startswith(("qa_cache", "qa_requests", "qa_replies"))]
    assert counted
    assert not any(counted)


def test_the_queue_can_be_watched(service):
    """Questions in work and waiting are counted as they are at the moment, and the wait is a stage of its own."""
    app = create_app(service)
    queue: WorkQueue = app.extensions["qa-queue"]
    client = app.test_client()
    idle = samples(client)
    with ExitStack() as all_workers:
        for _ in range(service.settings.threads):
            all_workers.enter_context(queue.turn())
        asking = threading.Thread(target=lambda: app.test_client().get("/api/v1/ask", query_string={"q": QUESTION}))
        asking.start()
        while not queue.waiting:
            time.sleep(0.01)
        time.sleep(0.1)
        busy = samples(client)
    asking.join()
    done = samples(client)

    gauges = ("qa_questions_in_work", "qa_questions_waiting")
    assert [idle[gauge] for gauge in gauges] == [done[gauge] for gauge in gauges] == [0, 0]
    assert [busy[gauge] for gauge in gauges] == [service.settings.threads, 1]
    assert 0.1 < done["qa_stage_seconds_sum stage=wait"] < done["qa_question_seconds_sum"]


def test_nothing_that_people_send_becomes_a_label(client, service):
    """Unknown addresses, methods, ids and questions make no series, and the page holds none of them."""
    client.get("/nothing")
    client.open("/", method="BREW")
    before = set(samples(client))

    for number in range(20):
        client.get(f"/nothing/Skagen{number}")
        client.get(f"/api/v1/nothing{number}?q={QUESTION}")
        client.open("/", method=f"SKAGEN{number}")
        client.get("/nothing", headers={"X-Request-ID": f"Skagen{number}", "X-Forwarded-For": f"10.1.2.{number}"})

    after = samples(client)
    assert set(after) - before == {"qa_requests_total method=GET route=/metrics status=200"}
    assert not [name for name in after if "skagen" in name.casefold() or "127.0.0.1" in name or "10.1.2" in name]


def test_apps_in_one_process_do_not_add_up(service):
    """Each app counts for itself."""
    first, second = create_app(service).test_client(), create_app(service).test_client()

    first.get("/documents")

    name = "qa_requests_total method=GET route=/documents status=200"
    assert samples(first)[name] == 1
    assert name not in samples(second)


def test_the_generation_and_the_process_are_described(client, service):
    """An operator sees which generation is open, how old and how large it is, and what the process needs."""
    seen = samples(client)

    manifest = service.index.manifest
    assert seen[f"qa_generation_info id={manifest.id} model={manifest.model.name}"] == 1
    assert seen["qa_generation_passages"] == manifest.passages > 0
    assert 0 < seen["qa_generation_age_seconds"] < 3600
    assert seen["process_resident_memory_bytes"] > 1e7
    assert seen["process_cpu_seconds_total"] > 0
    assert [name for name in seen if name.startswith("qa_build_info ")]


def test_failed_takeovers_are_counted(tmp_path):
    """Without an index there are metrics all the same, and a failure counts once, however often it is met again."""
    service = Service(Settings(index=tmp_path / "none"))
    client = create_app(service).test_client()
    assert samples(client)["qa_failed_takeovers_total"] == 0

    service.watch()
    time.sleep(3.5 * POLL_SECONDS)
    service.close()

    seen = samples(client)
    assert seen["qa_failed_takeovers_total"] == 1
    assert not [name for name in seen if name.startswith("qa_generation")]


def test_a_reader_gets_the_format_that_it_asks_for(client):
    """Prometheus asks for OpenMetrics; the page is valid in that too."""
    page = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert page.content_type.startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in openmetrics.text_string_to_metric_families(page.get_data(as_text=True))}
    assert {"qa_requests", "qa_question_seconds", "qa_generation"} <= names


def test_each_metric_is_documented(client):
    """docs/operations.md names every metric, and no other."""
    page = (Path(__file__).parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
    families = text_string_to_metric_families(client.get("/metrics").get_data(as_text=True))
    served = {family.name + ("_total" if family.type == "counter" else "") for family in families}

    documented = set(re.findall(r"\bqa_[a-z_]+\b", page)) - {"qa_question_seconds_bucket"}
    assert documented == {name for name in served if name.startswith("qa_")}
