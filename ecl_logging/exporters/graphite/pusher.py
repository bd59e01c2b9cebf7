"""Pushes finished buckets of a store to Graphite: each once, oldest first, with its own time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from ecl_logging.exporters.graphite.connection import TargetUnavailable
from ecl_logging.exporters.graphite.delivery import Delivery
from ecl_logging.exporters.graphite.paths import KnownNames, PathRules, lines_of, points_of
from ecl_logging.exporters.graphite.pushed import Pushed, Sent
from ecl_logging.intervals import Interval
from ecl_logging.settled import newest_settled
from ecl_logging.stores.protocols import Definition, Store
from ecl_logging.views import View, read_starts, store_second

__all__ = ["Destination", "Pusher"]

_AT_ONCE = 20  # buckets that are read in one go
_LONGEST_PAUSE = 5.0  # seconds; groups that are defined meanwhile wait no longer
_CHECK_SECONDS = (0.5, 10.0)  # between two checks, at least and at most
_PAUSE = 0.25  # before the store's clock is looked at again


@dataclass(frozen=True, slots=True)
class Destination:
    """Where points go, under which paths, and when they count as delivered."""

    delivery: Delivery
    prefix: str = "ecl"
    rules: PathRules = field(default_factory=PathRules)
    confirm_seconds: float = 60.0

    @property
    def reader(self) -> str:
        """The name under which the store knows how far we have come."""
        target = self.delivery.target
        return f"push:{target.host}:{target.port}:{self.prefix}"


class Pusher:
    """Takes what has settled from a store to a destination. Not thread safe.

    Methods raise StoreError and TargetUnavailable; after either they can be called again.
    """

    def __init__(
        self,
        store: Store,
        destination: Destination,
        *,
        settling: Callable[[str], float],
        tell: Callable[[str], None],
        told: Callable[[str, str, int, int], None] = lambda *_: None,
    ) -> None:
        """`settling`: of a group, seconds after a bucket's end. `tell` takes what is to be known.

        `told` is called with group, interval, start and the number of points of what was sent.
        """
        self._store = store
        self._destination = destination
        self._delivery = destination.delivery
        self._settling = settling
        self._tell, self._told = tell, told
        self._pushed: dict[tuple[str, int], Pushed] = {}
        self._names: dict[tuple[str, str], KnownNames] = {}
        self._held_back = ""  # a path that rules do not let through
        self._has_any = self._told_of_rules = False
        self._groups: Mapping[str, str] = {}
        self._definitions: Mapping[str, Definition] = {}

    @property
    def is_all_delivered(self) -> bool:
        """Whether nothing is under way."""
        return not any(pushed.under_way for pushed in self._pushed.values())

    def push(self, definitions: Mapping[str, Definition]) -> float:
        """Send what is due; return the seconds until more may be: 0 where there is more now."""
        self._definitions = definitions
        self._forget_what_is_gone()
        self._groups = self._names_of("", "groups").of(definitions)
        with self._rewinding():
            if self.is_all_delivered and self._delivery.is_closed():
                self._delivery.abandon()  # nothing came for long, say
            self._delivery.open()
            waits = [
                self._push_interval(definition, interval)
                for definition in definitions.values()
                for interval in definition.intervals
            ]
        self._tell_of_rules()
        return min(waits, default=_LONGEST_PAUSE)

    def check(self) -> float:
        """See what is delivered, if it is time to; return the seconds until it is again."""
        if self.is_all_delivered:
            return _LONGEST_PAUSE
        every = self._seconds_between_checks()
        left = self._delivery.seconds_to_check(every)
        if left > 0:
            return left
        with self._rewinding():
            self._delivery.check()
            self._confirm(send_again=True)
        return every

    def finish(self) -> None:
        """Close the connection; what is not known to be delivered is sent again the next time."""
        with self._rewinding():
            self._delivery.finish()
        self._confirm(send_again=False)

    def close(self) -> None:
        """Let go of the connection. Safe to call twice."""
        self._delivery.abandon()

    @contextlib.contextmanager
    def _rewinding(self) -> Iterator[None]:
        try:
            yield
        except TargetUnavailable:
            for pushed in self._pushed.values():
                pushed.rewind()
            raise

    def _forget_what_is_gone(self) -> None:
        there = {
            (definition.group, interval.seconds)
            for definition in self._definitions.values()
            for interval in definition.intervals
        }
        self._pushed = {key: one for key, one in self._pushed.items() if key in there}

    # --- out

    def _push_interval(self, definition: Definition, interval: Interval) -> float:
        seconds, settling = interval.seconds, self._settling(definition.group)
        now = store_second(self._store, definition.group)
        newest = newest_settled(interval, now, settling)
        current = interval.start_of(now)
        oldest = current - (definition.history + 1) * seconds
        pushed = self._pushed_of(definition, interval, oldest)
        if pushed.last >= current:  # the store's clock was set back
            pushed.restart(newest - seconds)
        first = pushed.last + seconds
        starts = range(max(first, oldest), newest + seconds, seconds)
        if starts:
            views = read_starts(
                self._store, definition, interval, starts[:_AT_ONCE], only_kept=True
            )
            there = views[0].start if views else starts[0]
            if not pushed.is_new:
                for loss in pushed.losses(range(first, there, seconds)):
                    self._tell(f"group {definition.group}, {interval.text}: {loss}")
            for view in views:
                self._push_view(definition.group, pushed, view, is_newest=view.start == newest)
        if len(starts) > _AT_ONCE:
            return 0.0
        return _seconds_until(pushed.last + 2 * seconds + settling, now)

    def _pushed_of(self, definition: Definition, interval: Interval, oldest: int) -> Pushed:
        key = definition.group, interval.seconds
        if key not in self._pushed:
            marks = self._store.marks(definition.group, self._destination.reader)
            marked = marks.get(interval.text)
            self._pushed[key] = (
                Pushed(interval, oldest - interval.seconds, is_new=True)
                if marked is None
                else Pushed(interval, marked)
            )
        return self._pushed[key]

    def _push_view(self, group: str, pushed: Pushed, view: View, *, is_newest: bool) -> None:
        if pushed.is_new and not is_newest and _is_empty(view):
            pushed.restart(view.start)  # from before anything was counted
            return
        if not pushed.under_way and not self._lines(group, pushed.interval, view):
            pushed.restart(view.start)  # and not marked: other rules may let it through
            return
        pushed.add(self._send(group, pushed.interval, view))

    def _send(self, group: str, interval: Interval, view: View) -> Sent:
        data = self._lines(group, interval, view)
        number = self._delivery.send(data)
        self._told(group, interval.text, view.start, data.count(b"\n"))
        return Sent(view.start, hash(data), _amount(view), number)

    def _lines(self, group: str, interval: Interval, view: View) -> bytes:
        ids = self._names_of(group, "event IDs").of(view.counts)
        measures = self._names_of(group, "measures").of(view.measures)
        base, rules = f"{self._groups[group]}.{interval.text}", self._destination.rules
        points = ((f"{base}.{path}", value) for path, value in points_of(view, ids, measures))
        allowed = []
        for point in points:
            if rules.allow(point[0]):
                allowed.append(point)
            else:
                self._held_back = self._held_back or point[0]
        self._has_any = self._has_any or bool(allowed)
        return lines_of(self._destination.prefix, allowed, view.start)

    def _tell_of_rules(self) -> None:
        """Say, once, that there was something to push, and that all of it was held back."""
        if self._held_back and not self._has_any and not self._told_of_rules:
            self._told_of_rules = True
            self._tell(
                "--allow and --forbid let nothing through; they are for paths without the prefix,"
                f" such as {self._held_back}"
            )

    def _names_of(self, group: str, what: str) -> KnownNames:
        if (group, what) not in self._names:
            known = KnownNames(f"{what} of group {group}" if group else what, self._tell)
            self._names[group, what] = known
        return self._names[group, what]

    # --- delivered

    def _all_pushed(self) -> Iterator[tuple[Definition, Pushed]]:
        for (group, _), pushed in self._pushed.items():
            yield self._definitions[group], pushed

    def _seconds_to_confirm(self, definition: Definition, pushed: Pushed) -> float:
        """How long carbon must have lived on after it has read a bucket.

        Half of the history at most: what it loses must still be there to be sent again.
        """
        history_seconds = definition.history * pushed.interval.seconds
        return min(self._destination.confirm_seconds, history_seconds / 2)

    def _seconds_between_checks(self) -> float:
        confirming = [
            self._seconds_to_confirm(definition, pushed)
            for definition, pushed in self._all_pushed()
            if pushed.under_way
        ]
        least, most = _CHECK_SECONDS
        return min(most, max(least, min(confirming))) if all(confirming) else 0.0

    def _confirm(self, *, send_again: bool) -> None:
        """Mark what is delivered, unless more has been counted there since it was sent."""
        for definition, pushed in self._all_pushed():
            number = self._delivery.delivered(self._seconds_to_confirm(definition, pushed))
            is_done = True
            while is_done and (arrived := pushed.arrived(number)[:_AT_ONCE]):
                is_done = self._confirm_some(definition, pushed, arrived, send_again=send_again)

    def _confirm_some(
        self, definition: Definition, pushed: Pushed, arrived: list[Sent], *, send_again: bool
    ) -> bool:
        """Whether all of these were marked."""
        changed = self._changed(definition, pushed.interval, arrived)
        unchanged = list(takewhile(lambda one: one.start not in changed, arrived))
        if unchanged:
            reader = self._destination.reader
            self._store.mark(definition.group, reader, pushed.interval, unchanged[-1].start)
            pushed.deliver(len(unchanged))
        if send_again:
            for view in changed.values():
                pushed.replace(self._send(definition.group, pushed.interval, view))
        return not changed

    def _changed(
        self, definition: Definition, interval: Interval, sent: list[Sent]
    ) -> dict[int, View]:
        """Return those of these buckets in which more has been counted."""
        if not self._destination.confirm_seconds:
            return {}
        starts = range(sent[0].start, sent[-1].start + interval.seconds, interval.seconds)
        views = read_starts(self._store, definition, interval, starts, only_kept=True)
        before = {one.start: one for one in sent}
        return {
            view.start: view
            for view in views
            # Less is of a store that has forgotten; Graphite need not forget as well.
            if (one := before.get(view.start)) and _amount(view) >= one.amount
            if hash(self._lines(definition.group, interval, view)) != one.content
        }


def _amount(view: View) -> int:
    return sum(view.counts.values()) + sum(one.count for one in view.measures.values())


def _is_empty(view: View) -> bool:
    return not (any(view.counts.values()) or view.own or any(view.measures.values()))


def _seconds_until(due: float, now: int) -> float:
    """How long it is until a time by the store's clock, in whose second `now` we are."""
    ours = time.time()
    if abs(int(ours) - now) > 1:  # another clock, of which no more is known
        return min(max(_PAUSE, due - now - 1), _LONGEST_PAUSE)
    left = due - ours + 0.02
    return min(left, _LONGEST_PAUSE) if left > 0 else _PAUSE
