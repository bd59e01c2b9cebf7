"""What has been pushed of one interval: which buckets are delivered, and which are on their way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from ecl_logging.intervals import Interval

__all__ = ["Pushed", "Sent"]


@dataclass(slots=True)
class Sent:
    """A bucket that is not known to be delivered yet."""

    start: int
    content: int  # a hash of what was sent of it
    amount: int  # how many events it had then
    number: int  # of the delivery


@dataclass(slots=True)
class Pushed:
    """Buckets of one group and interval, in their order; starts are Unix seconds."""

    interval: Interval
    delivered: int  # the start of the last one that need not be sent again
    is_new: bool = False  # nothing was ever sent
    under_way: deque[Sent] = field(default_factory=deque)
    _ever: int = -1  # the latest one that was sent at all
    _told: int = -1  # the latest one of which it was told that it is lost

    @property
    def last(self) -> int:
        """The bucket after which it goes on."""
        return self.under_way[-1].start if self.under_way else self.delivered

    def add(self, sent: Sent) -> None:
        """Another one was sent."""
        self.is_new = False
        self.under_way.append(sent)
        self._ever = max(self._ever, sent.start)

    def replace(self, sent: Sent) -> None:
        """A bucket that is under way was sent once more."""
        place = next(at for at, one in enumerate(self.under_way) if one.start == sent.start)
        self.under_way[place] = sent

    def rewind(self) -> None:
        """What is under way is to be sent again."""
        self.under_way.clear()

    def restart(self, last: int) -> None:
        """Go on after this bucket."""
        self.under_way.clear()
        self.delivered = last

    def arrived(self, number: int) -> list[Sent]:
        """Return the oldest ones that carbon has, if it has all up to this number."""
        return list(takewhile(lambda one: one.number <= number, self.under_way))

    def deliver(self, amount: int) -> None:
        """So many, the oldest ones, need not be sent again."""
        for _ in range(amount):
            self.delivered = self.under_way.popleft().start

    def losses(self, starts: range) -> Iterator[str]:
        """Tell, once, of these buckets, which can no longer be read."""
        untold = [start for start in starts if start > self._told]
        if not untold:
            return
        self._told = untold[-1]
        sent = sum(start <= self._ever for start in untold)
        if len(untold) > sent:
            yield f"{len(untold) - sent} buckets are lost, which history no longer has"
        if sent:
            yield (
                f"{sent} buckets were sent shortly before the connection broke; they cannot be"
                " sent again, since history no longer has them"
            )
