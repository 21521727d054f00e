"""Who may ask, how often, under which name and from which other sites. All but the names is off unless configured."""

import time
from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask_cors import CORS
from flask_limiter import HeaderNames, Limiter, RequestLimit
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import BadHost
from werkzeug.middleware.proxy_fix import ProxyFix

from qa.errors import TooMany
from qa.settings import ANY, OFF, Settings, listed, variable
from web.health import PROBES
from web.openapi import DESCRIPTION
from web.problems import BAD_REQUEST, UNAUTHORIZED, problem_response
from web.tokens import is_known

_API, _METRICS = "/api/", "/metrics"
_QUESTIONS = ("api.ask_by_get", "api.ask_by_post", "api.why_not")
_CORS_SECONDS = 3600  # a browser need not ask again for so long
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - no names; a service that listens there is asked under others


def protect(app: Flask, settings: Settings) -> None:
    """Add to every request the checks that the settings ask for."""
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count)  # type: ignore[method-assign]
    _check_host(app, settings)
    _check_tokens(app, settings)
    if settings.rate_limit != OFF:
        _limit_rate(app, settings.rate_limit)
    if settings.cors_origins != OFF:
        _open_to_origins(app, settings.cors_origins)


def _check_host(app: Flask, settings: Settings) -> None:
    """Answer only under the names of this service.

    Citations hold the name, and without the check a page of somebody else, whose name is made to lead here, could read
    the documents with the browser of a person who may. Werkzeug has such a check, but none that takes IPv6 addresses.
    """
    names = set(listed(settings.hosts))
    if settings.host not in _WILDCARDS:
        names.add(settings.host.lower())

    def check() -> Response | None:
        # A probe asks by whatever address the service has, and its answer holds nothing.
        is_known = ANY in names or request.path in (*PROBES, _METRICS) or _name_in(request.host) in names
        if is_known and not isinstance(request.routing_exception, BadHost):
            return None
        # Never a page: without a usable name there are no addresses to put into it.
        detail = f"this service does not answer under that name; {variable('hosts')} lists its names"
        return problem_response(BAD_REQUEST, detail)

    app.before_request(check)


def _name_in(host: str) -> str:
    """Return the name in a Host header without its port; "" if there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # a bracket without its other half
        return ""


def _check_tokens(app: Flask, settings: Settings) -> None:
    """Ask for a token before the JSON interface and before the metrics, where one is configured."""
    wanted = {
        prefix: listed(value)
        for prefix, value in ((_API, settings.tokens_sha256), (_METRICS, settings.metrics_token_sha256))
        if value != OFF
    }

    def check() -> Response | None:
        digests = next((wanted[prefix] for prefix in wanted if request.path.startswith(prefix)), None)
        if digests is None or request.path == DESCRIPTION:
            return None
        if request.method == "OPTIONS":  # which browsers ask without a token, to learn what they may
            return None
        sent = request.authorization
        token = sent.token if sent and sent.type == "bearer" else None
        if token and is_known(token, digests):
            return None
        detail = "the token is not known here" if token else "send a token in the header Authorization: Bearer …"
        response = problem_response(UNAUTHORIZED, detail)
        response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if token else "Bearer"
        return response

    app.before_request(check)


def _limit_rate(app: Flask, rate: str) -> None:
    """Let each address ask only so many questions in a time, counted together over page and JSON interface."""

    def is_free() -> bool:
        asks = request.endpoint in _QUESTIONS or (request.endpoint == "pages.home" and "q" in request.args)
        return not asks or request.method == "OPTIONS"

    def refuse(limit: RequestLimit) -> None:
        seconds = max(1, int(limit.reset_at - time.time()))  # as in X-RateLimit-Reset-After; the time is rounded up
        raise TooMany(f"questions from one address are limited to {limit.limit}; try again in {seconds} s", seconds)

    Limiter(
        get_remote_address,
        app=app,
        application_limits=[rate],
        application_limits_exempt_when=is_free,
        on_breach=refuse,
        storage_uri="memory://",
        headers_enabled=True,
        # It would send Retry-After with answers too.
        header_name_mapping={HeaderNames.RETRY_AFTER: "X-RateLimit-Reset-After"},
    )


def _open_to_origins(app: Flask, origins: str) -> None:
    """Let scripts of other sites use the JSON interface."""
    CORS(
        app,
        resources={f"{_API}.*": {"origins": listed(origins)}},
        methods=["GET", "HEAD", "POST", "OPTIONS"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
        expose_headers=[
            "Link",
            "Retry-After",
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
            "X-RateLimit-Reset-After",
            "X-Request-ID",
        ],
        max_age=_CORS_SECONDS,
        send_wildcard=True,
    )

    def open_up(response: Response) -> Response:
        if request.path.startswith(_API):
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            response.vary.add("Origin")
        return response

    app.after_request(open_up)
