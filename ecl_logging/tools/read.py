"""ecl-read: print counts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from ecl_logging.errors import ConfigError
from ecl_logging.intervals import Interval
from ecl_logging.settings import find_interval
from ecl_logging.stores.protocols import Definition
from ecl_logging.tools.command import (
    Context,
    Parser,
    UsageError,
    add_common_options,
    open_context,
    parse,
    run,
)
from ecl_logging.views import CURRENT, LAST, View, read_views

__all__ = ["main"]

_TITLES = {LAST: "Last:", CURRENT: "Current:"}
_WORDS = {LAST: "last", CURRENT: "current"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parse(_parser(), argv)
    return run("ecl-read", lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="ecl-read",
        description="Print event counts of the last finished and of the current interval. "
        "Without -g: of every group and interval.",
    )
    add_common_options(parser)
    parser.add_argument("-g", dest="group", metavar="GROUP", help="print `id:count` of this group")
    parser.add_argument("-i", dest="interval", metavar="INT", help="the interval, such as 5m")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--last", action="store_true", help="the last finished bucket (default)")
    which.add_argument("--current", action="store_true", help="the bucket that is running")
    which.add_argument("--both", action="store_true", help="one after the other, with titles")
    parser.add_argument(
        "--check", action="store_true", help="check the configuration file, and say `ok`"
    )
    return parser


def _run(arguments: argparse.Namespace) -> int:
    with open_context(
        "ecl-read",
        argument=arguments.config,
        option=arguments.config_option,
        store=arguments.store,
    ) as context:
        if arguments.check:
            return _check(context)
        _note_empty_store(context)
        if arguments.group is not None:
            return _print_group(context, arguments)
        return _print_all(context, arguments)


def _check(context: Context) -> int:
    """Say `ok`: a file with a problem has not come so far."""
    if context.config is None:
        raise UsageError("--check: there is no configuration file; name one with -c FILE")
    print("ok")
    return 0


def _note_empty_store(context: Context) -> None:
    """Say it where zeros could be taken for counts: the file's groups are shown all the same."""
    if not context.store.groups():
        print(
            f"ecl-read: nothing counted in {context.store.shown}; choose with --store or ECL_STORE",
            file=sys.stderr,
        )


def _ages(arguments: argparse.Namespace, default: tuple[int, ...]) -> tuple[int, ...]:
    if arguments.both:
        return LAST, CURRENT
    if arguments.current:
        return (CURRENT,)
    return (LAST,) if arguments.last else default


# --- one group: `id:count` lines, the format of event_count_logger's reader


def _print_group(context: Context, arguments: argparse.Namespace) -> int:
    definition = context.definition(arguments.group)
    interval = _chosen_interval(definition, arguments.interval)
    ages = _ages(arguments, (LAST,))
    views = read_views(
        context.store, definition.group, interval, declared=definition.events, ages=ages
    )
    for age, view in zip(ages, views, strict=True):
        if len(ages) > 1:
            print(_TITLES[age])
        _print_counts(view)
        _note_own_cells(definition.group, interval, age, view)
    return 0


def _chosen_interval(definition: Definition, text: str | None) -> Interval:
    if text is not None:
        return find_interval(text, definition.intervals, definition.group)
    if len(definition.intervals) > 1:
        known = ", ".join(interval.text for interval in definition.intervals)
        raise ConfigError(
            f"group {definition.group} has several intervals ({known}); choose one with -i"
        )
    return definition.intervals[0]


def _print_counts(view: View) -> None:
    for event_id, count in view.counts.items():
        print(f"{event_id}:{count}")


def _note_own_cells(group: str, interval: Interval, age: int, view: View) -> None:
    if view.own:
        cells = ", ".join(f"{cell} {n}" for cell, n in view.own.items())
        where = f"{group} {interval.text} {_WORDS[age]}"
        sys.stdout.flush()
        print(f"ecl-read: {where}: also {cells}", file=sys.stderr)


# --- all groups, in blocks


def _print_all(context: Context, arguments: argparse.Namespace) -> int:
    definitions = context.definitions()
    if not definitions:
        return 0
    ages = _ages(arguments, (LAST, CURRENT))
    blocks = 0
    for definition in definitions.values():
        for interval in _intervals(definition, arguments.interval):
            views = read_views(
                context.store, definition.group, interval, declared=definition.events, ages=ages
            )
            for age, view in zip(ages, views, strict=True):
                if blocks:
                    print()
                blocks += 1
                start = datetime.fromtimestamp(view.start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                print(f"# {definition.group} {interval.text} {_WORDS[age]} {start}")
                _print_counts(view)
                _note_own_cells(definition.group, interval, age, view)
    if not blocks:
        raise ConfigError(f"no group has an interval {arguments.interval!r}")
    return 0


def _intervals(definition: Definition, text: str | None) -> Sequence[Interval]:
    if text is None:
        return definition.intervals
    try:
        return [find_interval(text, definition.intervals, definition.group)]
    except ConfigError:
        return []


if __name__ == "__main__":
    raise SystemExit(main())
