"""Train the reader, a cross-encoder that tells whether a passage answers a question, and write qa/reader.npz.

    python tools/fit_reader.py SQUAD2_DIR NQGOLD_DIR

The folders are retrieval sets in the BEIR layout, named as in tools/reader_questions.jsonl: questions that a language
model wrote from reading their passages, and from nothing else. Half of them a passage answers, half of these in other
words than its own; the other half it nearly answers. Questions of the sets themselves are added, and written ones on
tools/reader_documents, which are of kinds that the sets lack: retellings, reviews, manuals, minutes, rules. A language
model made these documents up, so that nobody and nothing in them is what a person could ask about. Each question is
learned from with what a search for it comes up with (tools/reader_examples.py).

Only the upper layers of a packaged cross-encoder are trained (the lower ones have little to learn from so few examples,
and their output is computed once), to tell answered from unanswered and, so that it learns where to look, to mark the
tokens of the answer; the marks are dropped afterwards. The package has the factors of its matrix products in eight
bits, and so has the result: while it is trained they are rounded in each step, since rounded at the end alone most of
them would fall back to where they were.

One title in five is held out: no passage of it and no question on it is learned from. The areas under the ROC curve
that are printed are of these, and so are the questions of tools/fit_confidence.py and those of tools/fit_ranking.py on
which the reader's weight is fitted.
Source: Nogueira and Cho, "Passage Re-ranking with BERT", 2019; Rajpurkar et al., "Know What You Don't Know", 2018; for
the rounding Bengio et al., "Estimating or Propagating Gradients Through Stochastic Neurons", 2013.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.metrics import roc_auc_score
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from qa.encoders import encode_all
from qa.weights import MINILM_READER, verified
from tools.reader_examples import Example, examples_of
from tools.written import INVENTED

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "qa" / "reader.npz"
TRAINED_FROM = 6  # of twelve layers
WIDTH, HEADS, LAYERS = 384, 12, 12
MAX_TOKENS = 320
BATCH = 16
RATE = 2e-4
MARK_WEIGHT = 0.5  # of the loss of the marks


class Rounded(nn.Linear):
    """A linear layer whose weight counts as rounded to eight bits; its gradient passes the rounding unchanged."""

    def __init__(self, wide: int, high: int) -> None:
        super().__init__(wide, high)
        self.register_buffer("step", torch.tensor(1.0))

    def forward(self, states: Tensor) -> Tensor:
        """Return the product, shape (…, high), of states, (…, wide)."""
        if not self.weight.requires_grad:  # as it came, which is rounded
            return functional.linear(states, self.weight, self.bias)
        nearest = self.eight_bits().float() * self.step
        return functional.linear(states, self.weight + (nearest - self.weight).detach(), self.bias)

    def eight_bits(self) -> Tensor:
        """Return the weight in steps, int8."""
        return torch.round(self.weight.detach() / self.step).clamp(-127, 127).to(torch.int8)


class Layer(nn.Module):
    """One layer of BERT."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.output = (Rounded(WIDTH, WIDTH) for _ in range(4))
        self.inner, self.outer = Rounded(WIDTH, 4 * WIDTH), Rounded(4 * WIDTH, WIDTH)
        self.first_norm, self.second_norm = nn.LayerNorm(WIDTH, 1e-12), nn.LayerNorm(WIDTH, 1e-12)
        self.dropout = nn.Dropout(0.1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return new states, shape (n, tokens, WIDTH), as those given; mask: (n, tokens), True where a token is."""
        count, tokens, _ = states.shape

        def heads(of: nn.Module) -> Tensor:
            made: Tensor = of(states)
            return made.view(count, tokens, HEADS, WIDTH // HEADS).transpose(1, 2)

        attended = functional.scaled_dot_product_attention(
            heads(self.query), heads(self.key), heads(self.value), attn_mask=mask[:, None, None]
        )
        attended = attended.transpose(1, 2).reshape(count, tokens, WIDTH)
        states = self.first_norm(states + self.dropout(self.output(attended)))
        made: Tensor = self.second_norm(states + self.dropout(self.outer(functional.gelu(self.inner(states)))))
        return made


class Reader(nn.Module):
    """The cross-encoder, with one more logit for each token: whether it belongs to the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places, self.types = (nn.Embedding(n, WIDTH) for n in (30522, 512, 2))
        self.norm = nn.LayerNorm(WIDTH, 1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.pooler, self.classifier, self.marks = Rounded(WIDTH, WIDTH), Rounded(WIDTH, 1), nn.Linear(WIDTH, 1)
        nn.init.zeros_(self.marks.weight)

    def lower(self, ids: Tensor, types: Tensor, mask: Tensor) -> Tensor:
        """Return the states below the trained layers, shape (n, tokens, WIDTH), of token ids, (n, tokens)."""
        states: Tensor = self.norm(self.words(ids) + self.places(torch.arange(ids.shape[1])) + self.types(types))
        for layer in self.layers[:TRAINED_FROM]:
            states = layer(states, mask)
        return states

    def upper(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits that the passage answers, (n,), and that each token belongs to the answer, (n, tokens)."""
        for layer in self.layers[TRAINED_FROM:]:
            states = layer(states, mask)
        answered: Tensor = self.classifier(torch.tanh(self.pooler(states[:, 0])))
        return answered[:, 0], self.marks(states)[..., 0]

    def trained(self) -> dict[str, nn.Parameter]:
        """Return what is trained and kept, by its name in this model."""
        upper = tuple(f"layers.{number}." for number in range(TRAINED_FROM, LAYERS))
        return {name: p for name, p in self.named_parameters() if name.startswith((*upper, "pooler.", "classifier."))}


PACKAGED = {  # names of the modules of the reader: names in the package
    "words": "embeddings.word_embeddings",
    "places": "embeddings.position_embeddings",
    "types": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "output": "attention.output.dense",
    "first_norm": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "second_norm": "output.LayerNorm",
    "pooler": "pooler.dense",
}


class Package:
    """The weights in the package: ONNX, the factors of matrix products rounded to eight bits."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path).graph
        self.arrays = {array.name: numpy_helper.to_array(array) for array in graph.initializer}
        self._factors: dict[str, str] = {}  # name of a bias: name of the factor of the product that it is added to
        makers = {output: node for node in graph.node for output in node.output}
        for node in graph.node:
            bias = next((name for name in node.input if name.endswith(".bias") and node.op_type == "Add"), None)
            if bias:
                maker = makers.get(next(name for name in node.input if name != bias))
                while maker and maker.op_type in ("Mul", "Cast"):
                    maker = makers.get(maker.input[0])
                if maker and maker.op_type == "MatMulInteger":
                    self._factors[bias] = maker.input[1].removesuffix("_quantized")

    def name(self, parameter: str) -> str:
        """Return the name here of a parameter of the reader; without its suffixes if it is rounded."""
        *place, part, kind = parameter.split(".")
        prefix = f"encoder.layer.{place[1]}." if place else ""
        name = "classifier" if part == "classifier" else f"bert.{prefix}{PACKAGED[part]}"
        factor = self._factors.get(f"{name}.bias") if kind == "weight" else None
        return factor or f"{name}.{kind}"

    def tensor(self, parameter: str) -> Tensor:
        """Return a parameter of the reader in full."""
        name = self.name(parameter)
        if f"{name}_quantized" not in self.arrays:
            return torch.from_numpy(self.arrays[name].copy())
        rounded, zero = (self.arrays[f"{name}_{what}"].astype(np.float32) for what in ("quantized", "zero_point"))
        full = (rounded - zero) * self.arrays[f"{name}_scale"]
        return torch.from_numpy(full if ".embeddings." in name else full.T.copy())

    def step(self, parameter: str) -> Tensor | None:
        """Return what a rounded weight counts its steps in; None for what is not rounded."""
        scale = self.arrays.get(f"{self.name(parameter)}_scale")
        return None if scale is None else torch.from_numpy(scale.copy())


def load(reader: Reader, package: Package) -> None:
    """Give a reader the weights of the package; the marks have none there."""
    modules = dict(reader.named_modules())
    for name, parameter in reader.named_parameters():
        if not name.startswith("marks."):
            parameter.data = package.tensor(name)
            module = modules[name.rpartition(".")[0]]
            if isinstance(module, Rounded) and name.endswith(".weight"):
                module.step = package.step(name)


def arrays_of(reader: Reader, package: Package) -> dict[str, NDArray[Any]]:
    """Return what was trained, by the names and in the shapes of the package."""
    modules, arrays = dict(reader.named_modules()), {}
    for name, parameter in reader.trained().items():
        module = modules[name.rpartition(".")[0]]
        if isinstance(module, Rounded) and name.endswith(".weight"):
            arrays[f"{package.name(name)}_quantized"] = np.ascontiguousarray(module.eight_bits().numpy().T)
        else:
            arrays[package.name(name)] = parameter.detach().numpy()
    return arrays


@dataclass(frozen=True, slots=True)
class Prepared:
    """An example as the trained layers meet it."""

    example: Example
    states: Tensor  # (tokens, WIDTH), bfloat16
    inside: Tensor  # (tokens,) 1 for the tokens of the passage
    marks: Tensor  # (tokens,) 1 for those of the answer


def prepare(examples: Sequence[Example], reader: Reader, tokenizer: Tokenizer) -> list[Prepared]:
    """Run the layers that are not trained."""

    def one(example: Example) -> Prepared:
        encoding = tokenizer.encode(example.question, example.text)
        ids, types = torch.tensor([encoding.ids]), torch.tensor([encoding.type_ids])
        start = example.text.index(example.answer or "")
        end = start + len(example.answer or "")
        marks = [
            float(kind == 1 and first < end and after > start)
            for (first, after), kind in zip(encoding.offsets, encoding.type_ids, strict=True)
        ]
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            states = reader.lower(ids, types, torch.ones_like(ids, dtype=torch.bool))[0]
        return Prepared(example, states.to(torch.bfloat16), types[0], torch.tensor(marks))

    reader.eval()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two examples side by side are faster than one with both cores
    prepared = list(tqdm(encode_all(one, examples), desc="lower layers", total=len(examples)))
    torch.set_num_threads(threads)
    return prepared


def batches(prepared: Sequence[Prepared], chance: random.Random) -> list[list[Prepared]]:
    """Return all in batches of about the same length, in any order."""
    ordered = sorted(prepared, key=lambda one: len(one.states) + 24 * chance.random())
    made = [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
    chance.shuffle(made)
    return made


def padded(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors of different lengths as one, filled up with zeros."""
    return nn.utils.rnn.pad_sequence(list(tensors), batch_first=True)


def run(reader: Reader, batch: Sequence[Prepared]) -> tuple[Tensor, Tensor]:
    """Return both kinds of logits of a batch, as `Reader.upper`."""
    mask = padded([torch.ones(len(one.states), dtype=torch.bool) for one in batch])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        answered, marks = reader.upper(padded([one.states for one in batch]).float(), mask)
    return answered.float(), marks.float()


def loss_of(reader: Reader, batch: Sequence[Prepared]) -> Tensor:
    """Return the loss of a batch."""
    answered, marks = run(reader, batch)
    right = torch.tensor([float(one.example.answer is not None) for one in batch])
    counted = padded([one.inside for one in batch])
    marked = functional.binary_cross_entropy_with_logits(
        marks, padded([one.marks for one in batch]), reduction="none", pos_weight=torch.tensor(4.0)
    )
    missed = (marked * counted).sum() / counted.sum().clamp(min=1)
    return functional.binary_cross_entropy_with_logits(answered, right) + MARK_WEIGHT * missed


def train(reader: Reader, prepared: Sequence[Prepared], epochs: int) -> None:
    """Train the upper layers."""
    chance = random.Random(1)  # noqa: S311
    kept = list(reader.trained().values())
    optimizer = torch.optim.AdamW(
        [{"params": kept}, {"params": reader.marks.parameters(), "lr": 10 * RATE}], lr=RATE, weight_decay=0.01
    )
    steps = epochs * math.ceil(len(prepared) / BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, 10 * step / steps) * (1 - step / steps)
    )
    reader.train()
    with tqdm(total=steps, desc="training", mininterval=10) as progress:
        for _ in range(epochs):
            for batch in batches(prepared, chance):
                loss = loss_of(reader, batch)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(kept, 1.0)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                progress.update()
                progress.set_postfix(loss=f"{loss.item():.2f}", refresh=False)


def report(reader: Reader, prepared: Sequence[Prepared]) -> None:
    """Print for each kind of unanswered question how well it is told from the answered ones of its set."""
    reader.eval()
    with torch.no_grad():
        logits = {
            id(one): float(logit)
            for batch in tqdm(batches(prepared, random.Random(1)), desc="held out")  # noqa: S311
            for one, logit in zip(batch, run(reader, batch)[0], strict=True)
        }
    for kind in sorted({one.example.kind for one in prepared if one.example.answer is None}):
        folder = kind.split()[0]
        judged = [one for one in prepared if one.example.kind == kind or one.example.answer is not None]
        judged = [one for one in judged if one.example.kind.split()[0] == folder]
        area = roc_auc_score([one.example.answer is not None for one in judged], [logits[id(one)] for one in judged])
        print(f"{kind}: {area:.3f}")


@click.command()
@click.option("--epochs", default=1, show_default=True)
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(epochs: int, folders: tuple[Path, ...]) -> None:
    """Train on all FOLDERS together and write the result."""
    torch.manual_seed(1)
    source = verified(MINILM_READER)
    package = Package(source / "model.onnx")
    reader = Reader()
    load(reader, package)
    trained = reader.trained()
    for name, parameter in reader.named_parameters():
        parameter.requires_grad = name in trained or name.startswith("marks.")
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS, strategy="only_second")
    examples = [example for folder in (*folders, INVENTED) for example in examples_of(folder)]
    prepared = prepare(examples, reader, tokenizer)
    held_out = [one for one in prepared if one.example.held_out]
    print("before:")
    report(reader, held_out)
    train(reader, [one for one in prepared if not one.example.held_out], epochs)
    print("after:")
    report(reader, held_out)
    np.savez(TARGET, **arrays_of(reader, package))


if __name__ == "__main__":
    main()
