"""What a server tells Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from starlette.responses import Response

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_ROWS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144)


@dataclass
class Seen:
    """The response of one request, once there is one."""

    response: Response | None = None


class Metrics:
    """Counters of one server, in a registry of its own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("recdiff_requests", "Requests answered.", ["path", "status"], registry=self._registry)
        self._seconds = Histogram(
            "recdiff_request_seconds", "Time to answer.", ["path"], buckets=_SECONDS, registry=self._registry
        )
        self._running = Gauge("recdiff_requests_in_flight", "Requests under way.", registry=self._registry)
        self.rows = Counter("recdiff_scored_edges", "Ties scored.", registry=self._registry)
        self.batch_rows = Histogram(
            "recdiff_batch_rows", "Ties of one call of the scorer.", buckets=_ROWS, registry=self._registry
        )

        for process in (ProcessCollector, PlatformCollector, GCCollector):
            process(registry=self._registry)
        self._model = Gauge("recdiff_model_info", "The bundle that serves.", ["bundle", "sdk"], registry=self._registry)
        self._loaded = Gauge("recdiff_model_loaded_timestamp_seconds", "Since when.", registry=self._registry)
        self._loading = Gauge("recdiff_model_load_seconds", "How long loading it took.", registry=self._registry)
        self._loads = Counter("recdiff_model_loads", "Reloads by outcome.", ["outcome"], registry=self._registry)

    def serves(self, digest: str, sdk: str, seconds: float, *, again: bool = False) -> None:
        """Say which bundle serves from now on, how many ``seconds`` loading took, and whether it is a reload."""
        self._model.clear()
        self._model.labels(digest, sdk).set(1)
        self._loaded.set_to_current_time()
        self._loading.set(seconds)
        if again:
            self._loads.labels("loaded").inc()

    def refused(self) -> None:
        """Count a reload that failed."""
        self._loads.labels("refused").inc()

    @contextmanager
    def timed(self, path: str) -> Iterator[Seen]:
        """Count one request to ``path`` and the time until it is answered."""
        begun, seen = time.perf_counter(), Seen()
        self._running.inc()
        try:
            yield seen
        finally:
            self._running.dec()
            status = "none" if seen.response is None else str(seen.response.status_code)
            self._requests.labels(path, status).inc()
            self._seconds.labels(path).observe(time.perf_counter() - begun)

    def text(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return bytes(generate_latest(self._registry))
