"""`python -m ecl_logging.exporters`: print files for those who monitor, made from the groups."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence

from ecl_logging import __version__
from ecl_logging.exporters.grafana import dashboard
from ecl_logging.exporters.scrape import TARGET, scrape_configuration
from ecl_logging.settings import DEFAULT_GROUPS, GroupConfig
from ecl_logging.tools.command import Parser, open_context, run

__all__ = ["main"]

_NAME = "ecl_logging.exporters"


def main(argv: Sequence[str] | None = None) -> int:
    """Print one of the files; return the exit status."""
    arguments = _parser().parse_args(argv)
    return run(_NAME, lambda: _print(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=f"python -m {_NAME}",
        description="Print a file for Grafana or Prometheus. It is made from the groups of CONFIG, "
        "else of $ECL_CONFIG, else of ./logging.yaml, else from those that are there by default.",
    )
    parser.add_argument("--version", action="version", version=f"ecl_logging {__version__}")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="grafana | scrape")
    grafana = kinds.add_parser("grafana", help="a dashboard for Grafana, as JSON")
    scrape = kinds.add_parser("scrape", help="a configuration for Prometheus")
    for kind in (grafana, scrape):
        kind.add_argument("config", nargs="?", metavar="CONFIG", help="a YAML file")
    scrape.add_argument(
        "--target",
        type=_host_and_port,
        default=TARGET,
        metavar="HOST:PORT",
        help="where ecl-web listens, as Prometheus reaches it (default: %(default)s)",
    )
    return parser


def _host_and_port(text: str) -> str:
    host, colon, port = text.rpartition(":")
    is_number = port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536
    if not (colon and host and is_number and text.isprintable()) or set(host) & set(" /"):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as {TARGET}")
    return text


def _print(arguments: argparse.Namespace) -> int:
    groups = _groups(arguments.config)
    if arguments.kind == "grafana":
        sys.stdout.write(json.dumps(dashboard(groups), indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(scrape_configuration(groups.values(), arguments.target))
    return 0


def _groups(file: str | None) -> Mapping[str, GroupConfig]:
    with open_context(_NAME, argument=file, option=None, store=None) as context:
        return context.config.groups if context.config else DEFAULT_GROUPS


if __name__ == "__main__":
    raise SystemExit(main())
