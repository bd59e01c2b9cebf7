"""What an import statement costs, by Python's own account."""

from __future__ import annotations

import subprocess
import sys

__all__ = ["import_microseconds"]


def import_microseconds(module: str) -> int:
    """Return what importing a module takes in a fresh process, all of the statement.

    A package above the module is imported first, and in it.
    """
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {module}"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    package = module.partition(".")[0]
    lines = [line.partition("import time:")[2].split("|") for line in told.splitlines()[1:]]
    # The names of what a module imports are indented; those at the left are imports of -c.
    return sum(
        int(cumulative)
        for _, cumulative, name in lines
        if name[1:2] != " " and name.strip().partition(".")[0] == package
    )
