import gc
import json
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qa.answer import Reply, Status
from qa.errors import BadQuestion, IndexMissing, IndexUnusable, NoSuchDocument
from qa.index import generation_folder, read_pointer
from qa.reader import _load
from qa.rebuild import rebuild
from qa.service import POLL_SECONDS, Service
from qa.settings import Settings

pytestmark = pytest.mark.model

FIRST = {"tower.md": "# Tower\n\nThe keeper of the tower was Anna Lund. She kept three goats."}
SECOND = {"tower.md": "# Tower\n\nThe keeper of the tower was Peter Frost. He kept a telescope in the attic."}
QUESTION = "Who was the keeper of the tower?"


def run_rebuild(settings: Settings) -> str:
    """Bring the index up to the corpus and return the id of its generation."""
    return rebuild(settings, force=False, progress=lambda *_: None).generation


def wait_for(happened: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def damage(settings: Settings) -> Path:
    """Change one byte of the current generation and return the file."""
    pointer = read_pointer(settings.index)
    assert pointer
    path = generation_folder(settings.index, pointer.current) / "passages.jsonl"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    return path


def is_whole(reply: Reply) -> bool:
    """Tell whether everything in a reply is of the one generation that it names."""
    documents = reply.index.documents
    cited = all(
        passage.document == documents[passage.hit.passage.document_id]
        and passage.hit.passage in reply.index.passages
        and passage.document.text[passage.hit.passage.start : passage.hit.passage.end] == passage.hit.passage.text
        for passage in reply.passages
    )
    assert reply.answer
    document = reply.passages[reply.answer.passage - 1].document
    return cited and document.text[reply.answer.start : reply.answer.end] == reply.answer.text


@pytest.fixture
def settings(tmp_path, write) -> Settings:
    made = Settings(corpus=write(tmp_path / "corpus", FIRST), index=tmp_path / "index")
    run_rebuild(made)
    return made


@pytest.fixture
def watched(settings: Settings) -> Iterator[Service]:
    """A service that has opened the first generation and watches for more."""
    service = Service(settings)
    service.open()
    service.watch()
    yield service
    service.close()


def test_an_open_service_answers(settings):
    """After `open`, a question is answered from the current generation."""
    service = Service(settings)
    service.open()

    reply = service.ask(QUESTION)

    pointer = read_pointer(settings.index)
    assert pointer
    assert reply.status is Status.ANSWERED
    assert reply.answer
    assert "Anna Lund" in reply.answer.text
    assert reply.index.manifest.id == pointer.current
    assert is_whole(reply)


def test_options_reach_the_search(settings):
    """The limit, k, the filter and `exact` of a question are those of the reply."""
    service = Service(Settings(corpus=settings.corpus, index=settings.index, min_confidence=1))
    service.open()

    reply = service.ask("Who was the keepr of the tower?", k=1, documents=list(service.index.documents), exact=True)

    assert reply.answer is None
    assert len(reply.passages) == 1
    assert reply.query.corrections == ()
    with pytest.raises(NoSuchDocument):
        service.ask(QUESTION, documents=["nowhere"])
    with pytest.raises(BadQuestion):
        service.ask(QUESTION, k=0)


def test_a_repeated_question_is_answered_from_the_cache(settings):
    """The second reply is the first one but for its time, which is that of looking it up."""
    service = Service(settings)
    service.open()

    first, second = service.ask(QUESTION), service.ask(f" {QUESTION}\n")

    assert replace(first, stages={}) == replace(second, stages={})
    assert list(second.stages) == ["cache"]
    assert second.took_ms < first.took_ms


def test_another_question_is_not_answered_from_the_cache(settings):
    """What can change an answer is told apart: case, k, the documents asked, `exact`; errors are no replies."""
    service = Service(settings)
    service.open()
    documents = list(service.index.documents)

    service.ask(QUESTION)
    for question, options in (
        (QUESTION.lower(), {}),
        (QUESTION, {"k": 1}),
        (QUESTION, {"documents": documents}),
        (QUESTION, {"exact": True}),
    ):
        reply = service.ask(question, **options)
        assert reply.query.text == question
        assert "encode" in reply.stages
    with pytest.raises(NoSuchDocument):
        service.ask(QUESTION, documents=["nowhere"])


def test_a_cache_can_be_turned_off(settings):
    """With no room for replies, each question is answered anew."""
    service = Service(replace(settings, cache=0))
    service.open()

    service.ask(QUESTION)

    assert "encode" in service.ask(QUESTION).stages


def test_the_cache_goes_with_its_generation(settings, write):
    """After a swap the same question gets the new answer, and nothing of the old generation stays in memory."""
    service = Service(settings)
    service.open()
    service.ask(QUESTION)
    old = weakref.ref(service.index)
    write(settings.corpus, SECOND)
    run_rebuild(settings)

    service.open()
    gc.collect()

    assert old() is None
    reply = service.ask(QUESTION)
    assert reply.answer
    assert "Peter Frost" in reply.answer.text
    assert "encode" in reply.stages


def test_nothing_is_open_before_open(settings):
    """A service that was not opened says so instead of failing."""
    with pytest.raises(IndexMissing, match="not open yet"):
        Service(settings).ask(QUESTION)


def test_a_missing_index_names_the_command(tmp_path):
    """Without an index, opening and asking name the folder and the command that makes one."""
    service = Service(Settings(index=tmp_path / "no index"))

    for attempt in (service.open, lambda: service.ask(QUESTION)):
        with pytest.raises(IndexMissing, match=r"no index in .*/no index; run: qa rebuild --index '.*/no index'$"):
            attempt()


def test_a_damaged_index_is_not_served(settings):
    """An index with a changed byte is refused when it is opened and when it is asked, with the same reason."""
    damage(settings)
    service = Service(settings)

    with pytest.raises(IndexUnusable) as opening:
        service.open()
    with pytest.raises(IndexUnusable) as asking:
        service.ask(QUESTION)
    assert str(opening.value) == str(asking.value)


def test_an_index_that_appears_is_taken_over(tmp_path, write):
    """A service that started without an index serves as soon as there is one."""
    settings = Settings(corpus=write(tmp_path / "corpus", FIRST), index=tmp_path / "index")
    service = Service(settings)
    with pytest.raises(IndexMissing):
        service.open()
    service.watch()

    generation = run_rebuild(settings)

    wait_for(lambda: answers(service))
    assert service.index.manifest.id == generation
    service.close()


def answers(service: Service) -> bool:
    try:
        return service.ask(QUESTION).status is Status.ANSWERED
    except IndexMissing:
        return False


def test_a_new_generation_takes_over_while_people_ask(watched, settings, write):
    """Every reply during a rebuild is whole and of one generation, first of the old one, in the end of the new one."""
    old = watched.index.manifest.id
    replies: list[Reply] = []
    failures: list[Exception] = []
    stop = threading.Event()

    def keep_asking() -> None:
        try:
            while not stop.is_set():
                replies.append(watched.ask(QUESTION))
                time.sleep(0.005)
        except Exception as error:  # noqa: BLE001 - whatever a thread meets is shown below
            failures.append(error)

    threads = [threading.Thread(target=keep_asking, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(replies) > 4)
    write(settings.corpus, SECOND)
    new = run_rebuild(settings)
    wait_for(lambda: watched.index.manifest.id == new)
    seen = len(replies)
    wait_for(lambda: len(replies) > seen + 8)
    stop.set()
    for thread in threads:
        thread.join()

    assert not failures
    assert all(is_whole(reply) for reply in replies)
    assert (replies[0].index.manifest.id, replies[-1].index.manifest.id) == (old, new)
    assert {reply.index.manifest.id for reply in replies} == {old, new}
    for reply in replies:
        assert reply.answer
        assert ("Anna Lund" in reply.answer.text) is (reply.index.manifest.id == old)


def test_a_broken_new_generation_leaves_the_old_one_serving(settings, write, caplog):
    """A generation that cannot be opened is logged once and not taken over; the next sound one is."""
    service = Service(settings)
    service.open()
    old = service.index.manifest.id
    write(settings.corpus, SECOND)
    broken = run_rebuild(settings)
    damage(settings)
    service.watch()

    wait_for(lambda: "was not taken over" in caplog.text)
    time.sleep(2.5 * POLL_SECONDS)
    reply = service.ask(QUESTION)

    assert reply.index.manifest.id == old != broken
    assert is_whole(reply)
    assert caplog.text.count("was not taken over") == 1
    assert run_rebuild(settings) == broken  # the rebuild finds the damage and writes the generation anew
    wait_for(lambda: service.index.manifest.id == broken)
    assert "Peter Frost" in service.ask(QUESTION).passages[0].hit.passage.text
    service.close()


def test_the_reader_is_loaded_before_the_first_question(settings):
    """Opening loads what a question needs, the reader too, so that the first person does not wait for it."""
    _load.cache_clear()
    service = Service(settings)

    service.open()

    assert _load.cache_info().currsize == 1
    service.close()


def test_what_nobody_expected_is_told_as_it_is(settings, monkeypatch, caplog):
    """When opening breaks in a new way, people are told so, and it is counted and logged once, with its traceback."""

    def broken(*_):
        raise ZeroDivisionError("in the trial")

    monkeypatch.setattr("qa.service.RETRY_SECONDS", 0.1)
    monkeypatch.setattr("qa.service.search", broken)
    service = Service(settings)
    service.watch()

    wait_for(lambda: "was not taken over" in caplog.text)
    time.sleep(2.5 * POLL_SECONDS)

    with pytest.raises(IndexUnusable, match=r"cannot be opened \(ZeroDivisionError: in the trial\); run: qa doctor"):
        service.ask(QUESTION)
    assert service.failed_takeovers == caplog.text.count("was not taken over") == 1
    assert caplog.text.count('raise ZeroDivisionError("in the trial")') == 1
    service.close()


def test_a_pointer_to_nowhere_leaves_the_old_one_serving(settings):
    """When the folder is emptied or its pointer is nonsense, opening says so and the open generation goes on."""
    service = Service(settings)
    service.open()
    pointer = json.loads((settings.index / "CURRENT").read_text(encoding="utf-8"))

    (settings.index / "CURRENT").write_text("nonsense", encoding="utf-8")
    with pytest.raises(IndexUnusable):
        service.open()
    assert service.ask(QUESTION).index.manifest.id == pointer["current"]["id"]
    shutil.rmtree(settings.index)
    with pytest.raises(IndexMissing):
        service.open()
    assert service.ask(QUESTION).index.manifest.id == pointer["current"]["id"]


def test_a_generation_that_was_replaced_is_let_go(watched, settings, write):
    """As soon as the next generation serves, no file of the one before is open or mapped any more."""
    old = str(generation_folder(settings.index, watched.index.manifest.id))
    watched.ask(QUESTION)
    gc.disable()  # it would free sooner or later what holds itself
    try:
        write(settings.corpus, SECOND)
        new = run_rebuild(settings)
        wait_for(lambda: watched.index.manifest.id == new)
        wait_for(lambda: old not in Path("/proc/self/maps").read_text(encoding="utf-8"))
    finally:
        gc.enable()


def test_a_pointer_that_comes_back_is_no_trouble(settings):
    """When the pointer was nonsense for a while and is what it was again, opening is content."""
    service = Service(settings)
    service.open()
    pointer = (settings.index / "CURRENT").read_bytes()

    (settings.index / "CURRENT").write_text("nonsense", encoding="utf-8")
    with pytest.raises(IndexUnusable):
        service.open()
    (settings.index / "CURRENT").write_bytes(pointer)

    service.open()


def test_what_could_not_be_opened_is_tried_again(settings, monkeypatch):
    """A generation that was damaged and is whole again is opened although the pointer never changed."""
    monkeypatch.setattr("qa.service.RETRY_SECONDS", 0.5)
    path = damage(settings)
    service = Service(settings)
    with pytest.raises(IndexUnusable):
        service.open()
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)

    with pytest.raises(IndexUnusable):  # not at once: to check a large one takes a while
        service.open()
    time.sleep(0.6)
    service.open()

    assert service.ask(QUESTION).status is Status.ANSWERED


def test_telling_what_is_wrong_keeps_nothing_in_memory(settings):
    """However often people are told why nothing is open, nothing of their requests is kept."""
    damage(settings)
    service = Service(settings)
    with pytest.raises(IndexUnusable):
        service.open()

    depths = set()
    for _ in range(5):
        with pytest.raises(IndexUnusable) as caught:
            service.ask(QUESTION)
        depths.add(len(caught.traceback))

    assert len(depths) == 1


def test_why_not_is_asked_of_the_open_generation(settings):
    """`why_not` says what became of the passage that answers: it is shown."""
    service = Service(settings)
    service.open()
    passage = service.index.passages[0]

    found = service.why_not(QUESTION, passage.document_id, passage.start, passage.end)

    assert found.stage.value == "shown"
