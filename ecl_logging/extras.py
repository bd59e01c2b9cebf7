"""Packages that are there only where somebody has asked for an extra of ours."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["missing_one"]


def missing_one(error: ModuleNotFoundError, packages: Collection[str]) -> str:
    """Return which of these packages is not installed; raise the error where it is another one."""
    missing = (error.name or "").partition(".")[0]
    if missing not in packages:
        raise error
    return missing
