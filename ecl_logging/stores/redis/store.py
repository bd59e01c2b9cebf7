"""RedisStore: the protocol's steps, each one script on the server."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from ecl_logging.deadlines import Deadline
from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.intervals import Interval
from ecl_logging.stores import steps
from ecl_logging.stores.protocols import (
    OTHER,
    SOURCE_SECONDS,
    Batch,
    Bucket,
    Definition,
    Finished,
    Reply,
    Source,
    Totals,
    events_in,
)
from ecl_logging.stores.redis import replies, scripts
from ecl_logging.stores.redis.connection import Connections
from ecl_logging.stores.redis.server import READ_SECONDS, Place, Server

if TYPE_CHECKING:
    from ecl_logging.stores.keeping import KeepsMessages, KeepsRecords
    from ecl_logging.stores.queueing import KeepsEvents

__all__ = ["RedisStore"]

# In one script, or one look, during which the server does nothing else.
_BUCKETS_AT_ONCE = 50
_CELLS_AT_ONCE = 10_000
# In one command, which costs a third of looks at parts, and holds the server for some 40 ms.
_MOST_AT_ONCE = 150_000
_POLICY = re.compile(r"maxmemory_policy:(\S+)")
_T = TypeVar("_T")


class RedisStore:
    """Counts on one Redis server, for all processes of all machines that reach it. Thread safe."""

    def __init__(
        self,
        transport: str,
        settings: Mapping[str, object],
        *,
        shown: str,
        prefix: str = "",
        clock: Callable[[], float] | None = None,
    ) -> None:
        """See `Connections`. `prefix`: before all keys. `clock`: the server's own if None."""
        self.shown = shown
        self._connections = Connections(transport, settings, shown)
        self._server = Server(self._connections, prefix=prefix, clock=clock)
        self._prefix = prefix
        self._has_advised = False
        self._known_ids: dict[str, replies.KnownIds] = {}  # by group; they need no telling again

    # --- the steps

    def define(
        self, wanted: Definition, *, replace: bool = False, timeout: float = 5.0
    ) -> Definition:
        deadline = Deadline(timeout)
        while deadline.seconds_left() > 0:
            known = self.definition(wanted.group, timeout=deadline.seconds_left())
            changed = steps.changed(known, wanted, replace=replace)
            if known is not None and changed == known:
                return known
            # Before the definition, which may lie on another server of a Cluster.
            groups = f"{self._prefix}@groups"
            left = deadline.seconds_left()
            self._connections.call(
                "SADD",
                groups,
                changed.group,
                timeout=left,
                read=self._server.reading(replies.number_of),
            )
            version = self._define(known, changed, timeout=deadline.seconds_left())
            if version:
                return dataclasses.replace(changed, version=version)
        raise StoreUnavailable(f"{self.shown}: others define {wanted.group} all the time")

    def _define(self, known: Definition | None, changed: Definition, *, timeout: float) -> int:
        """Replace what is known; the new version, 0 where somebody else was faster."""
        return self._run(
            self._server.reading(replies.version_of),
            scripts.DEFINE,
            changed.group,
            "" if known is None else known.version,
            changed.history,
            changed.max_events,
            int(changed.cur_last_keys),
            replies.intervals_text(changed.intervals),
            replies.measures_text(changed.measures),
            *sorted(changed.events),
            timeout=timeout,
        )

    def apply(self, batch: Batch, *, timeout: float = 5.0) -> Reply:
        intervals = itertools.chain.from_iterable((i.text, i.seconds) for i in batch.intervals)
        cells = _json(batch.counts)
        return self._run(
            # Somebody in between may have said it, when the batch had been counted.
            self._server.reading(replies.reply_of, StoreUnavailable),
            scripts.APPLY,
            batch.group,
            batch.source,
            batch.number,
            batch.total,
            batch.start,
            events_in(batch.counts),
            batch.token,
            _place_of_other(batch.counts),
            int(_has_measures(cells)),
            len(batch.intervals),
            *intervals,
            cells,
            _json(map(str, batch.counts.values())),
            timeout=timeout,
        )

    def groups(self) -> list[str]:
        read = self._server.reading(replies.names_of)
        names = f"{self._prefix}@groups"
        return self._connections.call("SMEMBERS", names, timeout=READ_SECONDS, read=read)

    def definition(self, group: str, *, timeout: float = READ_SECONDS) -> Definition | None:
        known = self._known_ids.get(group)
        found = self._run(
            self._server.reading(partial(replies.definition_of, group, known)),
            scripts.DEFINITION,
            group,
            "" if known is None else known.token,
            0 if known is None else len(known.events),
            timeout=timeout,
        )
        if found is None:
            return None
        definition, self._known_ids[group] = found
        return definition

    def read(self, group: str, interval: Interval, ages: Iterable[int]) -> Sequence[Bucket]:
        left = list(ages)
        now: str | None = None
        found: list[Bucket] = []
        while left:
            # All by the clock of the first, which may pass an edge in between.
            now, some = self._run(
                self._server.reading(replies.buckets_of),
                scripts.READ,
                group,
                interval.text,
                interval.seconds,
                _CELLS_AT_ONCE,
                *left[:_BUCKETS_AT_ONCE],
                now=now,
            )
            for bucket, size in some:
                if size > _CELLS_AT_ONCE:
                    cells = self._many_cells(f"{group}:{interval.text}:{bucket.start}", size)
                    found.append(Bucket(bucket.start, cells))
                else:
                    found.append(bucket)
            if not some:
                raise self._not_ours()
            left = left[len(some) :]
        return found

    def _many_cells(self, name: str, size: int) -> dict[str, int]:
        """Read a hash of many cells, for which a script would hold the server for long."""
        key = f"{self._prefix}{name}"
        if size <= _MOST_AT_ONCE:
            return self._ask("HGETALL", key, read=replies.cells_of)
        # In parts. A cell may come twice: what is told later counts.
        cursor, cells = b"0", dict[str, int]()
        for _ in range(10 + size // (_CELLS_AT_ONCE // 10)):
            cursor, part = self._ask(
                "HSCAN", key, cursor, "COUNT", _CELLS_AT_ONCE, read=replies.part_of
            )
            cells |= part
            if cursor == b"0":
                return cells
        raise self._not_ours()

    def _not_ours(self) -> StoreError:
        return StoreError(f"{self.shown}: holds what this library did not write: it has no end")

    def _ask(self, *command: object, read: Callable[[Any], _T]) -> _T:
        """Ask the server itself, and make sure that the answer is to this question."""
        word = os.urandom(8).hex()
        return self._connections.call(
            *command, timeout=READ_SECONDS, read=self._server.reading(read), after=word
        )

    def sources(self, group: str) -> list[Source]:
        read = self._server.reading(partial(replies.sources_of, silent_seconds=SOURCE_SECONDS))
        return self._run(read, scripts.SOURCES, group)

    def rotate(self, group: str) -> list[Finished]:
        return self._run(self._server.reading(replies.finished_of), scripts.ROTATE, group)

    def totals(self, group: str) -> Totals | None:
        read = self._server.reading(replies.totals_of)
        found = self._run(read, scripts.TOTALS, group, _CELLS_AT_ONCE)
        if found is None:
            return None
        since, size, cells = found
        if size > _CELLS_AT_ONCE:
            cells = self._many_cells(f"{group}:{steps.TOTALS[0]}", size)
        cells.pop(steps.SINCE, None)
        return Totals(since, cells)

    def marks(self, group: str, reader: str) -> dict[str, int]:
        read = partial(replies.marks_of, reader)
        return self._ask("HGETALL", f"{self._prefix}{group}:@marks", read=read)

    def mark(self, group: str, reader: str, interval: Interval, start: int) -> None:
        read = self._server.reading(replies.version_of)
        self._run(read, scripts.MARK, group, f"{interval.text} {reader}", start)

    def advice(self, *, timeout: float = 5.0) -> str | None:
        if self._has_advised:
            return None
        risks = [*self._risks_of_connection(), *self._risks_of_policy(timeout)]
        self._has_advised = True
        return f"{self.shown}: {'; '.join(risks)}" if risks else None

    def _risks_of_connection(self) -> Iterator[str]:
        if self._connections.trusts_anybody:
            yield (
                "whose server it is, is not checked (ssl_cert_reqs: none); name its certificate in"
                " ssl_ca_certs"
            )

    def _risks_of_policy(self, timeout: float) -> Iterator[str]:
        try:
            read = self._server.reading(replies.text_of)
            memory = self._connections.call("INFO", "memory", timeout=timeout, read=read)
        except StoreUnavailable:
            raise
        except StoreError:
            return  # not for this user to know
        policy = _POLICY.search(memory)
        if policy is not None and policy[1] != "noeviction":
            yield (
                f"maxmemory-policy is {policy[1]}: when memory is full the server"
                " removes counts; set it to noeviction"
            )

    def close(self) -> None:
        self._connections.close()

    def after_fork(self) -> None:
        self._connections.after_fork()

    # --- what is kept of what was said, and of events

    # Made, with their scripts, when somebody asks: who only counts does not pay for them. That is
    # where a program is configured, not in a thread: see `open_store`.

    @cached_property
    def records(self) -> KeepsRecords:
        from ecl_logging.stores.redis.records import RedisRecords

        return RedisRecords(self._server)

    @cached_property
    def messages(self) -> KeepsMessages:
        from ecl_logging.stores.redis.messages import RedisMessages

        return RedisMessages(self._server)

    @cached_property
    def events(self) -> KeepsEvents:
        from ecl_logging.stores.redis.events import RedisEvents

        return RedisEvents(self._server)

    # --- running a script

    def _run(
        self,
        read: Callable[[Any], _T],
        script: scripts.Script,
        group: str,
        *arguments: object,
        now: str | None = None,
        timeout: float = READ_SECONDS,
    ) -> _T:
        name = f"{self._prefix}{group}"
        keys = (f"{name}:@def", f"{name}:@events", f"{name}:@sources")
        place = Place(name, keys)
        return self._server.run(read, script, place, *arguments, now=now, timeout=timeout)


def _place_of_other(counts: Mapping[str, int]) -> int:
    return list(counts).index(OTHER) + 1 if OTHER in counts else 0


def _has_measures(cells: str) -> bool:
    """Whether an array of names may have cells of measures in it; looked for in C."""
    return '"@' in cells and any(f'"@{mark}' in cells for mark in "+-0=")


def _json(texts: Iterable[str]) -> str:
    """An array of them. Most need no escapes, and are only joined then."""
    listed = list(texts)
    joined = '","'.join(listed)
    if "\\" in joined or joined.count('"') != 2 * (len(listed) - 1):
        return json.dumps(listed, ensure_ascii=False)
    return f'["{joined}"]'
