"""ecl-rotate: what is due when a bucket is over, on time.

Counts need none of it: a count goes into the bucket of its own start, whoever rotates. Each
step is idempotent, so any number of these may run.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from ecl_logging.definitions import wanted_definition
from ecl_logging.errors import ConfigError, StoreError, StoreUnavailable
from ecl_logging.tools.command import (
    Context,
    Parser,
    add_common_options,
    open_context,
    parse,
    run,
    say,
)
from ecl_logging.tools.lean_redis import import_redis_leanly
from ecl_logging.tools.printable import printable
from ecl_logging.tools.settling import SettlingBuckets
from ecl_logging.tools.termination import termination

__all__ = ["main"]

_LONGEST_SLEEP = 60.0  # seconds; groups that are defined meanwhile wait no longer
_SLEEP_WITHOUT_GROUPS = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parse(_parser(), argv)
    if argv is None:  # a process of its own
        import_redis_leanly()
    return run("ecl-rotate", lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="ecl-rotate",
        description="Do on time what is due when an interval is over: forget old buckets and "
        "silent sources, and say which buckets are finished. Counts are right without it, and "
        "any number may run: each bucket is told by one of them.",
    )
    add_common_options(parser)
    parser.add_argument("--once", action="store_true", help="do what is due now, and end")
    parser.add_argument(
        "--define",
        action="store_true",
        help="first make the file's groups the store's definitions, exactly as they are",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print each finished bucket as a line of JSON, when it has settled: programs send "
        "what belongs to it up to a second after its end, or up to the group's sync_interval, so "
        "that long (as the file has it), and a second more, it is waited; not with --once, and "
        "no longer at SIGTERM. An object is as in `ecl-read --json`: bucket `last`, or `past` for "
        "one that should have been rotated earlier",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="print `rotated GROUP INTERVAL START` at once, START in Unix seconds (with --json to "
        "stderr)",
    )
    return parser


def _run(arguments: argparse.Namespace) -> int:
    with open_context(
        "ecl-rotate",
        argument=arguments.config,
        option=arguments.config_option,
        store=arguments.store,
    ) as context:
        if arguments.define and context.config is None:
            raise ConfigError("--define: there is no configuration file; name one with -c FILE")
        rotator = _Rotator(context, arguments)
        try:
            if arguments.once:
                rotator.define()
                rotator.rotate()
            else:
                _rotate_until(termination(), rotator)
        except KeyboardInterrupt:
            rotator.settling.print_due(math.inf)
            raise
        rotator.settling.print_due(math.inf)
    return 0


def _rotate_until(stopping: SimpleQueue[None], rotator: _Rotator) -> None:
    """Rotate at each edge. While the store is away, go on trying, with one warning."""
    from ecl_logging.outage import Outage

    outage = Outage("trying on", "rotating on", say=_say)
    defined = False
    while stopping.empty():
        pause = 1.0
        try:
            if not defined:
                rotator.define()
                defined = True
            lengths = rotator.rotate()
            rotator.settling.print_due(time.monotonic())
            next_edge = _until_next_edge(lengths, time.time())
            pause = min(next_edge, rotator.settling.seconds_left(time.monotonic()))
            outage.ended()
        except StoreUnavailable as error:
            outage.began(error)
        except StoreError as error:
            if not defined:
                raise
            outage.began(error)  # such as a password that has been changed: it worked before
        outage.tell()
        with contextlib.suppress(Empty):
            stopping.get(timeout=pause)
            return


class _Rotator:
    """Does what is due in all groups, and says which buckets are finished."""

    def __init__(self, context: Context, arguments: argparse.Namespace) -> None:
        self._context = context
        self._replace: bool = arguments.define
        self._verbose_to = sys.stderr if arguments.json else sys.stdout
        self._is_verbose: bool = arguments.verbose
        self._is_json: bool = arguments.json
        self.settling = SettlingBuckets(context)

    def define(self) -> None:
        """Make the file's groups known to the store."""
        store, config = self._context.store, self._context.config
        for group in (config.groups if config else {}).values():
            wanted = wanted_definition(group)
            if self._replace or store.definition(group.name) is None:
                defined = store.define(wanted, replace=self._replace)
                for new, kept in zip(wanted.intervals, defined.intervals, strict=False):
                    if self._replace and new.text != kept.text:
                        _say(f"group {group.name}: {new.text} stays {kept.text}, as it is stored")

    def rotate(self) -> set[int]:
        """Rotate what is due in every group; return all interval lengths."""
        lengths: set[int] = set()
        for definition in self._context.definitions().values():
            lengths.update(interval.seconds for interval in definition.intervals)
            buckets = self._context.store.rotate(definition.group)
            if self._is_json:
                self.settling.add(definition, buckets, time.monotonic())
            if self._is_verbose:
                for one in buckets:
                    line = f"rotated {definition.group} {one.interval.text} {one.start}"
                    print(f"{printable(line)}\n", end="", file=self._verbose_to, flush=True)
        return lengths


def _say(text: str) -> None:
    say("ecl-rotate", text)


def _until_next_edge(lengths: set[int], now: float) -> float:
    if not lengths:
        return _SLEEP_WITHOUT_GROUPS
    # A little after each edge, and once more a second after it: a store with a clock of its own
    # must have passed it, too.
    waits = [length - now % length + 0.02 for length in lengths]
    waits += [1.0 for length in lengths if now % length < 1.0]
    return min([_LONGEST_SLEEP, *waits])


if __name__ == "__main__":
    raise SystemExit(main())
