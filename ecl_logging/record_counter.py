"""RecordCounter: counts records by rules. Handlers, filters and processors are built from here.

All of them have the same leading arguments, and are refused in the same words.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ecl_logging.config import config_from
from ecl_logging.errors import ConfigError
from ecl_logging.fast_path import flushing_threads
from ecl_logging.fields import BURST_REPORT, Record
from ecl_logging.groups import EventCountLogger
from ecl_logging.intervals import whole_seconds
from ecl_logging.kinds import Kinds
from ecl_logging.problems import checked_together
from ecl_logging.retirement import is_configured_anew
from ecl_logging.rules import ASK_ALL, Counted, Measured, Rules, is_own
from ecl_logging.settings import RuleConfig
from ecl_logging.stores import check_store
from ecl_logging.unbuilt import Seen, Shortcut
from ecl_logging.validation import check_arguments, check_filter_arguments, check_rules

if TYPE_CHECKING:
    import logging

__all__ = ["RecordCounter", "build_counter", "build_rules", "refused_aloud"]

_LEADING = ("config", "ecl", "groups", "redis", "rules", "store")
_COUNTING = (*_LEADING, "level", "sync_interval", "sync_limit", "unmatched")


class RecordCounter:
    """Counts records with an EventCountLogger, by rules. Thread safe."""

    def __init__(
        self,
        ecl: EventCountLogger,
        rules: Sequence[RuleConfig] | None,
        unmatched: str | None,
        *,
        owns_ecl: bool,
    ) -> None:
        self.ecl = ecl
        self._owns_ecl = owns_ecl
        self.flushing_threads = flushing_threads
        self._arrive = {name: counter.arrive for name, counter in ecl._counters.items()}
        self._observe = {name: counter.observe for name, counter in ecl._counters.items()}
        self._first = next(iter(ecl._counters.values()), None)
        begin = self._first.begin if self._first is not None else None
        compiled = Rules(rules, ecl._counters, begin)
        self._counted_by = compiled.counted_by
        self._unmatched = unmatched
        if unmatched is not None and self._first is not None:
            self._first.expect([unmatched])
        self._tallies = ecl._flusher.tallies
        self.kinds = self._kinds(compiled)
        self._needs_no_record = compiled.need_no_record()

    def _kinds(self, rules: Rules) -> Kinds | None:
        """The kinds of records, where rules go by nothing else."""
        asked = rules.asked()
        if asked is None:
            return None
        if self._unmatched is not None:  # our own records are none of these
            asked = dataclasses.replace(asked, logger=True)
        return Kinds(rules, asked, self.ecl._counters, self._tallies)

    def count(self, record: Record) -> list[Counted]:
        """Count the record by the rules; return what it counted."""
        created = record.created
        counted: list[Counted] = []
        for event in self._counted_by(record):
            group, event_id, n = event
            if isinstance(event_id, Measured):
                self._observe[group](event_id.measure, n, created)
            else:
                self._arrive[group](event_id, n, created)
            counted.append(event)
        if not counted and self._unmatched is not None and not is_own(str(record.name)):
            counted = self._count_unmatched(self._unmatched, created)
        return counted

    def _count_unmatched(self, event_id: str, created: float) -> list[Counted]:
        if self._first is None:
            return []
        self._first.arrive(event_id, 1, created)
        return [(self._first.name, event_id, 1)]

    def count_and_learn(self, record: Record) -> None:
        """Count the record by the rules, and have those of its kind take the fast path."""
        if BURST_REPORT in record.__dict__:
            return  # what it reports on was counted beside the filter that held it back
        age = self.kinds.age if self.kinds is not None else None
        counted = self.count(record)
        if self.kinds is not None:
            self.kinds.learn(record, counted, age)
            if counted or not is_own(str(record.name)):
                self._tallies.look()

    def handle_by_kind(
        self, filters: list[Any], carefully: Callable[[logging.LogRecord], bool]
    ) -> Callable[[logging.LogRecord], bool]:
        """Return what handles a record whose kind is known, and any other `carefully`."""
        if self.kinds is None:
            return carefully
        path = self._tallies.path
        return path.handle_by(self.kinds.asked, self.kinds.table, filters, carefully)

    def shortcut(
        self, seen: Seen, handler: object, carefully: Callable[[object, Any], None]
    ) -> Shortcut | None:
        """Return what counts for a handler without a record; None where rules ask for one."""
        if not self._needs_no_record:
            return None
        kinds, logger = self.kinds, seen.logger.name
        if kinds is None or kinds.asked.measured is not None:  # each is looked at
            return self._tallies.path.count_unbuilt(seen, handler, {}, None, ASK_ALL, carefully)
        below, key = kinds.below(logger, seen.level, seen.level_name)
        count_unbuilt = self._tallies.path.count_unbuilt
        return count_unbuilt(seen, handler, below, key, kinds.asked, carefully)

    def flush(self) -> None:
        """Send what is pending. A reconfiguration waits for no store: the thread sends it."""
        if not is_configured_anew():
            self.ecl._flusher.flush_patiently()

    def close(self) -> None:
        """Send what is pending, then stop counting; a logger that was handed in stays open.

        In a reconfiguration nothing is waited for, and what still comes is counted.
        """
        if not self._owns_ecl:
            self.flush()
        elif is_configured_anew():
            self.ecl._retire()
        else:
            self.ecl.close()

    def count_failed(self, record: Record) -> None:
        """Count a record whose attributes raised, as an invalid value of the first group."""
        created = None
        with contextlib.suppress(Exception):  # it may be the time itself
            created = record.created
        self.count_invalid("raises when it is looked at", whole_seconds(created))

    def count_invalid(self, reason: str, created: float) -> None:
        """Count what is no event as an invalid value of the first group."""
        if self._first is not None:
            self._first.arrive_invalid(reason, created)


def build_counter(  # noqa: PLR0913 - one argument for each thing that YAML can say
    ecl: EventCountLogger | None,
    *,
    level: object,
    unmatched: object,
    sync_interval: Any,
    sync_limit: Any,
    flags: Mapping[str, object],
    unknown: Mapping[str, object],
    **leading: object,
) -> tuple[RecordCounter, int]:
    """Return what counts records for these arguments, and the level that they mean.

    `flags`: what there is beside the arguments of all that count. Raises ConfigError with every
    problem there is; does no I/O.
    """
    (counting, rules), (number, event_id) = checked_together(
        lambda: _logger_and_rules(ecl, **leading),
        lambda: check_arguments(
            level=level,
            sync_interval=sync_interval,
            sync_limit=sync_limit,
            unmatched=unmatched,
            flags=flags,
            unknown=unknown,
            known=(*_COUNTING, *flags),
        ),
    )
    for group in counting._counters.values():
        group.batch_by(sync_interval, sync_limit)
    return RecordCounter(counting, rules, event_id, owns_ecl=ecl is None), number


def build_rules(
    ecl: EventCountLogger | None,
    *,
    flags: Mapping[str, object],
    unknown: Mapping[str, object],
    **leading: object,
) -> tuple[EventCountLogger, Rules]:
    """Return the rules that these arguments mean, and the logger whose groups they count in.

    `flags`: what there is beside the leading arguments. Raises ConfigError with every problem
    there is; does no I/O.
    """
    (counting, rules), _ = checked_together(
        lambda: _logger_and_rules(ecl, counting=False, **leading),
        lambda: check_filter_arguments(flags, unknown, known=(*_LEADING, *flags)),
    )
    return counting, Rules(rules, counting._counters)


@contextlib.contextmanager
def refused_aloud() -> Iterator[None]:
    """Write what a ConfigError says to stderr as well: servers such as gunicorn hide it."""
    try:
        yield
    except ConfigError as error:
        if sys.stderr is not None:
            print(f"ecl_logging: {error}\n", end="", file=sys.stderr)
        raise


def _logger_and_rules(  # noqa: PLR0913 - as above
    ecl: EventCountLogger | None,
    *,
    config: object,
    store: object,
    groups: object,
    rules: object,
    redis: object,
    counting: object = True,
) -> tuple[EventCountLogger, Sequence[RuleConfig] | None]:
    if ecl is not None:
        if not (config is store is groups is redis is None):
            raise ConfigError("ecl: takes the place of config, store, groups and redis; give one")
        return _given_logger(ecl, rules, counting=counting)
    section, given = checked_together(
        lambda: config_from(config, groups=groups, rules=rules),
        lambda: check_store(store, redis),
    )
    return EventCountLogger.from_config(section, store=given), section.rules


def _given_logger(
    ecl: object, rules: object, *, counting: object
) -> tuple[EventCountLogger, Sequence[RuleConfig] | None]:
    if not isinstance(ecl, EventCountLogger):
        raise ConfigError(
            f"ecl: {type(ecl).__name__} is no EventCountLogger; a configuration is given as"
            " config, such as config: cfg://ecl"
        )
    known = {name: counter.config for name, counter in ecl._counters.items()}
    own_rules = ecl._rules if rules is None else check_rules(rules, known)
    for rule in (own_rules or ()) if counting else ():
        ecl._counters[rule.group or ""].expect(rule.literal_events())
    return ecl, own_rules
