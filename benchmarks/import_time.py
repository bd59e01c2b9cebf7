"""What an import statement costs, by Python's own account."""

from __future__ import annotations

from pathlib import Path

from tests.processes.imports import imported_by

__all__ = ["import_microseconds"]


def import_microseconds(module: str, folder: Path) -> int:
    """Return what importing a module takes in a fresh process, with all that it imports.

    All has been compiled before, as it is in an installed package; `folder` keeps that.
    """
    at_start = imported_by("-c", "pass", folder=folder)
    imported = imported_by("-c", f"import {module}", folder=folder).microseconds
    return sum(own for one, own in imported.items() if one not in at_start)
