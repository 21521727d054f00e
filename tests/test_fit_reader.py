import json
from collections import Counter
from math import log

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from qa.encoders import OnnxModel
from qa.reader import reader as shipped_reader
from qa.weights import MINILM_READER, verified
from tools import fit_confidence, fit_reader, reader_examples
from tools.reader_examples import Example, examples_of
from tools.written import INVENTED, QUESTIONS, is_held_out, read_documents, read_lines, written_for

pytestmark = pytest.mark.model

TOWNS = ("Aal", "Berg", "Coln", "Dorf", "Elm", "Furt", "Gau", "Horn")


@pytest.fixture(scope="module")
def package():
    """The weights in the package."""
    return fit_reader.Package(verified(MINILM_READER) / "model.onnx")


@pytest.fixture
def reader(package):
    """A reader as it is before it is trained."""
    torch.manual_seed(1)
    made = fit_reader.Reader()
    fit_reader.load(made, package)
    return made.eval()


@pytest.fixture(scope="module")
def tokenizer():
    made = Tokenizer.from_file(str(verified(MINILM_READER) / "tokenizer.json"))
    made.no_padding()
    return made


def prepared(reader, tokenizer):
    """Return examples in which the year that is asked for stands in the passage, or another fact does."""
    examples = []
    for town in TOWNS:
        text = f"The town of {town} has a bridge. It was built in 1858 by the monks."
        examples.append(Example(f"When was the bridge of {town} built?", text, "1858", "a b", held_out=False))
        examples.append(Example(f"How long is the bridge of {town}?", text, None, "a b", held_out=False))
    return fit_reader.prepare(examples, reader, tokenizer)


def test_the_reader_to_train_is_the_one_of_the_package(reader, tokenizer):
    """Taken out of ONNX into torch, the weights say the same of a pair, within what eight bits of the states cost."""
    packaged = OnnxModel(MINILM_READER, 512)
    pair = tokenizer.encode("How many people live in Aal?", "Aal has 3,500 inhabitants.")
    ids = torch.tensor([pair.ids])
    mask = torch.ones_like(ids, dtype=torch.bool)

    logit, _ = reader.upper(reader.lower(ids, torch.tensor([pair.type_ids]), mask), mask)

    assert float(logit[0].detach()) == pytest.approx(float(packaged.run("logits", pair.ids, pair.type_ids)[0]), abs=0.3)


def test_what_was_not_trained_comes_out_as_it_was(reader, package):
    """The arrays that take the place of the package's have its names and types, and before training its values."""
    for name, array in fit_reader.arrays_of(reader, package).items():
        assert array.dtype == package.arrays[name].dtype
        np.testing.assert_array_equal(array, package.arrays[name])


def test_the_shipped_reader_fits_the_package(package):
    """Each array of the shipped file has one of the same shape and type in the package, and differs from it."""
    with np.load(fit_reader.TARGET) as shipped:
        assert len(shipped) == 100
        for name, array in shipped.items():
            assert (array.shape, array.dtype) == (package.arrays[name].shape, package.arrays[name].dtype)
        assert sum(not np.array_equal(array, package.arrays[name]) for name, array in shipped.items()) > 90


def test_the_shipped_reader_says_what_its_arrays_say(tokenizer):
    """All trained arrays are in use: in torch they give the same odds, but for what eight bits of the states cost."""
    trained = fit_reader.Package(verified(MINILM_READER) / "model.onnx")
    with np.load(fit_reader.TARGET) as shipped:
        trained.arrays |= dict(shipped)
    made = fit_reader.Reader().eval()
    fit_reader.load(made, trained)
    text = "The bridge of Aal was built by the monks, who had come from Horn."
    for question in (
        "Who built the bridge of Aal?",
        "When was the bridge of Aal built?",
        "from where were the builders",
    ):
        pair = tokenizer.encode(question, text)
        ids = torch.tensor([pair.ids])
        mask = torch.ones_like(ids, dtype=torch.bool)

        logit, _ = made.upper(made.lower(ids, torch.tensor([pair.type_ids]), mask), mask)

        # The package's own weights are off by 4 to 10 on these.
        probability = shipped_reader().probability(question, text)
        assert float(logit[0].detach()) == pytest.approx(log(probability / (1 - probability)), abs=0.6)


