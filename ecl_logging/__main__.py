"""`python -m ecl_logging`: print a ready logging.yaml."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.resources import files

from ecl_logging import __version__
from ecl_logging.tools.command import run

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the file; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m ecl_logging",
        description="Print a complete, commented logging.yaml to begin with.",
    )
    parser.add_argument("--version", action="version", version=f"ecl_logging {__version__}")
    parser.parse_args(argv)
    return run("ecl_logging", _print)


def _print() -> int:
    sys.stdout.write(files("ecl_logging.tools").joinpath("logging.yaml").read_text("utf-8"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
