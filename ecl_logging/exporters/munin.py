"""What Munin is told of one group and interval: a graph, with a field for each event ID."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ecl_logging.errors import ConfigError
from ecl_logging.exporters.safe_names import NameRule

__all__ = ["FIELD_NAMES", "REST", "UNKNOWN", "Graph", "Limits", "config_lines", "value_lines"]

REST = "_rest"
"""The field for events whose ID has none, where there are too many."""

# Munin cannot draw a field `root`. The longest name leaves place for the others in a file's name.
FIELD_NAMES = NameRule(
    "A-Za-z0-9_", first="A-Za-z_", reserved=frozenset({"root", REST}), longest=80
)

UNKNOWN = "U"

_LONGEST_LABEL = 60
# What Munin takes for a comment, an escape or a variable, and what means something to the shells
# by which it sends alerts.
_UNSAFE = re.compile(r"[#\\\"'`$]")
_NUMBER = r"-?[0-9]+(\.[0-9]+)?"
_LIMIT = re.compile(rf"{_NUMBER}|{_NUMBER}:|:{_NUMBER}|{_NUMBER}:{_NUMBER}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on Munin warns, as its own plugins are told: `warning`, `FIELD_warning`.

    `given` is the environment.
    """

    given: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str) -> Iterator[tuple[str, str]]:
        """Return the limits of a field; raise ConfigError for one that Munin cannot read."""
        for what in ("warning", "critical"):
            own = f"{name}_{what}"
            variable = own if own in self.given else what
            limit = self.given.get(variable, "").strip()
            if not limit:
                continue
            if not _LIMIT.fullmatch(limit):
                raise ConfigError(
                    f"env.{variable}: {limit!r} is no limit; write MAX, MIN:, :MAX or MIN:MAX"
                )
            yield what, limit


@dataclass(frozen=True, slots=True)
class Graph:
    """A group in one interval. `fields` has the name of each ID's field, in the order shown."""

    group: str
    interval: str  # as keys have it, such as 5m
    fields: Mapping[str, str]
    has_rest: bool = False


def config_lines(graph: Graph, limits: Limits) -> Iterator[str]:
    """Return what Munin draws. Raises ConfigError for limits that are none."""
    yield f"graph_title {graph.group}: events in {graph.interval}"
    yield "graph_category ecl"
    yield f"graph_vlabel events in {graph.interval}"
    yield "graph_args --base 1000 --lower-limit 0"
    yield "graph_scale no"
    yield (
        f"graph_info How often each event of the group {graph.group} was logged in the last"
        f" {graph.interval} that were over, in all processes together."
    )
    for event_id, name in graph.fields.items():
        yield from _field_lines(name, _label(event_id), _text(event_id), limits)
    if graph.has_rest:
        yield from _field_lines(REST, "(rest)", "all IDs that have no field of their own", limits)


def _field_lines(name: str, label: str, info: str, limits: Limits) -> Iterator[str]:
    yield f"{name}.label {label}"
    yield f"{name}.type GAUGE"
    yield f"{name}.min 0"
    yield f"{name}.info {info}"
    for what, limit in limits.of(name):
        yield f"{name}.{what} {limit}"


def value_lines(graph: Graph, counts: Mapping[str, int] | None) -> Iterator[str]:
    """Return the value of each field, 0 for silent ones; without counts all are unknown."""
    for event_id, name in graph.fields.items():
        yield f"{name}.value {UNKNOWN if counts is None else counts.get(event_id, 0)}"
    if graph.has_rest:
        yield f"{REST}.value {UNKNOWN if counts is None else _rest(counts, graph.fields)}"


def _rest(counts: Mapping[str, int], fields: Iterable[str]) -> int:
    return sum(counts.values()) - sum(counts.get(event_id, 0) for event_id in fields)


def _label(event_id: str) -> str:
    text = _text(event_id)
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 3]}..."


def _text(event_id: str) -> str:
    """The ID as one line of text in which Munin finds nothing but text."""
    text = "".join(c if c.isprintable() else "_" for c in _UNSAFE.sub("_", event_id))
    return text.strip() or "_"
