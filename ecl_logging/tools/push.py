"""ecl-push: finished buckets to Graphite."""

from __future__ import annotations

import argparse
import contextlib
import math
import re
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.exporters.graphite.connection import Target, TargetUnavailable
from ecl_logging.exporters.graphite.delivery import Delivery
from ecl_logging.exporters.graphite.paths import PathRules
from ecl_logging.exporters.graphite.pusher import Destination, Pusher
from ecl_logging.outage import Outage
from ecl_logging.tools.command import (
    UNREACHABLE,
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
from ecl_logging.tools.termination import termination

__all__ = ["main"]

_NAME = "ecl-push"
_CONFIRM_SECONDS = 60.0
_LONGEST_PAUSE = 60.0  # seconds, before carbon is tried again
_STORE_PAUSE = 1.0
_PREFIX = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parse(_parser(), argv)
    if argv is None:  # a process of its own
        import_redis_leanly()
    return run(_NAME, lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=_NAME,
        description="Push each finished bucket of every group and interval to Graphite, once, "
        "oldest first, with the time at which it begins, until SIGTERM or Ctrl-C. The store "
        "remembers how far it has come.",
    )
    parser.add_argument(
        "target",
        type=_target,
        metavar="HOST:PORT",
        help="carbon's plaintext port, such as graphite:2003 or [::1]:2003",
    )
    add_common_options(parser, positional=False)
    parser.add_argument(
        "--prefix",
        type=_prefix,
        default="ecl",
        help="what paths begin with: PREFIX.GROUP.INTERVAL.ID (default: %(default)s)",
    )
    for option, is_allowed, what in (
        ("--allow", True, "push what this matches, and else nothing"),
        ("--forbid", False, "do not push what this matches"),
    ):
        parser.add_argument(
            option,
            dest="rules",
            action="append",
            type=_rule(is_allowed=is_allowed),
            metavar="GLOB",
            help=f"{what}: a path without the prefix, such as 'requests.5m.*'; of several --allow "
            "and --forbid the last one that matches wins",
        )
    parser.add_argument("--once", action="store_true", help="push what is due now, and end")
    parser.add_argument(
        "--confirm-after",
        type=_seconds,
        metavar="SECONDS",
        help="a bucket is delivered when carbon has read it and lived on for so long, in which it "
        "must have written it, or for half of the history if that is shorter; before, it is sent "
        f"again after each break (default: {_CONFIRM_SECONDS:g}; with --once 0)",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="print `pushed GROUP INTERVAL START POINTS` of each bucket, START in Unix seconds",
    )
    return parser


def _target(text: str) -> Target:
    try:
        return Target.parse(text)
    except ValueError as error:
        _, at, shown = text.rpartition("@")  # before it may be a password
        shown = f"***@{shown}" if at else text
        raise argparse.ArgumentTypeError(f"{shown!r}: {error}") from None


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no path: write letters, digits, _ and -, with dots in between"
        )
    return text


def _rule(*, is_allowed: bool) -> Callable[[str], tuple[bool, str]]:
    return lambda glob: (is_allowed, glob)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to 86400")
    return seconds


def _run(arguments: argparse.Namespace) -> int:
    stopping = termination()
    with open_context(
        _NAME, argument=None, option=arguments.config_option, store=arguments.store
    ) as context:
        pushing = _Pushing(context, arguments, stopping)
        try:
            if arguments.once:
                pushing.do_once()
            else:
                pushing.go_on()
        except TargetUnavailable as error:  # where it was to be done once
            say(f"{_NAME}: error", str(error))
            return UNREACHABLE
        finally:
            pushing.close()
    return 0


class _Pushing:
    """Has a pusher do its work, and tells what comes in between."""

    def __init__(
        self, context: Context, arguments: argparse.Namespace, stopping: SimpleQueue[None]
    ) -> None:
        self._context = context
        self._stopping = stopping
        confirm: float | None = arguments.confirm_after
        if confirm is None:
            confirm = 0.0 if arguments.once else _CONFIRM_SECONDS
        target: Target = arguments.target
        delivery = Delivery(
            target, longest_seconds=confirm, is_stopping=lambda: not stopping.empty()
        )
        self._delivery = delivery
        rules = PathRules(arguments.rules or ())
        self._pusher = Pusher(
            context.store,
            Destination(delivery, arguments.prefix, rules, confirm),
            settling=context.settling_seconds,
            tell=_tell,
            told=_print_pushed if arguments.verbose else lambda *_: None,
        )
        self._of_store = Outage("trying on", "pushing on", say=_tell)
        self._of_target = Outage("trying on", "pushing on", name=str(target), say=_tell)
        self._of_target.longest_pause = _LONGEST_PAUSE
        self._has_worked = False

    def do_once(self) -> None:
        """Push what is due now, and see that it has arrived."""
        definitions = self._context.definitions()
        if not definitions:
            shown = self._context.store.shown
            _tell(f"nothing counted in {shown}; choose with --store or ECL_STORE")
        while self._pusher.push(definitions) == 0 and self._stopping.empty():
            self._pusher.check()
        while not self._pusher.is_all_delivered and self._stopping.empty():
            self._wait(self._pusher.check())

    def go_on(self) -> None:
        """Push what becomes due, until it is time to end."""
        while self._stopping.empty():
            pause = self._step()
            self._of_store.tell()
            self._of_target.tell()
            self._wait(pause)
        with contextlib.suppress(TargetUnavailable, StoreError):
            self._pusher.finish()  # what is not known to be there is sent again

    def close(self) -> None:
        """Let go of the connection."""
        self._pusher.close()

    def _step(self) -> float:
        try:
            definitions = self._context.definitions()
            pause = min(self._pusher.push(definitions), self._pusher.check())
            self._has_worked = True
            self._of_store.ended()
            if self._delivery.was_read:
                self._of_target.ended()
        except TargetUnavailable as error:
            if self._stopping.empty():
                self._of_target.began(error)
            return self._of_target.seconds_left()
        except StoreError as error:
            # A refusal, such as of a password that has been changed, may pass as well, where it
            # worked before.
            if not (self._has_worked or isinstance(error, StoreUnavailable)):
                raise
            self._of_store.began(error)
            return _STORE_PAUSE
        return pause

    def _wait(self, seconds: float) -> None:
        """Wait, but not once it is time to end."""
        if seconds > 0:
            with contextlib.suppress(Empty):
                self._stopping.get(timeout=seconds)
                self._stopping.put(None)


def _tell(text: str) -> None:
    say(_NAME, text)


def _print_pushed(group: str, interval: str, start: int, points: int) -> None:
    line = f"pushed {group} {interval} {start} {points}"
    print(f"{printable(line)}\n", end="", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
