"""`python -m ecl_logging`: print a ready logging.yaml."""

from __future__ import annotations

import sys
from importlib.resources import files


def main() -> int:
    """Print the file; return the exit status."""
    sys.stdout.write(files("ecl_logging.tools").joinpath("logging.yaml").read_text("utf-8"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
