"""Filters for logging.

In `dictConfig` a filter is written with `'()'`; `class`, as for a handler, is passed over there::

    filters:
      named: {'()': ecl_logging.filters.EventFilter, config: cfg://ecl, require: true}
      bursts: {'()': ecl_logging.filters.BurstFilter, limit: 10, interval: 1m}
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ecl_logging.fields import BURST_REPORT, MISSING, NamedByFilter
from ecl_logging.problems import checked_together
from ecl_logging.record_counter import build_rules, refused_aloud
from ecl_logging.records.bursts import Bursts
from ecl_logging.records.fingerprints import fingerprint_from
from ecl_logging.rules import is_own
from ecl_logging.validation import check_burst_arguments

if TYPE_CHECKING:
    from ecl_logging.groups import EventCountLogger

__all__ = ["BurstFilter", "EventFilter"]


class EventFilter(logging.Filter):
    """Names the event of a record, for formatters and for other handlers; counts nothing.

    Sets `record.event` and `record.event_group` by the first rule that matches. Handlers of
    ours go by what the program said, so a record counts the same whether a filter has named it
    or not; only what has no event of its own counts under the name, in a handler that has no
    rules. Thread safe. Never raises, and touches neither network nor disk.
    """

    def __init__(  # noqa: PLR0913 - one argument for each thing that YAML can say
        self,
        ecl: EventCountLogger | None = None,
        *,
        config: object = None,
        store: object = None,
        groups: Mapping[str, object] | None = None,
        rules: object = None,
        redis: Mapping[str, object] | None = None,
        require: bool = False,
        **unknown: object,
    ) -> None:
        """Build a filter; the arguments are those of `CountingHandler`.

        `require`: drop the records that no rule names. Raises ConfigError as the handler does.
        """
        super().__init__()
        with refused_aloud():
            self.ecl, self._rules = build_rules(
                ecl,
                config=config,
                store=store,
                groups=groups,
                rules=rules,
                redis=redis,
                flags={"require": require},
                unknown=unknown,
            )
        self._require = require

    def filter(self, record: logging.LogRecord) -> bool:
        """Name the record; return whether it passes."""
        try:
            if is_own(str(record.name)):
                return True  # what the library has to say is for whoever reads the log
            named = self._rules.name(record)
        except Exception:  # noqa: BLE001 - an attribute of the record can raise anything
            named = None
        if named is None:
            return not self._require
        attributes = record.__dict__
        for key, text in zip(("event_group", "event"), named, strict=True):
            attributes[key] = NamedByFilter.after(attributes.get(key, MISSING), text)
        return True


class BurstFilter(logging.Filter):
    """Passes the first records of each kind in an interval, and reports how many more there were.

    The report is a record on the logger and level of the first one that was held back, with its
    place, and the attribute `ecl_burst`: a dict of `kind`, `count`, `interval`, and its `start` in
    Unix seconds. It comes when the interval is over, when the filter has been taken off, and
    at exit; at most one for each kind and interval. It goes to the handlers behind the filter: to
    those that the filter is at, or all that a logger's records reach where it is at the logger.
    Counting handlers do not count it; have them beside the filtered handlers, not behind them.

    Intervals are aligned to the Unix epoch, and a record belongs to that of its own `created`.
    Where that one has been reported, is older than the one before the current one, or lies ahead
    of the clock by more than 5 s, the record counts in the current one. So what has
    passed and what was reported is everything, and no more passes than `limit` in an interval.

    One filter at several handlers decides once for each record. The library's own warnings
    pass always, and so does what is logged after the process's exit hooks have begun. Thread safe;
    what a signal handler logs while its thread is in here passes. Never raises, and waits for
    nobody while a record comes: a thread reports, which starts with the first record held back.
    """

    def __init__(
        self,
        limit: int = 10,
        interval: str = "1m",
        fingerprint: object = "template",
        max_kinds: int = 10_000,
        **unknown: object,
    ) -> None:
        """Build a filter. Raises ConfigError with every problem of its arguments.

        `fingerprint` says what is a kind: `template`, `message`, `masked`, or a function from
        record to text, or its name as `module:function`. `max_kinds`: kinds beyond that many in an
        interval share one place, called `other kinds`.
        """
        super().__init__()
        with refused_aloud():
            (number, length, kinds), found = checked_together(
                lambda: check_burst_arguments(limit, interval, max_kinds, unknown),
                lambda: fingerprint_from(fingerprint),
            )
        self._bursts = Bursts(self, found, number, length, kinds)
        self._decided = threading.local()
        weakref.finalize(self, self._bursts.drop).atexit = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Count the record; return whether it passes."""
        try:
            if BURST_REPORT in record.__dict__ or is_own(str(record.name)):
                return True
            last, passed = getattr(self._decided, "last", (None, True))
            if last is not None and last() is record:
                return bool(passed)  # it has come to another handler
            passes = self._bursts.passes(record)
            self._decided.last = weakref.ref(record), passes
        except Exception:  # noqa: BLE001 - an attribute of the record can raise anything
            return True
        return passes
