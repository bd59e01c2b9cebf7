"""The page of metrics, and one that leads to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, make_wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from ecl_logging.exporters.prometheus import EventCollector

__all__ = ["metrics_pages"]

_INDEX = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>ecl-web</title>'
    b'<p><a href="metrics">Metrics</a> for Prometheus.</p></html>\n'
)


def metrics_pages(collector: EventCollector) -> dict[str, WSGIApplication]:
    """Return the pages by path. prometheus_client chooses the format that is asked for."""
    registry = CollectorRegistry()
    registry.register(collector)
    return {"/": _index, "/metrics": make_wsgi_app(registry)}


def _index(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(_INDEX))),
        ("Content-Security-Policy", "default-src 'none'"),
    ]
    start_response("200 OK", headers)
    return [_INDEX]
