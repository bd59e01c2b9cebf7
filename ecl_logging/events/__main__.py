"""`python -m ecl_logging.events`: print the JSON Schema of events."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from ecl_logging import __version__
from ecl_logging.tools.command import Parser, run

__all__ = ["main"]

_NAME = "ecl_logging.events"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the schema; return the exit status."""
    _parser().parse_args(argv)
    return run(_NAME, _print)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=f"python -m {_NAME}",
        description="Print the JSON Schema of events: their envelope, and known payloads.",
    )
    parser.add_argument("--version", action="version", version=f"ecl_logging {__version__}")
    return parser


def _print() -> int:
    from ecl_logging.events.schema import json_schema

    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
