"""ecl-log: count an event by hand."""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from collections.abc import Sequence

from ecl_logging.counter import GroupCounter
from ecl_logging.deadlines import STEP_SECONDS, Deadline
from ecl_logging.definitions import group_config
from ecl_logging.errors import ConfigError, StoreError, StoreUnavailable
from ecl_logging.event_ids import InvalidEvent, amount_of, check_text
from ecl_logging.flusher import Flusher
from ecl_logging.settings import DEFAULT_GROUPS, GroupConfig
from ecl_logging.tools.command import (
    Context,
    Parser,
    UsageError,
    add_common_options,
    open_context,
    parse,
    run,
)
from ecl_logging.tools.lean_redis import import_redis_leanly

__all__ = ["main"]

_PAUSE_SECONDS = 0.25  # before a batch is sent again


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parse(_parser(), argv)
    if argv is None:  # a process of its own
        import_redis_leanly()
    return run("ecl-log", lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="ecl-log",
        usage="ecl-log [-c FILE] [--store URL] [CONFIG] GROUP EVENT [COUNT]",
        description="Count an event by hand. CONFIG is a YAML file, as for -c.",
    )
    add_common_options(parser, positional=False)
    parser.add_argument("words", nargs="+", metavar="GROUP EVENT [COUNT]")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    words = list(arguments.words)
    file = words.pop(0) if _is_file(words) else None
    if len(words) not in {2, 3}:
        raise UsageError("expected GROUP EVENT [COUNT]")
    group, event_id, count = words[0], words[1], words[2] if len(words) > 2 else "1"
    with open_context(
        "ecl-log", argument=file, option=arguments.config_option, store=arguments.store
    ) as context:
        _count(context, group, event_id, _checked(event_id, count))
    return 0


def _is_file(words: Sequence[str]) -> bool:
    """Whether the first word is CONFIG: a group can have a file's name, so three are needed."""
    is_yaml = words[0].endswith((".yaml", ".yml"))
    return is_yaml or (len(words) > 2 and os.path.isfile(words[0]))


def _checked(event_id: str, count: str) -> int:
    try:
        check_text(event_id)
        return amount_of(count)
    except InvalidEvent as reason:
        raise UsageError(f"event {event_id!r} {reason}") from None


def _count(context: Context, name: str, event_id: str, count: int) -> None:
    config = _group(context, name)
    if not config.auto_declare_events and event_id not in config.events:
        hint = "" if context.config else "; where its program's file says otherwise, name that (-c)"
        raise ConfigError(
            f"group {name} has no event {event_id!r}, and declares none by itself{hint}"
        )
    flusher = Flusher(context.store, in_thread=False)
    flusher.outage.is_announced = True  # nothing is counted in memory: this ends with an error
    counter = GroupCounter(config, flusher)
    counter.arrive(event_id, count, time.time())
    if _flushed(counter):
        return
    error = flusher.outage.last_error or f"{context.store.shown} cannot be reached"
    is_unsure = counter.is_unsure()
    flusher.close(0.0)  # nothing is sent any more, whatever is said now
    if is_unsure:
        # Not the status that asks to be tried again: it might count twice.
        raise StoreError(f"not known whether it was counted: {error}")
    kind = StoreError if flusher.outage.is_refusal else StoreUnavailable
    raise kind(f"not counted: {error}")


def _flushed(counter: GroupCounter) -> bool:
    """Send the count; again while nobody knows whether it was counted: then it is found out."""
    deadline = Deadline(STEP_SECONDS)
    while not (flushed := counter.flush(deadline.seconds_left())):
        if not counter.is_unsure() or deadline.seconds_left() < _PAUSE_SECONDS:
            break
        time.sleep(_PAUSE_SECONDS)
    return flushed


def _group(context: Context, name: str) -> GroupConfig:
    """The group as the file has it, or the store; without a file, also the default groups."""
    configured = context.config.groups if context.config else DEFAULT_GROUPS
    if name not in configured:
        return group_config(context.definition(name))
    stored = context.store.definition(name)
    events = (*configured[name].events, *(stored.events if stored else ()))
    return dataclasses.replace(configured[name], events=events)


if __name__ == "__main__":
    raise SystemExit(main())
