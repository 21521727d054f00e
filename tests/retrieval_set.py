"""A retrieval set of eight documents in the BEIR layout."""

import json
from typing import Any

DOCUMENTS = [
    ("d1", "Lighthouse", "The lighthouse of Skagen is 46 metres high. It was lit for the first time in 1858."),
    ("d2", "", "Many towers stand on the coast. The lighthouse of Skagen is the highest of them."),
    ("d3", "Rhubarb soup", "Rhubarb soup is eaten cold in summer. It takes one kilogram of rhubarb."),
    ("d4", "Rose garden", "Dogs are not allowed in the rose garden. It is open from nine to five."),
    ("d5", "Clock", "The clock of the town hall was made in Bremen by Otto Heide."),
    ("d6", "Ferry", "The ferry to the island takes 45 minutes and leaves every two hours."),
    ("d7", "Palm house", "The palm house was rebuilt after a storm. Its oldest palm comes from Madeira."),
    ("d8", "Soup", "Soup can be eaten hot or cold; potato soup is best hot."),
]
QUERIES = [
    ("q1", "How high is the lighthouse of Skagen?", {"d1": 2, "d2": 1}, ["46 metres"]),
    ("q2", "Which soup is eaten cold?", {"d3": 3, "d8": 1}, []),
    ("q3", "Who made the clock of the town hall?", {"d5": 1}, ["Otto Heide"]),
    ("q4", "What happened to the house of the palms?", {"d7": 1, "d4": 1}, []),
]
UNANSWERABLE = [("u1", "Which submarine sank off the coast of Peru?"), ("u2", "Who invented the telegraph in Ohio?")]


def lines(*records: dict[str, Any]) -> str:
    """Return records as JSON lines."""
    return "".join(json.dumps(record) + "\n" for record in records)


def retrieval_set() -> dict[str, Any]:
    """Return the files of the set by name."""
    grades = [f"{query}\t{name}\t{grade}\n" for query, _, graded, _ in QUERIES for name, grade in graded.items()]
    return {
        "corpus.jsonl": lines(*({"_id": name, "title": title, "text": text} for name, title, text in DOCUMENTS)),
        "queries.jsonl": lines(
            *({"_id": name, "text": text, "metadata": {"answers": answers}} for name, text, _, answers in QUERIES)
        ),
        "qrels/test.tsv": "query-id\tcorpus-id\tscore\n" + "".join(grades),
        "unanswerable.jsonl": lines(*({"_id": name, "text": text} for name, text in UNANSWERABLE)),
    }
