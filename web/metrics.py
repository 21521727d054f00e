"""What a Prometheus server reads from /metrics. No label holds anything that a person typed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from platform import python_version

import prometheus_client
from flask import Flask, Response, request
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from qa import version
from qa.answer import Status
from qa.errors import QAError
from qa.service import Service
from web.problems import PROBLEMS
from web.queue import WorkQueue
from web.trace import trace

_METHODS = ("GET", "HEAD", "POST", "OPTIONS")  # others are counted together: a method can be any word
# From a stage that only looks something up to a question that waited for others.
_SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
# Else every series is joined by one that says since when it counts, which nobody reads.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of one app, in a registry of its own, so that apps in one process do not add up."""

    def __init__(self, service: Service, queue: WorkQueue) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "qa_requests", "Requests by address pattern.", ("route", "method", "status"), registry=self.registry
        )
        self._problems = Counter(
            "qa_problems", "Requests that were refused or failed, by problem.", ("problem",), registry=self.registry
        )
        self._replies = Counter("qa_replies", "Questions that got a reply.", ("status",), registry=self.registry)
        self._cache = Counter(
            "qa_cache", "Questions by whether their reply was kept.", ("result",), registry=self.registry
        )
        self._question = Histogram(
            "qa_question_seconds", "Whole time of a question.", registry=self.registry, buckets=_SECONDS
        )
        self._stages = Histogram(
            "qa_stage_seconds",
            "Time of each stage of a question.",
            ("stage",),
            registry=self.registry,
            buckets=_SECONDS,
        )
        for status in Status:  # a series that is there from the start shows its first count as an increase
            self._replies.labels(status.value)
        for result in ("hit", "miss"):
            self._cache.labels(result)
        for problem in PROBLEMS:
            self._problems.labels(problem.slug)
        Info("qa_build", "Version of the program.", registry=self.registry).info(
            {"version": version(), "python": python_version()}
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(_StateCollector(service, queue))

    def count(self, response: Response) -> Response:
        """Count a request that is done."""
        route = request.url_rule.rule if request.url_rule else "unmatched"
        method = request.method if request.method in _METHODS else "other"
        self._requests.labels(route, method, response.status_code).inc()
        known = trace()
        if known.problem:
            self._problems.labels(known.problem).inc()
        elif known.reply:
            self._replies.labels(known.reply.status.value).inc()
            self._cache.labels("hit" if known.cached else "miss").inc()
            self._question.observe(known.took_ms / 1000)
            for stage, took_ms in known.stages_ms.items():
                self._stages.labels(stage).observe(took_ms / 1000)
        return response

    def page(self) -> Response:
        """Return all metrics in the format that the reader asks for."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(encode(self.registry), content_type=content_type)


class _StateCollector(Collector):
    """Looks, when the metrics are asked for, at what service and queue know of themselves."""

    def __init__(self, service: Service, queue: WorkQueue) -> None:
        self._service, self._queue = service, queue

    def collect(self) -> Iterator[Metric]:
        """Return how busy the service is, what failed, and what is known of the open generation."""
        yield GaugeMetricFamily("qa_questions_in_work", "Questions that are searched now.", self._queue.working)
        yield GaugeMetricFamily("qa_questions_waiting", "Questions that wait for it.", self._queue.waiting)
        yield CounterMetricFamily(
            "qa_failed_takeovers",
            "Attempts to open a new generation that failed.",
            value=self._service.failed_takeovers,
        )
        try:
            index = self._service.index
        except QAError:
            return
        manifest = index.manifest
        yield InfoMetricFamily(
            "qa_generation", "The open generation.", {"id": manifest.id, "model": manifest.model.name}
        )
        age = datetime.now(UTC) - datetime.fromisoformat(index.built_at)
        yield GaugeMetricFamily("qa_generation_age_seconds", "Time since it was built.", age.total_seconds())
        yield GaugeMetricFamily("qa_generation_passages", "Passages in it.", manifest.passages)


def add_metrics(app: Flask, service: Service, queue: WorkQueue) -> None:
    """Count every request and add /metrics."""
    metrics = Metrics(service, queue)
    app.after_request(metrics.count)
    app.add_url_rule("/metrics", "metrics", metrics.page)
