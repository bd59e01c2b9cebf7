"""ecl-web: serve what is counted over HTTP."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ecl_logging.errors import ConfigError
from ecl_logging.tools.command import (
    Parser,
    UsageError,
    add_common_options,
    open_context,
    parse,
    run,
    say,
)
from ecl_logging.tools.lean_redis import import_redis_leanly

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
        description="Serve counts and measures as a page of metrics for Prometheus, at /metrics. "
        "For TLS and passwords put a proxy before it.",
        epilog="Exit status: 0 SIGTERM, 1 an error, 2 wrong usage, 130 Ctrl-C. It starts, and goes "
        "on, also where the store cannot be reached: then ecl_up is 0.",
    )
    add_common_options(parser)
    parser.add_argument(
        "--metrics-only", action="store_true", help="the page of metrics and no other"
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
    if not arguments.metrics_only:
        raise UsageError("only the page of metrics is there so far; give --metrics-only")
    try:
        from ecl_logging.exporters.prometheus import EventCollector
        from ecl_logging.web.gate import guarded, is_loopback, may_be_called_so
        from ecl_logging.web.metrics import metrics_pages
        from ecl_logging.web.server import Listening, serve
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"prometheus_client", "waitress"}:
            raise
        raise ConfigError(f"needs {missing}: pip install 'ecl-logging[prometheus,web]'") from None
    with open_context(
        _NAME,
        argument=arguments.config,
        option=arguments.config_option,
        store=arguments.store,
    ) as context:
        collector = EventCollector(
            config=context.config,
            store=context.store,
            bounds=dict(arguments.bounds),
            say=lambda text: say(_NAME, text),
        )
        listening = Listening(*arguments.listen)
        on_loopback = all(map(is_loopback, listening.addresses))
        may_be_called = may_be_called_so(arguments.host, on_loopback=on_loopback)
        say(_NAME, f"listening on http://{listening.shown}/")
        serve(guarded(metrics_pages(collector), may_be_called), listening.sockets)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
