"""The chart of the page: how far each ratio is below its limit, or above it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.findings import Findings
from benchmarks.limits import Row

__all__ = ["draw"]

_BELOW, _ABOVE, _LINE = "#2a7f62", "#c0392b", "#333333"
_WIDEST = 40  # times the limit, to either side
_SETTINGS = {
    "svg.hashsalt": "ecl_logging",  # names in the file are the same each time
    "svg.fonttype": "none",  # text stays text
    "font.family": "sans-serif",
    "font.size": 9,
}


def draw(path: Path, rows: Sequence[Row], findings: Findings) -> None:
    """Draw a bar for each ratio that has a limit and was measured."""
    shown = [row for row in rows if row.limit is not None and row.key in findings.ratios]
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(10.5, 1.1 + 0.48 * len(shown)), layout="constrained")
        axes = figure.subplots()
        for place, row in enumerate(reversed(shown)):
            _draw_bar(axes, place, row, findings)
        axes.set_yticks(
            range(len(shown)),
            [f"{row.what}\nagainst {row.against}" for row in reversed(shown)],
        )
        _set_scale(axes)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _draw_bar(axes: Any, place: int, row: Row, findings: Findings) -> None:
    """Draw a bar from the limit, to the left or to the right."""
    ratio, limit = findings.ratios[row.key], row.limit or 1.0
    share = ratio.median / limit
    is_below = share <= 1
    color = _BELOW if is_below else _ABOVE
    axes.barh(place, share - 1, left=1, height=0.6, color=color)
    axes.annotate(
        f"{ratio.median:.3g} (limit {limit:.3g})",
        (share, place),
        xytext=(-5 if is_below else 5, 0),
        textcoords="offset points",
        horizontalalignment="right" if is_below else "left",
        verticalalignment="center",
    )


def _set_scale(axes: Any) -> None:
    axes.axvline(1, color=_LINE, linewidth=1.2)
    axes.set_xscale("log", base=2)
    axes.set_xlim(1 / _WIDEST, _WIDEST)
    shares = [2.0**power for power in range(-4, 5, 2)]
    axes.set_xticks(shares, [f"{share:.3g}" for share in shares])
    axes.set_xlabel("times the limit: what reaches to the left of 1 costs less than it may")
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
