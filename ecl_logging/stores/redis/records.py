"""Deduplicated records in Redis: each step of `keeping.KeepsRecords` is one script."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores.keeping import (
    AT_ONCE,
    CLAIM_SECONDS,
    Entry,
    Receipt,
    RecordBatch,
    Waiting,
)
from ecl_logging.stores.redis.receipts import as_bytes, receipt_of
from ecl_logging.stores.redis.replies import number_of, text_of
from ecl_logging.stores.redis.scripts import Script
from ecl_logging.stores.redis.server import Place, Server

__all__ = ["RedisRecords"]

_PUT = Script("basics", "receipts", "records", "put")
_CLAIM = Script("basics", "records", "claim")
_ACK = Script("basics", "records", "ack")
_WAITING = Script("basics", "records", "waiting")

_KEYS = ("state", "waiting", "sources", "claimed", "about", "text", "open")


class RedisRecords:
    """Records that wait for a gatherer, on one Redis server. Thread safe."""

    def __init__(self, server: Server) -> None:
        self._server = server
        name = f"{server.prefix}@records"
        self._place = Place(name, [f"{name}:{key}" for key in _KEYS])

    def put(self, batch: RecordBatch, *, timeout: float = 5.0) -> Receipt:
        return self._server.run(
            # Somebody in between may have said it, when the batch had been taken in.
            self._server.reading(receipt_of, StoreUnavailable),
            _PUT,
            self._place,
            batch.source,
            batch.number,
            batch.total,
            batch.token,
            batch.max_kinds,
            batch.max_bytes,
            *_entries_as_sent(batch),
            timeout=timeout,
        )

    def claim(
        self, limit: int, *, seconds: float = CLAIM_SECONDS, timeout: float = 5.0
    ) -> list[Entry]:
        if limit < 1:
            return []
        return self._server.run(
            self._server.reading(_entries_of),
            _CLAIM,
            self._place,
            min(limit, AT_ONCE),
            float(seconds),
            timeout=timeout,
        )

    def ack(self, ids: Collection[str], *, timeout: float = 5.0) -> int:
        different = dict.fromkeys(ids)
        if not different:
            return 0
        return self._server.run(
            self._server.reading(number_of),
            _ACK,
            self._place,
            *map(as_bytes, different),
            timeout=timeout,
        )

    def waiting(self, *, timeout: float = 5.0) -> Waiting:
        return self._server.run(
            self._server.reading(_waiting_of),
            _WAITING,
            self._place,
            timeout=timeout,
        )


def _entries_as_sent(batch: RecordBatch) -> Iterator[object]:
    for entry in batch.entries:
        times = f"{float(entry.first)!r} {float(entry.last)!r}"
        yield f"{entry.kind} {entry.second} {times} {entry.repeats}"
        yield as_bytes(entry.record)


def _entries_of(answer: Sequence[bytes]) -> list[Entry]:
    parts = zip(answer[::3], answer[1::3], answer[2::3], strict=True)
    return [_entry(*map(text_of, part)) for part in parts]


def _entry(id_: str, about: str, record: str) -> Entry:
    kind, second, first, last, repeats, _ = about.split(" ")
    return Entry(id_, kind, int(second), float(first), float(last), int(repeats), record)


def _waiting_of(answer: Sequence[bytes | int]) -> Waiting:
    entries, claimed, size, pushed_out = map(int, answer)
    return Waiting(entries, claimed, size, pushed_out)
