"""ecl-gather: moves deduplicated records out of a store into a slower place.

A thread does the work, so that a database that hangs keeps nobody from ending the command: what
it holds then comes back by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from ecl_logging.errors import ConfigError, StoreError, StoreUnavailable
from ecl_logging.records.destinations import Destination, open_destination
from ecl_logging.records.gatherer import Gatherer
from ecl_logging.records.set_aside import SetAside
from ecl_logging.stores.keeping import AT_ONCE, CLAIM_SECONDS, Keeper, KeepsRecords, Waiting
from ecl_logging.stores.protocols import Store
from ecl_logging.tools.command import (
    UNREACHABLE,
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
from ecl_logging.tools.progress import Progress, open_progress

__all__ = ["main"]

_NAME = "ecl-gather"

_TICK_SECONDS = 0.25
_LOOK_SECONDS = 1.0  # between two looks at how much is waiting
_GRACE_SECONDS = 5.0  # to finish the work in hand
_HANGING_SECONDS = 10.0  # of a destination, until that is told

_DONE, _STOP = "done", "stop"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parse(_parser(), argv)
    if argv is None:  # a process of its own
        import_redis_leanly()
    begun: list[_Gathering] = []
    status = run(_NAME, lambda: _run(arguments, begun))
    with contextlib.suppress(OSError):  # stderr is closed
        for gathering in begun:
            gathering.sum_up()
    return status


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=_NAME,
        description="Move deduplicated records out of the store into a slower place, until "
        "SIGTERM or Ctrl-C. Any number may run, and end at any moment: what was not acknowledged "
        "comes again, and a database counts it once.",
    )
    add_common_options(parser)
    parser.add_argument(
        "--to",
        required=True,
        metavar="URL",
        help="where to: sqlite:///FILE.db or postgresql://USER:PASSWORD@HOST/DATABASE (with "
        "SQLAlchemy), jsonl:FILE (or a path that ends in .jsonl; jsonl:- is stdout), or "
        "logging:FILE.yaml (handlers of that file; `logging:` is the file of -c)",
    )
    parser.add_argument("--once", action="store_true", help="end when nothing is waiting")
    parser.add_argument(
        "--limit",
        type=_whole(AT_ONCE),
        default=AT_ONCE,
        metavar="N",
        help=f"entries that are moved at a time, 1 to {AT_ONCE} (default: %(default)s)",
    )
    parser.add_argument(
        "--pause",
        type=_seconds,
        default=1.0,
        metavar="SECONDS",
        help="before the store is asked again, when nothing was waiting (default: %(default)s)",
    )
    parser.add_argument(
        "--claim",
        type=_seconds,
        default=CLAIM_SECONDS,
        metavar="SECONDS",
        help="after which entries that were not acknowledged come again (default: %(default)s)",
    )
    parser.add_argument(
        "--refused",
        metavar="FILE",
        help="lines of JSON for entries that the destination will never take (default: "
        "refused.jsonl beside the embedded store)",
    )
    return parser


def _whole(most: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most}")
        return int(text)

    return whole


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to 86400")
    return seconds


def _run(arguments: argparse.Namespace, begun: list[_Gathering]) -> int:
    context = open_context(
        _NAME,
        argument=arguments.config,
        option=arguments.config_option,
        store=arguments.store,
    )
    records = _records_of(context.store)
    file = arguments.config or arguments.config_option or os.environ.get("ECL_CONFIG")
    destination = open_destination(arguments.to, logging_file=file or _file_here())
    _check_apart(context, destination)
    is_on_terminal = arguments.to == "jsonl:-" and sys.stdout.isatty()
    unsaid: SimpleQueue[str] = SimpleQueue()
    gathering = _Gathering(
        Gatherer(
            records,
            destination,
            limit=arguments.limit,
            aside=SetAside(arguments.refused),
            say=unsaid.put,
            claim_seconds=arguments.claim,
        ),
        open_progress(sys.stderr, is_wanted=not is_on_terminal),
        unsaid,
        pause_seconds=arguments.pause,
        is_once=arguments.once,
    )
    begun.append(gathering)
    try:
        return gathering.run()
    finally:
        if gathering.is_over:
            destination.close()
            context.store.close()


def _records_of(store: Store) -> KeepsRecords:
    if not isinstance(store, Keeper):
        raise ConfigError(f"{store.shown} keeps no records")
    return store.records


def _file_here() -> str | None:
    return "logging.yaml" if os.path.exists("logging.yaml") else None


def _check_apart(context: Context, destination: Destination) -> None:
    """A store cannot be emptied into itself: its file would be locked by one, for the other."""
    file = getattr(destination, "file", None)
    if file is not None and context.store.shown == f"sqlite:///{file}":
        raise UsageError(f"--to {destination.shown} is the store; name another file")


class _Gathering:
    """A thread that gathers, and the main thread, which shows it and has it end."""

    def __init__(
        self,
        gatherer: Gatherer,
        progress: Progress,
        unsaid: SimpleQueue[str],
        *,
        pause_seconds: float,
        is_once: bool,
    ) -> None:
        """`unsaid` is where any thread puts a line that the user is to be told."""
        self._gatherer = gatherer
        self._progress = progress
        self._pause_seconds = pause_seconds
        self._is_once = is_once
        self._stopping = threading.Event()
        # Not an Event, whose `set` deadlocks when a signal comes into the midst of its `wait`.
        self._words: SimpleQueue[str] = SimpleQueue()
        self._unsaid = unsaid
        self._error: BaseException | None = None
        self._waiting: Waiting | None = None  # before the first look
        self._next_look = 0.0
        self._thread = threading.Thread(target=self._work, name="ecl-gather", daemon=True)

    @property
    def is_over(self) -> bool:
        """Whether the thread has ended, so that what it used can be closed."""
        return not self._thread.is_alive()

    def run(self) -> int:
        """Gather until it is over; return the exit status, or raise what ended it."""
        is_main = threading.current_thread() is threading.main_thread()
        if is_main:
            before = signal.signal(signal.SIGTERM, lambda *_: self._words.put(_STOP))
        self._thread.start()
        try:
            self._watch(math.inf)
        except KeyboardInterrupt:
            self._stop()
            raise
        finally:
            self._tell()
            self._progress.close()
            if is_main:
                signal.signal(signal.SIGTERM, before or signal.SIG_DFL)  # None: not of Python's
        return self._status()

    def sum_up(self) -> None:
        """Tell what was moved, what is left, and what was lost before."""
        moved = self._gatherer.moved
        if self._error is not None and not moved.entries:
            return  # which says enough
        text = f"moved {moved.records} records in {moved.entries} entries to {self._gatherer.to}"
        if moved.refused:
            text += f"; {moved.refused} of these entries were refused and set aside"
        if self._is_once and self._error is None and self._waiting and self._waiting.entries:
            text += f"; {self._waiting.entries} entries are left, which others have claimed"
        if self._waiting is not None and self._waiting.pushed_out:
            text += f"; {self._waiting.pushed_out} records were ever pushed out of the queue"
        say(_NAME, text)

    # --- in the main thread

    def _watch(self, until: float) -> None:
        """Show and tell, until the thread has ended, or the time is over."""
        while time.monotonic() < until:
            self._show()
            self._tell()
            try:
                word = self._words.get(timeout=_TICK_SECONDS)
            except Empty:
                continue
            if word == _DONE:
                self._thread.join()
                return
            self._stopping.set()
            until = min(until, time.monotonic() + _GRACE_SECONDS)
        self._unsaid.put(f"the work in hand does not end; {self._held()}")

    def _held(self) -> str:
        return f"{self._gatherer.holds} entries come again by themselves"

    def _stop(self) -> None:
        self._stopping.set()
        self._watch(time.monotonic() + _GRACE_SECONDS)

    def _status(self) -> int:
        if self._error is None:
            return 0
        if isinstance(self._error, StoreUnavailable) and self._gatherer.of_destination.is_on:
            say(f"{_NAME}: error", str(self._error))  # another store would not help
            return UNREACHABLE
        raise self._error

    def _show(self) -> None:
        self._gatherer.tell_if_hanging(_HANGING_SECONDS)
        if self._progress.is_shown and self._waiting is not None:
            moved, left = self._gatherer.moved, self._waiting.entries
            text = f"{moved.records} records in {moved.entries} entries moved, {left} waiting"
            self._progress.show(moved.entries, left, text)

    def _tell(self) -> None:
        while True:
            try:
                text = self._unsaid.get_nowait()
            except Empty:
                return
            self._progress.close()  # the line is drawn anew, below this one
            say(_NAME, text)

    # --- in the thread

    def _work(self) -> None:
        try:
            self._gather()
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            self._error = error
        self._words.put(_DONE)

    def _gather(self) -> None:
        has_worked = False
        while not self._stopping.is_set():
            if not self._gatherer.may_step():
                self._stopping.wait(_TICK_SECONDS)
                continue
            try:
                is_more = self._gatherer.step()
                has_worked = True
                self._gatherer.tell()
                self._look(is_due=not is_more)
            except StoreError as error:
                # A refusal, such as of a password that has been changed, may pass as well,
                # where it worked before.
                if self._is_once or not (has_worked or isinstance(error, StoreUnavailable)):
                    raise
                self._gatherer.tell()
                continue
            if not is_more:
                if self._is_once:
                    break
                self._stopping.wait(self._pause_seconds)
        self._finish()

    def _finish(self) -> None:
        try:
            self._gatherer.finish()
            self._look(is_due=True)
        except StoreError as error:
            if self._gatherer.holds:
                self._unsaid.put(f"{error}; {self._held()}")

    def _look(self, *, is_due: bool) -> None:
        """See how much is waiting: for the progress once a second, and at the end."""
        now = time.monotonic()
        if is_due or (self._progress.is_shown and now >= self._next_look):
            self._waiting = self._gatherer.waiting()
            self._next_look = now + _LOOK_SECONDS


if __name__ == "__main__":
    raise SystemExit(main())
