"""What ecl-consume has done with events, counted in a group, so that `ecl-read` shows it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ecl_logging.tools.command import Context

if TYPE_CHECKING:
    from ecl_logging.events.engines.outcomes import Outcomes

__all__ = ["GROUP", "counting"]

GROUP = "consumed"
"""The group of the configuration file in which events are counted, if it has this one."""

_SYNC_SECONDS = 1.0


@contextlib.contextmanager
def counting(context: Context, outcomes: Outcomes) -> Iterator[None]:
    """Count what happens in the block; where the file has no such group, do nothing."""
    config = context.config
    if config is None or GROUP not in config.groups:
        yield
        return
    from ecl_logging.groups import EventCountLogger

    defined = config.groups[GROUP]
    with EventCountLogger.from_config(config, store=context.store) as ecl:
        ecl._counters[GROUP].batch_by(_SYNC_SECONDS, None)
        group = ecl[GROUP]

        def count(name: str) -> None:
            if defined.auto_declare_events or defined.declares(name):
                group.log(name)

        outcomes.listen = count
        yield
