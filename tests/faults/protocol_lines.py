"""Between the programs of the protocol's machine and its store: what the model is told of.

Beside it, how a program is copied with all that it has in memory.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ecl_logging.intervals import Interval
from ecl_logging.measures import counted, sum_cells
from ecl_logging.stores.protocols import Batch, Definition, Reply, Store
from ecl_logging.validation import check_groups
from tests.faults.protocol_model import Group, Stretch
from tests.faulty_stores import FlakyStore
from tests.programs import Program

if TYPE_CHECKING:
    from tests.faults.protocol_machine import ProtocolMachine


class Line(FlakyStore):
    """One program's line to the store, which tells the model what passes."""

    def __init__(self, store: Store, machine: ProtocolMachine, slot: int) -> None:
        super().__init__(store)
        self.machine, self.slot = machine, slot
        self.fault, self.at = "", 0  # what is to happen, and to which batch of the next flush
        self.has_failed = False

    def expect(self, fault: str, at: int) -> None:
        self.fault, self.at, self.has_failed = fault, at, False
        self.is_away = fault == "away"

    def define(self, wanted: Definition, **options: Any) -> Definition:
        self._reach()
        self.machine.let_go()
        definition = super().define(wanted, **options)
        self.machine.world.define(group_of(wanted), replace=False)
        self.machine.hears_definition(self.slot, definition)
        return definition

    def definition(self, group: str, **options: Any) -> Definition | None:
        definition = super().definition(group, **options)
        if definition is not None:
            self.machine.hears_definition(self.slot, definition)
        return definition

    def apply(self, batch: Batch, **options: Any) -> Reply:
        machine = self.machine
        machine.sends(self.slot, batch)
        fault, self.at = self.fault if self.at == 0 else "", self.at - 1
        self.lose_requests = int(fault in {"lost request", "held"})
        self.lose_replies = int(fault == "lost reply")
        self.repeat_requests = fault == "repeated"
        self.has_failed |= bool(self.lose_requests or self.lose_replies)
        if fault in {"held", "copied"}:
            machine.hold(self.slot, batch)
        if not self.lose_requests:
            machine.let_go()
        reply = super().apply(batch, **options)
        machine.hears_reply(self.slot, batch)
        return reply


class Arrivals(FlakyStore):
    """The store's own end of all lines."""

    machine: ProtocolMachine

    def apply(self, batch: Batch, **options: Any) -> Reply:
        self.machine.arrives(batch)
        return super().apply(batch, **options)


def group_of(definition: Definition) -> Group:
    return Group(
        {interval.text: interval.seconds for interval in definition.intervals},
        definition.events,
        definition.history,
        definition.max_events,
    )


def definition_of(keys: dict[str, Any]) -> Definition:
    config = check_groups({"g": keys})["g"]
    return Definition(
        "g",
        config.intervals,
        frozenset(config.events),
        config.history,
        config.max_events,
        cur_last_keys=config.cur_last_keys,
    )


def measured(
    token: str, *, start: int, intervals: Mapping[str, int], values: list[float], event_id: str
) -> tuple[Stretch, Batch]:
    """Return a source's only batch, of values and of as many events, and what is in it."""
    counts, sums = counted("m", values) | {event_id: len(values)}, sum_cells("m", values)
    stretch = Stretch(start, start + 1, intervals, counts, sums=sums)
    parsed = tuple(map(Interval.parse, intervals))
    total = stretch.events()
    return stretch, Batch("g", token, 1, total, 1, start, parsed, counts | sums, token)


def copy_of(original: Program, program: Program) -> None:
    """Make a program a copy of another, with all that it has in memory."""
    _copy_fields(original.pending, program.pending)
    _copy_fields(original.sender, program.sender, but={"_pending", "_store", "_outage"})
    _copy_fields(
        original.sender.definition,
        program.sender.definition,
        but={"_pending", "_store", "_on_loss"},
    )


def _copy_fields(source: object, target: object, but: Iterable[str] = ()) -> None:
    for name, value in vars(source).items():
        is_lock = isinstance(value, type(threading.RLock()))
        if name not in but and not is_lock and name not in {"definition", "_warn"}:
            setattr(target, name, copy.deepcopy(value))
