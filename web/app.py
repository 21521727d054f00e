"""The Flask app: the question box, the documents and the JSON interface."""

import gzip
from urllib.parse import unquote_to_bytes

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import NotFound

from qa.service import Service
from web.access_log import add_access_log
from web.api import api, suggestions
from web.assets import add_assets
from web.health import PROBES, add_health
from web.metrics import add_metrics
from web.pages import pages
from web.problems import NO_INDEX, NO_SUCH_DOCUMENT, PROBLEMS, BadRequest, problem_response, refusal_of
from web.protection import protect
from web.queue import WorkQueue
from web.trace import add_trace, trace

MAX_BODY_BYTES = 64 * 1024
_MIN_COMPRESSED_BYTES = 1000  # less fits into one packet anyway
_COMPRESSED = ("application/json", "application/javascript", "image/svg+xml")
SECURITY_HEADERS = {
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
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False  # one address for one thing, and no redirect from within the JSON interface
    app.before_request(_check_address)
    app.extensions["qa"] = service
    settings = service.settings
    queue = WorkQueue(settings.threads, settings.queue, settings.queue_seconds)
    app.extensions["qa-queue"] = queue
    app.register_blueprint(api)
    app.register_blueprint(pages)
    app.add_url_rule("/suggest", view_func=suggestions)  # for the page, which has no token
    add_assets(app)
    add_health(app, service)
    app.add_url_rule("/problems/<slug>", view_func=problem_page)
    app.register_error_handler(Exception, _error)
    # What is to happen after a request happens from the last of these to the first.
    add_access_log(app, questions=settings.log_questions)
    add_metrics(app, service, queue)
    add_trace(app)
    protect(app, settings)
    app.after_request(_compress)
    app.after_request(_add_headers)
    return app


def problem_page(slug: str) -> str:
    """Explain a kind of problem of the JSON interface."""
    found = next((problem for problem in PROBLEMS if problem.slug == slug), None)
    if found is None:
        raise NotFound
    label = f"A kind of problem of the JSON interface, with the status {found.status}"
    return render_template("problem.html", label=label, title=found.title, detail=found.explanation, explains=True)


def _check_address() -> None:
    """Refuse parameters that are no UTF-8: they could only be answered as something that nobody asked."""
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError as error:
        request.query_string = b""  # so that nothing trips over it on the way to the person who sent it
        raise BadRequest("the parameters of the address are not UTF-8") from error


def _error(error: Exception) -> Response | tuple[str, int, dict[str, str]]:
    """Answer an error in the form that was asked for: a problem document or a page."""
    refusal = refusal_of(error)
    problem = refusal.problem
    if request.path.startswith("/api/") or request.path in (*PROBES, "/metrics"):
        return problem_response(problem, refusal.detail, refusal.headers)
    detail, command = problem.on_page or refusal.detail, ""
    if problem is NO_INDEX:  # other details may hold what was sent, which must not be shown as a command of ours
        detail, _, command = detail.partition("; run: ")
    trace().problem = problem.slug
    label = f"Error {problem.status}"
    gone, later = problem is NO_SUCH_DOCUMENT, problem.status in (429, 503)
    page = render_template(
        "problem.html", label=label, title=problem.title, detail=detail, command=command, gone=gone, later=later
    )
    return page, problem.status, refusal.headers


def _add_headers(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
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
