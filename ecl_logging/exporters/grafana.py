"""A dashboard for Grafana of what Prometheus scrapes: a row for each group."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from ecl_logging.settings import GroupConfig

__all__ = ["UID", "dashboard", "expressions"]

UID = "ecl-event-counts"
"""By which Grafana knows the dashboard again, however often it is imported."""

_SCHEMA = 42  # of the classic model, as Grafana 12 and later write it
_COLUMNS, _HEIGHT = 24, 8  # of Grafana's grid
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_PERCENTS = (50, 90, 99)
_EVENT = "{{event}}"  # as legends have a label
_MOST_LINES = 20

_Object: TypeAlias = dict[str, Any]  # of JSON


def dashboard(groups: Mapping[str, GroupConfig]) -> _Object:
    """Return the dashboard of these groups, as Grafana imports and provisions it.

    Several exporters may serve one store, each with all of its counts: so what they say is not
    added up, the largest is shown.
    """
    rows = [_row(name, _group_panels(group)) for name, group in sorted(groups.items())]
    rows.append(_row("What the counting says of itself", _own_panels()))
    return {
        "uid": UID,
        "title": "Event counts",
        "tags": ["ecl_logging"],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": True,
        "timezone": "browser",
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_source_variable()]},
        "panels": _placed(rows),
    }


def expressions(dashboard: _Object) -> list[str]:
    """Return all that a dashboard asks Prometheus for."""
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]


def _source_variable() -> _Object:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "options": [],
        "refresh": 1,
    }


# --- which panels


def _group_panels(group: GroupConfig) -> list[_Object]:
    totals = f"ecl_events_total{{group={_quoted(group.name)}}}"
    panels = [
        _events("Events per second", f"rate({totals}[$__rate_interval])", group),
        _bars("Events in this time", _by_event(f"increase({totals}[$__range])", group)),
    ]
    for interval in group.intervals:
        labels = f"group={_quoted(group.name)}, interval={_quoted(interval.text)}"
        title = f"Events in the last {interval.text}"
        panels.append(_events(title, f"ecl_interval_events{{{labels}}}", group))
    for measure in group.measures:
        panels += _measure_panels(group, measure)
    return panels


def _events(title: str, series: str, group: GroupConfig) -> _Object:
    return _series(title, [(_by_event(series, group), _EVENT)])


def _by_event(series: str, group: GroupConfig) -> str:
    """One line for each event; of a group that may have many, the largest."""
    lines = f"max by (event) ({series})"
    is_many = group.auto_declare_events or len(group.events) > _MOST_LINES
    return f"topk({_MOST_LINES}, {lines})" if is_many else lines


def _measure_panels(group: GroupConfig, measure: str) -> list[_Object]:
    """As fine as the histogram's bounds for any time; within 1.1 % for the last intervals."""
    labels = f"group={_quoted(group.name)}, measure={_quoted(measure)}"
    rates = f"max by (le) (rate(ecl_measure_bucket{{{labels}}}[$__rate_interval]))"
    quantiles = [(f"histogram_quantile({p / 100}, {rates})", f"p{p}") for p in _PERCENTS]
    panels = [_series(f"{measure}, about", quantiles)]
    for interval in group.intervals:
        of_interval = f"{labels}, interval={_quoted(interval.text)}"
        series = f"max by (quantile) (ecl_interval_quantile{{{of_interval}}})"
        title = f"{measure} in the last {interval.text}"
        panels.append(_series(title, [(series, "{{quantile}}")]))
    return panels


def _own_panels() -> list[_Object]:
    dropped = "sum by (reason) (increase(ecl_dropped_total[$__rate_interval]))"
    return [
        _series("Whether stores can be read", [("min by (instance) (ecl_up)", "{{instance}}")]),
        _series("Events dropped, by reason", [(dropped, "{{reason}}")]),
        _series(
            "Seconds since counts were sent",
            [("max by (group) (ecl_flush_lag_seconds)", "{{group}}")],
            unit="s",
        ),
        _series("Who counts", [("max by (group) (ecl_sources)", "{{group}}")]),
    ]


def _quoted(text: str) -> str:
    """The text as a string of PromQL, which has the escapes of JSON."""
    return json.dumps(text, ensure_ascii=False)


# --- what a panel is


def _row(title: str, panels: list[_Object]) -> tuple[_Object, list[_Object]]:
    return {"type": "row", "title": title, "collapsed": False, "panels": []}, panels


def _series(title: str, asked: Sequence[tuple[str, str]], *, unit: str = "short") -> _Object:
    drawn = {"drawStyle": "line", "fillOpacity": 10, "showPoints": "never"}
    return _panel("timeseries", title, asked) | {
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": drawn}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _bars(title: str, expression: str) -> _Object:
    panel = _panel("bargauge", title, [(expression, _EVENT)])
    panel["targets"][0] |= {"instant": True, "range": False}
    return panel | {
        "fieldConfig": {"defaults": {"unit": "short", "min": 0, "decimals": 0}, "overrides": []},
        "options": {
            "displayMode": "basic",
            "orientation": "horizontal",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
    }


def _panel(kind: str, title: str, asked: Iterable[tuple[str, str]]) -> _Object:
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": _SOURCE,
            "expr": expression,
            "legendFormat": legend,
            "range": True,
        }
        for number, (expression, legend) in enumerate(asked)
    ]
    return {"type": kind, "title": title, "datasource": _SOURCE, "targets": targets}


def _placed(rows: Iterable[tuple[_Object, list[_Object]]]) -> list[_Object]:
    """All panels with a number and a place each: two beside each other, rows below rows."""
    placed: list[_Object] = []
    y = 0
    for row, panels in rows:
        placed.append(row | {"id": len(placed) + 1, "gridPos": _place(0, y, _COLUMNS, 1)})
        y += 1
        for number, panel in enumerate(panels):
            width = _COLUMNS // 2
            place = _place(number % 2 * width, y + number // 2 * _HEIGHT, width, _HEIGHT)
            placed.append(panel | {"id": len(placed) + 1, "gridPos": place})
        y += (len(panels) + 1) // 2 * _HEIGHT
    return placed


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}