def test_training_lowers_the_loss_in_steps_of_eight_bits(reader, package, tokenizer):
    """After some rounds the examples are told apart better, by rounded weights; the lower layers are not touched."""
    examples = prepared(reader, tokenizer)
    lower = reader.layers[0].query.weight.detach().clone()
    for name, parameter in reader.named_parameters():
        parameter.requires_grad = name in reader.trained() or name.startswith("marks.")
    before = float(fit_reader.loss_of(reader, examples).detach())

    fit_reader.train(reader, examples, epochs=6)

    reader.eval()
    assert float(fit_reader.loss_of(reader, examples).detach()) < before - 0.1
    assert torch.equal(reader.layers[0].query.weight, lower)
    arrays = fit_reader.arrays_of(reader, package)
    changed = [name for name, array in arrays.items() if not np.array_equal(array, package.arrays[name])]
    assert any(name.endswith("_quantized") for name in changed)


def test_the_marks_stand_on_the_answer(reader, tokenizer):
    """The tokens of the answer are marked, those of the question and of the rest are not."""
    first, second = prepared(reader, tokenizer)[:2]

    assert first.marks.sum() == len(tokenizer.encode("1858", add_special_tokens=False).ids)
    assert (first.marks <= first.inside).all()
    assert second.marks.sum() == 0


@pytest.fixture
def small_set(tmp_path):
    """A retrieval set of its own: each town is asked for once, and once nearly."""
    lines = {"corpus": [], "queries": [], "unanswerable": []}
    for number, town in enumerate(TOWNS):
        text = f"The bridge of {town} was built by the monks in {1850 + number}."
        lines["corpus"].append({"_id": f"d{number}", "title": town, "text": text})
        question = {"_id": f"q{number}", "text": f"When was the bridge of {town} built?"}
        lines["queries"].append(question | {"metadata": {"answers": [str(1850 + number)]}})
        near = {"_id": f"u{number}", "text": f"How long is the bridge of {town}?"}
        lines["unanswerable"].append(near | {"metadata": {"near_doc": f"d{number}"}})
    for name, records in lines.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "qrels").mkdir()
    judged = "".join(f"q{number}\td{number}\t1\n" for number in range(len(TOWNS)))
    (tmp_path / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return tmp_path


def test_the_examples_of_a_set(small_set, monkeypatch):
    """Each question stands with the text that the search finds for it; the answer, if there is one, is in it."""
    monkeypatch.setattr(reader_examples, "OWN_SHARE", 1.0)
    examples = examples_of(small_set)
    own, near, elsewhere = (
        [one for one in examples if one.kind == f"{small_set.name} {kind}"]
        for kind in ("own", "own near miss", "elsewhere")
    )

    assert (len(own), len(near)) == (8, 8)
    assert len(own) + len(near) + len(elsewhere) == len(examples)
    assert all(one.answer.isdigit() and one.answer in one.text for one in own)
    assert not any(one.answer for one in near + elsewhere)
    for one in examples:
        (asked,), (read,) = ([town for town in TOWNS if town in text] for text in (one.question, one.text))
        assert (asked == read) == (one not in elsewhere)
        # What is learned of a title that is not held out is no passage of one that is.
        assert one.held_out == is_held_out(asked) == is_held_out(read)


def test_a_title_is_held_out_whole_for_the_fit_of_the_confidence(small_set):
    """What the confidence is fitted with are the questions on titles of which the reader has learned no passage."""
    held_out = {town for town in TOWNS if is_held_out(town)}
    answerable, near_misses = fit_confidence.questions(small_set)

    assert 0 < len(held_out) < len(TOWNS)
    assert {town for town in TOWNS for one in answerable if town in one.text} == held_out
    assert {town for town in TOWNS for one in near_misses if town in one.text} == held_out


@pytest.mark.parametrize("name", ["squad2", "nqgold", INVENTED.name])
def test_the_written_questions_are_of_both_kinds(name):
    """About half of the questions on each set are answered, none stands there twice."""
    records = [record for record in read_lines(QUESTIONS) if record["set"] == name]
    answered = sum(record["answer"] is not None for record in records)

    assert 0.35 < answered / len(records) < 0.65
    assert max(Counter((record["document"], record["question"]) for record in records).values()) == 1
    assert all(record["answer"][0] < record["answer"][1] for record in records if record["answer"])


def test_every_line_of_the_written_questions_belongs_to_a_set():
    """No line is lost by a slip in the name of its set."""
    assert {record["set"] for record in read_lines(QUESTIONS)} == {"squad2", "nqgold", INVENTED.name}


def test_the_questions_on_the_invented_documents():
    """Each stands on one of them; what answers it are whole words of that document."""
    texts = {document.id: document.text for document in read_documents(INVENTED)}
    asked = written_for(INVENTED)

    assert {name for one in asked for name in one.documents} == set(texts)
    for one in asked:
        if one.answer is not None:
            (name,) = one.documents
            assert one.answer == one.answer.strip()
            assert one.answer in texts[name]
