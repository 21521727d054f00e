"""The Flask app: the question box, the documents and the JSON interface."""

import gzip

from flask import Flask, Response, current_app, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, NotFound

from qa.errors import NoSuchDocument, QAError
from qa.service import Service
from web.api import api, json_error
from web.api import service as service_in_use
from web.pages import pages
from web.problems import BY_STATUS, INTERNAL, PROBLEMS, problem_of

MAX_BODY_BYTES = 64 * 1024
_MIN_COMPRESSED_BYTES = 1000  # less fits into one packet anyway
_COMPRESSED = ("application/json", "application/javascript", "image/svg+xml")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def create_app(service: Service) -> Flask:
    """Return the app that answers from `service`; it may have no open index yet."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["qa"] = service
    app.register_blueprint(api)
    app.register_blueprint(pages)
    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/readyz", view_func=readyz)
    app.add_url_rule("/problems/<slug>", view_func=problem_page)
    app.register_error_handler(Exception, _error)
    app.after_request(_compress)
    app.after_request(_add_headers)
    return app


def healthz() -> Response:
    """Say that the process runs."""
    return jsonify(status="ok")


def readyz() -> Response:
    """Say whether questions can be answered: the index is open and the model has answered one."""
    return jsonify(status="ready", index=service_in_use().index.manifest.id)


def problem_page(slug: str) -> str:
    """Explain a kind of problem of the JSON interface."""
    found = next((problem for problem in PROBLEMS if problem.slug == slug), None)
    if found is None:
        raise NotFound
    return render_template("problem.html", title=found.title, detail=found.explanation, status=found.status)


def _error(error: Exception) -> Response | tuple[str, int]:
    """Answer an error in the form that was asked for: a problem document or a page."""
    if request.path.startswith("/api/") or request.path in ("/healthz", "/readyz"):
        return json_error(error)
    command = ""
    if isinstance(error, QAError):
        problem = problem_of(error)
        detail, _, command = str(error).partition("; run: ")
    elif isinstance(error, HTTPException):
        problem = BY_STATUS.get(error.code or 500, INTERNAL)
        detail = problem.explanation
    else:
        current_app.logger.error("the page %s failed", request.path, exc_info=error)
        problem, detail = INTERNAL, INTERNAL.explanation
    page = render_template(
        "problem.html",
        title=problem.title,
        detail=detail,
        status=problem.status,
        command=command,
        missing=isinstance(error, NoSuchDocument),
    )
    return page, problem.status


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _compress(response: Response) -> Response:
    """Send text compressed to those who take it."""
    response.vary.add("Accept-Encoding")
    kind = response.mimetype or ""
    is_text = kind.startswith("text/") or kind in _COMPRESSED
    if not is_text or response.status_code != 200 or not request.accept_encodings.quality("gzip"):
        return response
    response.direct_passthrough = False
    data = response.get_data()
    if len(data) >= _MIN_COMPRESSED_BYTES:
        response.set_data(gzip.compress(data, compresslevel=5, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        etag, _ = response.get_etag()
        if etag:
            response.set_etag(etag, weak=True)  # the same content, but not the same bytes
    return response
