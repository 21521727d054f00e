from dataclasses import replace

import pytest

from qa.index import open_index
from qa.rebuild import rebuild
from qa.settings import Settings
from qa.verify import faults


@pytest.fixture
def index(tmp_path, write, pretend_models):
    corpus = write(tmp_path / "corpus", {"a.md": "# A\n\nOne is here. Two is there.", "b.txt": "Three is far."})
    settings = Settings(corpus=corpus, index=tmp_path / "index")
    rebuild(settings, force=False, progress=lambda *_: None)
    return open_index(settings.index)


def test_a_sound_index_has_no_faults(index):
    """Every passage of a fresh index is what it claims to be."""
    assert faults(index) == []


def test_a_passage_that_is_not_its_slice_is_a_fault(index):
    """A passage whose text differs from its place in the document is reported with path and place."""
    first, second = index.passages

    assert faults(replace(index, passages=(replace(first, text="Other."), second))) == [
        f"a.md:{first.start}-{first.end}: the passage is not what stands there"
    ]


def test_a_sentence_outside_of_its_passage_is_a_fault(index):
    """A sentence that reaches beyond its passage, or is empty, is reported."""
    first, second = index.passages
    beyond = replace(first, sentences=((first.start, first.end + 1),))
    empty = replace(second, sentences=((second.start, second.start),))

    assert [fault.partition(": ")[2] for fault in faults(replace(index, passages=(beyond, empty)))] == [
        "a sentence lies outside of its passage",
        "a sentence lies outside of its passage",
    ]


def test_a_document_that_was_changed_is_a_fault(index):
    """A document whose text has another hash than is cited is reported, with its passages that no longer fit."""
    name, document = next(iter(index.documents.items()))
    changed = {**index.documents, name: replace(document, text=document.text.replace("One", "Won"))}

    assert [fault.split(": ")[1] for fault in faults(replace(index, documents=changed))] == [
        "the text does not have the SHA-256 that is cited",
        "the passage is not what stands there",
    ]
