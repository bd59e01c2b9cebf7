"""ecl-munin: a plugin for Munin, linked as `ecl_<group>_<interval>`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ecl_logging.addresses import embedded_path
from ecl_logging.errors import EclError, StoreUnavailable
from ecl_logging.exporters.munin import Graph, Limits, config_lines, value_lines
from ecl_logging.exporters.munin_state import MOST_FIELDS, SeenIds
from ecl_logging.intervals import Interval
from ecl_logging.problems import masked
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
    say,
)
from ecl_logging.tools.lean_redis import import_redis_leanly
from ecl_logging.tools.munin_script import script
from ecl_logging.tools.printable import printable
from ecl_logging.views import LAST, read_views, store_second

__all__ = ["main"]

_NAME = "ecl-munin"
_PREFIX = "ecl_"
_LONGEST_WAIT = 10.0  # seconds, for a bucket that is just over; Munin waits for a minute


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parse(_parser(), argv)
    if argv is None:  # a process of its own
        import_redis_leanly()
    name = arguments.name or (sys.argv[0] if argv is None else "")
    return run(_NAME, lambda: _run(arguments, os.path.basename(name)))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=_NAME,
        usage="ecl-munin [autoconf | suggest | script] [option ...], or a link to it: "
        "ecl_GROUP_INTERVAL [config]",
        description="A plugin for Munin. Link it as `ecl_GROUP_INTERVAL` where munin-node finds "
        "its plugins, such as /etc/munin/plugins/ecl_requests_5m: it prints the counts of the last "
        "finished bucket. munin-node gives it ECL_STORE and ECL_CONFIG by `env.ECL_STORE` in "
        "plugin-conf.d.",
        epilog="Exit status: 1 an error, 2 wrong usage, 3 the store cannot be reached, and no "
        "field is known whose value could be U.",
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=["autoconf", "suggest", "config", "script"],
        help="config: the graph's configuration; suggest: all GROUP_INTERVAL that there are; "
        "autoconf: `yes`, or `no` and why; script: print a plugin file for munin-node-configure; "
        "without any: the values",
    )
    add_common_options(parser, positional=False)
    parser.add_argument(
        "--as",
        dest="name",
        metavar="NAME",
        help="act as if linked as NAME, such as ecl_requests_5m",
    )
    return parser


def _run(arguments: argparse.Namespace, name: str) -> int:
    if arguments.action == "script":
        return _print([script(sys.executable)])
    if arguments.action == "autoconf":
        return _print([_verdict(arguments)])
    with _open(arguments) as context:
        if arguments.action == "suggest":
            return _print(_links(context))
        plugin = _plugin(context, name)
        if arguments.action == "config":
            has_values = os.environ.get("MUNIN_CAP_DIRTYCONFIG") == "1"
            return _print(plugin.config(has_values=has_values))
        return _print(plugin.values())


def _open(arguments: argparse.Namespace) -> Context:
    return open_context(_NAME, argument=None, option=arguments.config_option, store=arguments.store)


def _print(lines: Iterable[str]) -> int:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


# --- whether and where it may be linked


def _verdict(arguments: argparse.Namespace) -> str:
    """What `autoconf` says: an answer in one line, whatever is wrong."""
    try:
        with _open(arguments) as context:
            if context.definitions():
                return "yes"
            return f"no (nothing is counted in {printable(context.store.shown)})"
    except EclError as error:
        return f"no ({printable(masked(str(error).splitlines()[0]))})"


def _links(context: Context) -> list[str]:
    definitions = context.definitions().values()
    return [f"{one.group}_{interval.text}" for one in definitions for interval in one.intervals]


# --- one group in one interval


@dataclass(frozen=True)
class _Plugin:
    """A link: what it shows, and what it remembers."""

    context: Context
    group: str
    interval: str
    seen: SeenIds

    def config(self, *, has_values: bool) -> list[str]:
        """Return the graph's configuration, and the values with it. Raises what reading does."""
        graph, counts = self._graph(settled=has_values)
        lines = list(config_lines(graph, Limits(os.environ)))
        return [*lines, *value_lines(graph, counts)] if has_values else lines

    def values(self) -> list[str]:
        """Return a value for each field. Raises what reading does."""
        return list(value_lines(*self._graph(settled=True)))

    def _graph(self, *, settled: bool) -> tuple[Graph, Mapping[str, int] | None]:
        """The graph and the counts; None of them where the store is away, but fields are known.

        Munin-node passes on nothing of a plugin that fails, and Munin would take the last value
        that it has for today's: so it is told that all values are unknown.
        """
        try:
            definition = self.context.definition(self.group)
            interval = find_interval(self.interval, definition.intervals, self.group)
            counts = self._counts(definition, interval, settled=settled)
        except StoreUnavailable as error:
            fields = self.seen.known(self._declared_in_file())
            if not fields:
                raise
            say(f"{_NAME}: error", str(error))
            return self._drawn(self.interval, fields), None
        return self._drawn(interval.text, self._fields(definition, counts)), counts

    def _counts(
        self, definition: Definition, interval: Interval, *, settled: bool
    ) -> dict[str, int]:
        if settled:
            _wait(self._unsettled_seconds(interval))
        [view] = read_views(self.context.store, definition, interval, [LAST])
        return view.counts

    def _unsettled_seconds(self, interval: Interval) -> float:
        """How long programs may still send counts of the last bucket; no whole one is waited."""
        settling = min(self.context.settling_seconds(self.group), _LONGEST_WAIT)
        if interval.seconds <= settling:
            return 0.0
        now = store_second(self.context.store, self.group)
        return max(0.0, settling - (now - interval.start_of(now)))

    def _fields(self, definition: Definition, counts: Mapping[str, int]) -> dict[str, str]:
        try:
            return self.seen.remember(definition.events, counts)
        except OSError as error:
            path = os.path.dirname(self.seen.path)
            say(_NAME, f"cannot remember IDs in {path}: {error.strerror}")
            return self.seen.without_memory(definition.events, counts)

    def _declared_in_file(self) -> Sequence[str]:
        config = self.context.config
        group = config.groups.get(self.group) if config else None
        return group.events if group is not None else ()

    def _drawn(self, interval: str, fields: dict[str, str]) -> Graph:
        return Graph(self.group, interval, fields, has_rest=len(fields) >= MOST_FIELDS)


def _plugin(context: Context, name: str) -> _Plugin:
    group, _, interval = name.removeprefix(_PREFIX).rpartition("_")
    if not (name.startswith(_PREFIX) and group and interval):
        raise UsageError(
            "link it as ecl_GROUP_INTERVAL, such as ecl_requests_5m, or say --as with such a name;"
            " `ecl-munin suggest` prints what there is"
        )
    return _Plugin(context, group, interval, SeenIds(os.path.join(_state_folder(), f"{name}.ids")))


def _state_folder() -> str:
    """Munin's folder for what plugins of this user remember; by hand, a folder beside our store."""
    given = os.environ.get("MUNIN_PLUGSTATE", "")
    return given or os.path.join(os.path.dirname(embedded_path()), "munin")


def _wait(seconds: float) -> None:
    if seconds > 0:
        time.sleep(seconds)


if __name__ == "__main__":
    raise SystemExit(main())
