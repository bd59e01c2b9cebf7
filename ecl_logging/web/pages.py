"""The status pages: a tree of statistics as HTML and JSON, and as metrics for Prometheus."""

from __future__ import annotations

import re
import socket
import string
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask, Response, request
from werkzeug.routing import PathConverter
from werkzeug.wrappers import Response as BaseResponse

from ecl_logging.errors import ConfigError, EclError
from ecl_logging.extras import missing_one
from ecl_logging.stats import formats
from ecl_logging.stats.objects import get_stats
from ecl_logging.web.answers import Site, answer_about, failure, line
from ecl_logging.web.gate import gated, may_be_called_so
from ecl_logging.web.policy import with_policy

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from prometheus_client.registry import Collector

__all__ = ["Unavailable", "create_app"]

_HINT = "where it is to be, give its name to create_app(hosts=[...])"


class Unavailable(EclError):  # noqa: N818 - a state, told as such
    """There is no tree to show at this moment; the text, which goes to the page, says why."""


def create_app(
    server_name: str | None = None,
    *,
    stats: Callable[[], Mapping[Any, Any]] = get_stats,
    hosts: Collection[str] = (),
    collectors: Iterable[Collector] | None = None,
    prefix: str = "/status/",
) -> WSGIApplication:
    """Return a WSGI application that shows a tree of statistics, and changes nothing.

    `/status/` shows all of the tree and `/status/web/handler` a part; `?format=json` or
    `prettyjson` gives it as JSON, `?query=errors > 5` what is so. `/metrics` is for Prometheus,
    and `/` leads to the tree. With `prefix="/"` the tree is at the application's root, for those
    who mount it at a path of their own, and there is no other page.

    `server_name` stands above the tree: by default the machine's name. `stats` returns the tree,
    at each request. `hosts` are the names by which the application may be called beside
    localhost, `*` by any: a page of the web could otherwise have a browser read the tree, under a
    name that it lets lead here. `collectors` are what `/metrics` shows: by default the tree's
    numbers.

    Where `stats` raises Unavailable, the answer is 503 with its text; of any other error it tells
    the kind only. Threads may call it at once. Raises ConfigError where the prefix is no path.
    """
    if not re.fullmatch(r"[\w.~/-]*", prefix, re.ASCII):
        raise ConfigError(f"prefix: {prefix!r} is no path; write one such as /status/")
    prefix = "".join(f"/{part}" for part in prefix.split("/") if part) + "/"
    app = Flask(__name__, static_folder=None, template_folder=None)
    _add_tree(app, prefix, server_name or socket.gethostname(), stats)
    if prefix != "/":
        _add_rule(app, "/", lambda: _leads_to(prefix))
        _add_rule(app, "/favicon.ico", lambda: Response(status=204))
        _add_rule(app, "/metrics", _metrics(stats, collectors))
    app.register_error_handler(404, lambda _: line(404, "there is no such page"))
    app.register_error_handler(Unavailable, lambda error: line(503, str(error)))
    app.register_error_handler(Exception, failure)
    may_be_called = may_be_called_so(hosts, on_loopback="*" not in hosts)
    if "*" in hosts:
        may_be_called = _by_any_name
    return with_policy(gated(_in_ascii(app.wsgi_app), may_be_called, hint=_HINT), formats.STYLE)


def _in_ascii(application: WSGIApplication) -> WSGIApplication:
    """Return what asks with the query in ASCII, as browsers send it; Flask fails for others."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        query = environ.get("QUERY_STRING", "").encode("latin-1")
        asked = {**environ, "QUERY_STRING": quote(query, safe=string.printable)}
        return application(asked, start_response)

    return answer


def _by_any_name(_: str) -> bool:
    return True


class _AnyPath(PathConverter):
    """A path of any names, also of empty ones and such with line feeds."""

    regex = r"[\s\S]*"
    part_isolating = False


def _add_tree(
    app: Flask, prefix: str, server_name: str, stats: Callable[[], Mapping[Any, Any]]
) -> None:
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    app.url_map.converters["any_path"] = _AnyPath

    def show(**_: str) -> Response:
        site = Site(server_name, _root() + prefix)
        return answer_about(stats(), _path_below(prefix), request.args, site)

    _add_rule(app, prefix, show)
    _add_rule(app, f"{prefix}<any_path:path>", show)


def _path_below(prefix: str) -> str:
    """Return what is asked for, as the links have it: a name may be of no valid characters."""
    path: bytes = request.environ.get("PATH_INFO", "").encode("latin-1")
    try:
        text = path.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = path.decode("utf-8", "replace")
    if prefix != "/":  # the first slashes are one for Flask
        text = f"/{text.lstrip('/')}"
    return text[len(prefix) :]


def _add_rule(app: Flask, rule: str, view: Callable[..., BaseResponse]) -> None:
    app.add_url_rule(rule, rule, view, methods=["GET"], provide_automatic_options=False)


def _root() -> str:
    """Return the path at which the application is mounted, without a slash at the end."""
    names = [name for name in request.root_path.split("/") if name]
    # One slash before the first: two would be the beginning of another host's name.
    return "".join(f"/{quote(name)}" for name in names)


def _leads_to(prefix: str) -> Response:
    return Response(status=302, headers={"Location": _root() + prefix}, content_type="text/plain")


def _metrics(
    stats: Callable[[], Mapping[Any, Any]], collectors: Iterable[Collector] | None
) -> Callable[[], BaseResponse]:
    try:
        from ecl_logging.exporters.stats_collector import StatsCollector
        from ecl_logging.web.metrics import metrics_page
    except ModuleNotFoundError as error:
        missing = missing_one(error, ["prometheus_client"])
        return lambda: line(501, f"needs {missing}: pip install 'ecl-logging[prometheus]'")
    page = metrics_page([StatsCollector(stats)] if collectors is None else collectors)
    return lambda: BaseResponse.from_app(page, request.environ)
