"""Style, scripts and icon of the pages, at addresses that change with them: so no browser asks for them twice."""

import hashlib
from pathlib import Path
from typing import Any

from flask import Flask, Response, send_from_directory

_FOLDER = Path(__file__).with_name("static")
_YEAR_SECONDS = 365 * 24 * 3600


def add_assets(app: Flask) -> None:
    """Add /static/<version>/<filename>; `url_for("static", filename=…)` names the version that is here.

    It is the name of a folder, so that the addresses that scripts import from each other have it too.
    """
    here = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_FOLDER.iterdir()))).hexdigest()[:8]

    def static_file(version: str, filename: str) -> Response:
        # The page may be of another server, before or after an upgrade; then this file serves, but is not to be kept.
        is_lasting = version == here
        response = send_from_directory(_FOLDER, filename, etag=here, max_age=_YEAR_SECONDS if is_lasting else None)
        response.cache_control.immutable = is_lasting
        return response

    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values.setdefault("version", here)

    app.add_url_rule("/static/<version>/<path:filename>", "static", static_file)
    app.url_defaults(add_version)
