"""The gatherer: claims records, has them stored in a slower place, and then acknowledges them.

Whoever ends between two of these steps, by whatever, loses nothing: what is not acknowledged
comes again when its claim is over, and a destination knows the IDs that it has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ecl_logging.deadlines import elapsed
from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.outage import Outage
from ecl_logging.records.destinations.protocol import Destination, Refused
from ecl_logging.records.set_aside import SetAside
from ecl_logging.stores.keeping import CLAIM_SECONDS, Entry, KeepsRecords, Waiting

__all__ = ["Gatherer", "Moved"]

_MOST_TOLD = 10  # refused entries, of one claim


@dataclass(slots=True)
class Moved:
    """What was stored and acknowledged."""

    entries: int = 0
    records: int = 0  # with their repeats
    refused: int = 0  # entries among them that were set aside


class Gatherer:
    """Moves entries, some at a time. Not thread safe; `moved` may be read from any thread."""

    def __init__(  # noqa: PLR0913 - a place for each, and how much and how long
        self,
        records: KeepsRecords,
        destination: Destination,
        *,
        limit: int,
        aside: SetAside,
        say: Callable[[str], None],
        claim_seconds: float = CLAIM_SECONDS,
    ) -> None:
        """`say` takes what is to be told: of outages and of entries that were refused."""
        self.moved = Moved()
        self.of_store = Outage("trying on", "gathering on", say=say)
        self.of_destination = Outage(
            "trying on; records wait in the store",
            "gathering on",
            name=destination.shown,
            say=say,
        )
        self._records = records
        self._destination = destination
        self._limit = limit
        self._claim_seconds = claim_seconds
        self._aside = aside
        self._say = say
        self._claimed: list[Entry] = []  # and not stored, as far as is known
        self._claimed_until = 0.0
        self._stored: list[Entry] = []  # and not acknowledged, as far as is known
        self._storing_since: float | None = None

    @property
    def holds(self) -> int:
        """How many entries it has claimed and not acknowledged."""
        return len(self._claimed) + len(self._stored)

    def may_step(self) -> bool:
        """Whether the pause is over for which store or destination are left alone."""
        return self.of_store.may_try() and self.of_destination.may_try()

    @property
    def to(self) -> str:
        """How messages name the destination."""
        return self._destination.shown

    def tell(self) -> None:
        """Have it told what has gone away or come back."""
        self.of_store.tell()
        self.of_destination.tell()

    def tell_if_hanging(self, seconds: float) -> None:
        """Take the destination for away while it does not answer. Called by another thread."""
        since = self._storing_since
        if since is not None and elapsed() - since > seconds and not self.of_destination.is_on:
            shown = self._destination.shown
            self.of_destination.began(StoreUnavailable(f"{shown}: does not answer"))
            self.of_destination.tell()

    def step(self) -> bool:
        """Move what can be claimed, at most `limit` entries; return whether there were any.

        Raises StoreError and what else a destination raises; the next step goes on where this
        one has stopped. Whether store or destination failed, their outages say.
        """
        self._acknowledge()
        with self._storing(is_all=False):
            self._destination.open()
        if not self._claimed or elapsed() > self._claimed_until:
            # What was held for too long may have been given to others.
            self._claim()
        if not self._claimed:
            self._tidy()
            return False
        self._store()
        self._acknowledge()
        return True

    def finish(self) -> None:
        """Acknowledge what is stored. Raises as `step`."""
        self._acknowledge()
        self._tidy()

    def waiting(self) -> Waiting:
        """How much there is in the store. Raises StoreError."""
        return self._records.waiting()

    def _claim(self) -> None:
        self._claimed = []
        with _watched(self.of_store):
            until = elapsed() + self._claim_seconds
            self._claimed = self._records.claim(self._limit, seconds=self._claim_seconds)
            self._claimed_until = until

    def _store(self) -> None:
        with self._storing():
            refused = self._destination.store(self._claimed).refused
        done, self._claimed = self._claimed, []
        if refused and not self._is_set_aside(refused):
            left = {one.entry.id for one in refused}
            done = [one for one in done if one.id not in left]
        self._stored = done

    def _is_set_aside(self, refused: Sequence[Refused]) -> bool:
        """Keep refused entries elsewhere, and tell; where that fails they stay in the store."""
        try:
            where = f"kept in {self._aside.write(refused)}"
        except StoreError as error:
            where = f"it stays in the store ({error})"
        for one in refused[:_MOST_TOLD]:
            self._say(f"entry {one.entry.id} is refused: {one.reason}; {where}")
        if len(refused) > _MOST_TOLD:
            self._say(f"and {len(refused) - _MOST_TOLD} more")
        is_kept = where.startswith("kept")
        self.moved.refused += len(refused) if is_kept else 0
        return is_kept

    def _acknowledge(self) -> None:
        if not self._stored:
            return
        ids = [one.id for one in self._stored]
        with _watched(self.of_store):
            self._records.ack(ids)
        self._destination.acknowledged(ids)
        self.moved.entries += len(ids)
        self.moved.records += sum(one.repeats for one in self._stored)
        self._stored = []

    def _tidy(self) -> None:
        with self._storing():
            self._destination.tidy()

    @contextlib.contextmanager
    def _storing(self, *, is_all: bool = True) -> Iterator[None]:
        """At the destination; where it `is_all` that was to be done there, no outage is left."""
        self._storing_since = elapsed()
        try:
            with _watched(self.of_destination, ends=is_all):
                yield
        finally:
            self._storing_since = None


@contextlib.contextmanager
def _watched(outage: Outage, *, ends: bool = True) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        outage.began(error)
        raise
    if ends:
        outage.ended()
