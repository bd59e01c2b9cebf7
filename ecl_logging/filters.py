"""Filters for logging.

In `dictConfig` a filter is written with `'()'`; `class`, as for a handler, is passed over there::

    filters:
      named: {'()': ecl_logging.filters.EventFilter, config: cfg://ecl, require: true}
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ecl_logging.fields import MISSING, NamedByFilter
from ecl_logging.record_counter import build_rules, refused_aloud
from ecl_logging.rules import is_own

if TYPE_CHECKING:
    from ecl_logging.groups import EventCountLogger

__all__ = ["EventFilter"]


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
