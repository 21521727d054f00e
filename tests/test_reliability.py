"""The commands of docs/reliability.md, so short that they fit into a test; and that they see what they look for."""

import random
from dataclasses import replace

import pytest

from benchmarks import rebuild_under_load
from benchmarks.rebuild_under_load import Asked, Generation, Held, faults_of, measure
from benchmarks.running import MARKER, Harbour
from qa.rebuild import rebuild
from qa.settings import Settings

NOTHING_HELD = Held(megabytes=100, open_files=10, removed_files=0)


@pytest.fixture
def harbour(tmp_path) -> Harbour:
    return Harbour(tmp_path / "corpus", random.Random(1))


def asked(harbour, generation="second", *, version=1, began=10.0, status=200):
    """Return a question about the fact that changes, with the reply that it should get."""
    document = next(document for document in harbour.documents().values() if document.path == "light.md")
    start = document.text.index("The harbour light was")
    text = document.text[start:].strip()
    cited = {"id": document.id, "path": document.path, "sha256": document.sha256}
    span = {"text": text, "start": start, "end": start + len(text)}
    answer = {**span, "passage": 1}
    reply = {"index": {"id": generation}, "answer": answer, "passages": [{**span, "document": cited}]}
    return Asked(MARKER, began, began + 1, status, reply)


@pytest.fixture
def generations(harbour):
    """Two generations of the documents, the second of which is in the folder."""
    first = Generation(0, harbour.fact(0), harbour.documents(), 0, 1)
    harbour.change()
    return {"first": first, "second": Generation(1, harbour.fact(1), harbour.documents(), 8, 9)}


def test_a_right_reply_has_no_fault(harbour, generations):
    """A reply that agrees with the documents of its generation is no fault."""
    assert faults_of([asked(harbour)], generations, NOTHING_HELD) == []


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("failed", lambda one: replace(one, status=503)),
        ("mixed", lambda one: replace(one, reply={**one.reply, "index": {"id": "first"}})),
        ("mixed", lambda one: replace(one, reply={**one.reply, "index": {"id": "unheard of"}})),
        ("mixed", lambda one: replace(one, reply={**one.reply, "answer": {**one.reply["answer"], "end": 30}})),
    ],
)
def test_a_wrong_reply_is_seen(harbour, generations, kind, change):
    """A reply that failed, names another generation or cites what is not there is named as what it is."""
    faults = faults_of([change(asked(harbour))], generations, NOTHING_HELD)

    assert [fault.partition(":")[0] for fault in faults] == [kind]


def test_an_old_fact_under_a_new_name_is_seen(harbour, generations):
    """A kept answer of the generation before, given out as one of the new generation, is mixed."""
    kept = asked(harbour, generation="third")
    harbour.change()
    generations["third"] = Generation(2, harbour.fact(2), harbour.documents(), 18, 19)

    assert "light.md of another generation" in faults_of([kept], generations, NOTHING_HELD)[0]


def test_an_old_reply_after_a_new_one_is_seen(harbour, generations):
    """A reply is stale when its question began after a reply of a newer generation had come, not while it was made."""
    new = asked(harbour, began=10)
    old = replace(new, reply={**new.reply, "index": {"id": "first"}})

    assert rebuild_under_load.stale([new, replace(old, began=10.5, ended=12)], generations) == []
    assert rebuild_under_load.stale([new, replace(old, began=11.5, ended=12)], generations) == [
        replace(old, began=11.5, ended=12)
    ]


def test_files_of_removed_generations_are_seen(harbour, generations):
    """A server that still holds what was removed is a fault."""
    assert "held: 3 files" in faults_of([asked(harbour)], generations, replace(NOTHING_HELD, removed_files=3))[0]


@pytest.mark.model
def test_rebuilding_under_load_loses_nothing(tmp_path, harbour):
    """While documents change three times, a real server answers every question from one generation, the newest."""
    settings = Settings(corpus=harbour.folder, index=tmp_path / "index")

    rows, faults = measure(
        harbour,
        tmp_path,
        lambda: rebuild(settings, force=False, progress=lambda *_: None),
        questions=150,
        rebuilds=3,
        clients=2,
    )

    assert faults == []
    assert rows["generations in replies"] == "4 of 4"
