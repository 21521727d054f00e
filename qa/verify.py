"""Check the citation invariant over a whole index."""

import hashlib

from qa.index import Index


def faults(index: Index) -> list[str]:
    """Return one line for each passage or sentence that is not exactly the span of its document that it claims."""
    found = [
        f"{document.path}: the text does not have the SHA-256 that is cited"
        for document in index.documents.values()
        if hashlib.sha256(document.text.encode()).hexdigest() != document.sha256
    ]
    for passage in index.passages:
        document = index.documents[passage.document_id]
        where = f"{document.path}:{passage.start}-{passage.end}"
        if document.text[passage.start : passage.end] != passage.text:
            found.append(f"{where}: the passage is not what stands there")
        if any(not passage.start <= start < end <= passage.end for start, end in passage.sentences):
            found.append(f"{where}: a sentence lies outside of its passage")
    return found
