"""ecl-web: serve what is counted over HTTP."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ecl_logging.errors import ConfigError, StoreError
from ecl_logging.extras import missing_one
from ecl_logging.tools.command import (
    Context,
    Parser,
    add_common_options,
    open_context,
    parse,
    run,
    say,
)
from ecl_logging.tools.lean_redis import import_redis_leanly

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from ecl_logging.exporters.prometheus import EventCollector
    from ecl_logging.stats.container import StatContainer

__all__ = ["main"]

_NAME = "ecl-web"

# The range of Prometheus's list of ports for exporters, 9100 to 9999, has no free one any more.
# This is what ECL is on the keys of a telephone, after the 10 that follows the 9s; it is no
# port that systems give out by themselves.
_ADDRESS = "127.0.0.1:10325"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parse(_parser(), argv)
    if argv is None:  # a process of its own
        import_redis_leanly()
    return run(_NAME, lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=_NAME,
        description="Serve counts and measures: as pages to look at, at /status/, and below it "
        "each group and interval, also as JSON (?format=json) and filtered (?query=p95 > 0.5); and "
        "as a page of metrics for Prometheus, at /metrics. For TLS and passwords put a proxy "
        "before it.",
        epilog="Exit status: 0 SIGTERM, 1 an error, 2 wrong usage, 130 Ctrl-C. It starts, and goes "
        "on, also where the store cannot be reached: then pages say so with status 503, and ecl_up "
        "is 0.",
    )
    add_common_options(parser)
    parser.add_argument(
        "--metrics-only", action="store_true", help="the page of metrics and no other"
    )
    parser.add_argument(
        "--server-name", metavar="NAME", help="what stands above pages (default: the host's name)"
    )
    parser.add_argument(
        "--listen",
        type=_host_and_port,
        default=_host_and_port(_ADDRESS),
        metavar="HOST:PORT",
        help=f"where (default: {_ADDRESS}); with port 0 the system chooses one. The address is "
        "told on stderr",
    )
    parser.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which the server may be called, beside localhost where it listens on "
        "loopback only; elsewhere, with none, by any. May be repeated",
    )
    parser.add_argument(
        "--bounds",
        type=_bounds,
        action="append",
        default=[],
        metavar="[MEASURE=]N,N,...",
        help="upper bounds of the histogram of a measure, or of all others (default: 0 and the "
        "powers of two from 2^-10 to 2^20). May be repeated",
    )
    return parser


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    is_number = port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) < 65536
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:  # an address of IPv6 and no port, or no one knows which
        host = ""
    if not (colon and host and is_number):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as {_ADDRESS}")
    return host, int(port)


def _bounds(text: str) -> tuple[str | None, list[float]]:
    measure, equals, numbers = text.rpartition("=")
    try:
        bounds = [float(number) for number in numbers.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not [MEASURE=]N,N,..., such as latency=0.1,0.3,1,3"
        ) from None
    return measure if equals else None, bounds


def _run(arguments: argparse.Namespace) -> int:
    try:
        from ecl_logging.web.gate import is_loopback
        from ecl_logging.web.server import Listening, serve

        application_of = _metrics_of if arguments.metrics_only else _pages_of
        with open_context(
            _NAME,
            argument=arguments.config,
            option=arguments.config_option,
            store=arguments.store,
        ) as context:
            build = application_of(arguments, context)
            listening = Listening(*arguments.listen)
            application = build(all(map(is_loopback, listening.addresses)))
            say(_NAME, f"listening on http://{listening.shown}/")
            serve(application, listening.sockets)
    except ModuleNotFoundError as error:
        missing = missing_one(error, ["flask", "prometheus_client", "waitress"])
        raise ConfigError(f"needs {missing}: pip install 'ecl-logging[prometheus,web]'") from None
    return 0


def _metrics_of(
    arguments: argparse.Namespace, context: Context
) -> Callable[[bool], WSGIApplication]:
    from ecl_logging.web.gate import guarded, may_be_called_so
    from ecl_logging.web.metrics import metrics_pages

    pages = metrics_pages(_collector(arguments, context))
    return lambda on_loopback: guarded(
        pages, may_be_called_so(arguments.host, on_loopback=on_loopback)
    )


def _pages_of(arguments: argparse.Namespace, context: Context) -> Callable[[bool], WSGIApplication]:
    from ecl_logging.tools.group_tree import GroupTree
    from ecl_logging.web.pages import Unavailable, create_app

    collectors = [_collector(arguments, context)]
    tree = GroupTree(context, is_folded=_is_looked_at)

    def stats() -> StatContainer:
        try:
            return tree()
        except StoreError as error:
            raise Unavailable(str(error)) from None

    return lambda on_loopback: create_app(
        arguments.server_name,
        stats=stats,
        hosts=arguments.host or (() if on_loopback else ("*",)),
        collectors=collectors,
    )


def _is_looked_at() -> bool:
    """Whether the request is for a page as it is, and not for JSON, or what a filter finds."""
    from flask import request

    return request.args.get("format", "html") == "html" and not request.args.get("query")


def _collector(arguments: argparse.Namespace, context: Context) -> EventCollector:
    from ecl_logging.exporters.prometheus import EventCollector

    return EventCollector(
        config=context.config,
        store=context.store,
        bounds=dict(arguments.bounds),
        say=lambda text: say(_NAME, text),
    )


if __name__ == "__main__":
    raise SystemExit(main())
