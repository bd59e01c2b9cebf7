"""What every handler, filter and processor of ours is built from: its leading arguments."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ecl_logging.config import config_from
from ecl_logging.errors import ConfigError
from ecl_logging.event_ids import InvalidEvent, text_of
from ecl_logging.groups import EventCountLogger
from ecl_logging.intervals import whole_seconds
from ecl_logging.rules import Rules, is_own
from ecl_logging.sender import flushing_threads
from ecl_logging.settings import RuleConfig
from ecl_logging.validation import check_batching, check_rules

__all__ = ["RecordCounter", "build_counter"]


class RecordCounter:
    """Counts records with an EventCountLogger, by rules. Thread safe."""

    def __init__(
        self,
        ecl: EventCountLogger,
        rules: Sequence[RuleConfig] | None,
        unmatched: str | None,
    ) -> None:
        self.ecl = ecl
        self.flushing_threads = flushing_threads
        self._counted_by = Rules(rules, ecl.counters).counted_by
        self._arrive = {name: counter.arrive for name, counter in ecl.counters.items()}
        self._first = next(iter(ecl.counters.values()), None)
        self._unmatched = unmatched
        self.count = self._count_all if unmatched is None else self._count_or_unmatched

    def _count_all(self, record: logging.LogRecord) -> None:
        created = record.created
        for group, event_id, n in self._counted_by(record):
            self._arrive[group](event_id, n, created)

    def _count_or_unmatched(self, record: logging.LogRecord) -> None:
        is_counted = is_own(str(record.name))
        for group, event_id, n in self._counted_by(record):
            is_counted = True
            self._arrive[group](event_id, n, record.created)
        if not is_counted and self._first is not None:
            self._first.arrive(self._unmatched, 1, record.created)

    def count_failed(self, record: logging.LogRecord) -> None:
        """Count a record whose attributes raised, as an invalid value of the first group."""
        if self._first is not None:
            created = getattr(record, "created", None)
            self._first.arrive_invalid("raises when it is looked at", whole_seconds(created))


def build_counter(  # noqa: PLR0913 - one argument for each thing that YAML can say
    ecl: EventCountLogger | None,
    *,
    config: object,
    store: object,
    groups: object,
    rules: object,
    redis: object,
    unmatched: str | None = None,
    sync_interval: float | None = None,
    sync_limit: int | None = None,
) -> RecordCounter:
    """Return what counts records for these arguments. Raises ConfigError; does no I/O."""
    if unmatched is not None:
        unmatched = _checked(unmatched)
    check_batching(sync_interval, sync_limit)
    counter = _counter(
        ecl,
        config=config,
        store=store,
        groups=groups,
        rules=rules,
        redis=redis,
        unmatched=unmatched,
    )
    for group in counter.ecl.counters.values():
        group.batch_by(sync_interval, sync_limit)
    return counter


def _counter(  # noqa: PLR0913 - as above
    ecl: EventCountLogger | None,
    *,
    config: object,
    store: object,
    groups: object,
    rules: object,
    redis: object,
    unmatched: str | None,
) -> RecordCounter:
    if ecl is not None:
        if not isinstance(ecl, EventCountLogger):
            raise ConfigError(
                f"ecl: {type(ecl).__name__} is no EventCountLogger; a configuration is given as"
                " config, such as config: cfg://ecl"
            )
        if not (config is store is groups is redis is None):
            raise ConfigError("ecl: takes the place of config, store, groups and redis; give one")
        known = {name: counter.config for name, counter in ecl.counters.items()}
        own_rules = ecl.rules if rules is None else check_rules(rules, known)
        for rule in own_rules or ():
            ecl.counters[rule.group or ""].expect(rule.literal_events())
        _expect_unmatched(ecl, unmatched)
        return RecordCounter(ecl, own_rules, unmatched)
    if redis is not None and store is not None:
        raise ConfigError("redis: is the older word for store; give one of them")
    section = config_from(config, groups=groups, rules=rules)
    ecl = EventCountLogger.from_config(section, store=redis if redis is not None else store)
    _expect_unmatched(ecl, unmatched)
    return RecordCounter(ecl, section.rules, unmatched)


def _checked(unmatched: object) -> str:
    try:
        return text_of(unmatched)
    except InvalidEvent as reason:
        raise ConfigError(f"unmatched: {unmatched!r} {reason}") from None


def _expect_unmatched(ecl: EventCountLogger, unmatched: str | None) -> None:
    first = next(iter(ecl.counters.values()), None)
    if unmatched is not None and first is not None:
        first.expect([unmatched])
