import logging
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from qa.service import Service
from web import health
from web.app import create_app

pytestmark = pytest.mark.model


def count_checks(service: Service, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that will hold each generation that is asked a question to see whether it answers."""
    generations: list[str] = []
    try_out = service.try_out

    def counting() -> None:
        generations.append(service.index.manifest.id)
        try_out()

    monkeypatch.setattr(service, "try_out", counting)
    return generations


@pytest.fixture
def asked(service: Service, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return count_checks(service, monkeypatch)


def test_ready_means_that_a_question_was_answered(service, asked):
    """The first /readyz asks; those of the next seconds, however many come at once, take its word."""
    app = create_app(service)
    statuses: list[int] = []

    def probe() -> None:
        statuses.append(app.test_client().get("/readyz").status_code)

    threads = [threading.Thread(target=probe) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 8
    assert asked == [service.index.manifest.id]


def test_alive_asks_nothing(service, asked):
    """/healthz touches no index."""
    assert create_app(service).test_client().get("/healthz").get_json() == {"status": "ok"}

    assert asked == []


def test_a_check_is_repeated_after_a_while(service, asked, monkeypatch):
    """What was true some seconds ago is checked anew."""
    monkeypatch.setattr(health, "READY_SECONDS", 0.0)
    client = create_app(service).test_client()

    client.get("/readyz")
    client.get("/readyz")

    assert len(asked) == 2


def test_a_new_generation_is_checked_at_once(tmp_path, site_settings, tiny_settings, monkeypatch):
    """A check counts for the generation that was asked."""
    folder = Path(shutil.copytree(tiny_settings.index, tmp_path / "index"))
    service = Service(replace(tiny_settings, index=folder))
    service.open()
    asked = count_checks(service, monkeypatch)
    client = create_app(service).test_client()
    first = client.get("/readyz").get_json()["index"]

    shutil.copytree(site_settings.index, folder, dirs_exist_ok=True)
    service.open()
    second = client.get("/readyz").get_json()["index"]

    assert asked == [first, second]
    assert first != second == service.index.manifest.id


def test_an_index_that_stops_answering_is_not_ready(service, monkeypatch, caplog):
    """When a question fails, /readyz is a 503 with a problem document, the log says why, and it heals by itself."""
    client = create_app(service).test_client()
    monkeypatch.setattr(health, "READY_SECONDS", 0.0)
    with monkeypatch.context() as broken, caplog.at_level(logging.ERROR):
        broken.setattr(service.index.vectors, "search", None)
        response = client.get("/readyz")

    assert response.status_code == 503
    assert response.content_type == "application/problem+json"
    assert response.get_json()["type"] == "/problems/not-ready"
    assert "not callable" in caplog.text
    assert "not callable" not in response.get_data(as_text=True)
    assert client.get("/readyz").status_code == 200
