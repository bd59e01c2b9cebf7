"""The page of metrics, and one that leads to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, make_wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from prometheus_client.registry import Collector

    from ecl_logging.exporters.prometheus import EventCollector

__all__ = ["metrics_page", "metrics_pages"]

_INDEX = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>ecl-web</title>'
    b'<p><a href="metrics">Metrics</a> for Prometheus.</p></html>\n'
)


def metrics_page(collectors: Iterable[Collector]) -> WSGIApplication:
    """Return the page of what these collect. prometheus_client chooses the format asked for."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    page: WSGIApplication = make_wsgi_app(registry)
    return page


def metrics_pages(collector: EventCollector) -> dict[str, WSGIApplication]:
    """Return the pages by path."""
    return {"/": _index, "/metrics": metrics_page([collector])}


def _index(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(_INDEX))),
        ("Content-Security-Policy", "default-src 'none'"),
    ]
    start_response("200 OK", headers)
    return [_INDEX]
