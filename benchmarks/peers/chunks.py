"""What every peer without a splitter of its own gets: paragraphs joined up to 1,000 characters, no front matter."""

from collections.abc import Iterator
from pathlib import Path

MAX_CHARS = 1000


def chunks(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (path of the document within `folder`, text) for each chunk."""
    for path in sorted(folder.rglob("*.md")):
        chunk = ""
        _, _, body = path.read_text(encoding="utf-8").split("---\n", 2)
        for paragraph in body.split("\n\n"):
            if chunk and len(chunk) + len(paragraph) > MAX_CHARS:
                yield path.relative_to(folder).as_posix(), chunk
                chunk = ""
            chunk = f"{chunk}\n\n{paragraph}".strip()
        if chunk:
            yield path.relative_to(folder).as_posix(), chunk
