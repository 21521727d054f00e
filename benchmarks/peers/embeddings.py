"""An embedding server as groundkit asks for one (the API of Ollama), with bge-small-en-v1.5 behind it.

python embeddings.py PORT
"""

import sys
from typing import Any

from flask import Flask, jsonify, request
from waitress import serve

from qa.encoders import dense_encoder

app = Flask(__name__)


@app.post("/api/embed")
def embed() -> Any:
    """Return one vector for each text of `input`."""
    return jsonify(embeddings=[dense_encoder().encode(text).tolist() for text in request.json["input"]])


if __name__ == "__main__":
    serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=4)
