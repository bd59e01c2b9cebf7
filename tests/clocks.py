"""A test's clock in the place of the one by which a program counts."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

__all__ = ["count_by"]


def count_by(clock: Callable[[], float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is logged by hand be of the time that the clock says, on the fast path, too."""
    for module in ("event_group", "tallies"):
        monkeypatch.setattr(f"ecl_logging.{module}.time", SimpleNamespace(time=clock))
    monkeypatch.setattr("ecl_logging.fast_path.time", clock)
