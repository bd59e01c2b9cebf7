"""Recent and common messages in Redis: each step of `keeping.KeepsMessages` is one script."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from ecl_logging.deadlines import Deadline
from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.stores.keeping import Common, Hour, MessageBatch, Receipt, Said
from ecl_logging.stores.redis.receipts import as_bytes, receipt_of
from ecl_logging.stores.redis.replies import text_of
from ecl_logging.stores.redis.scripts import Script
from ecl_logging.stores.redis.server import Place, Server

__all__ = ["RedisMessages"]

_SAY = Script("basics", "receipts", "hours", "say")
_SPEAKERS = Script("speakers")
_RECENT = Script("recent")
_COMMON = Script("common")
_NOW = Script("basics", "now")

# In one look, during which the server does nothing else.
_SPEAKERS_AT_ONCE = 100
_MESSAGES_AT_ONCE = 20_000


class RedisMessages:
    """Recent and common messages on one Redis server. Thread safe."""

    def __init__(self, server: Server) -> None:
        self._server = server
        prefix = server.prefix
        self._names = f"{prefix}recent:@names"
        self._own_keys = (f"{prefix}recent:@state", self._names, f"{prefix}recent:@sources")

    def say(self, batch: MessageBatch, *, timeout: float = 5.0) -> Receipt:
        said = [one for one in batch.said if one.lines or any(one.counts.values())]
        keys = [key for one in said for key in self._keys_of(one.name, one.severity)]
        return self._server.run(
            # Somebody in between may have said it, when the batch had been taken in.
            self._server.reading(receipt_of, StoreUnavailable),
            _SAY,
            self._place(*self._own_keys, *keys),
            batch.source,
            batch.number,
            batch.total,
            batch.token,
            batch.recent,
            batch.max_messages,
            as_bytes(json.dumps(list(map(_as_sent, said)), ensure_ascii=False)),
            timeout=timeout,
        )

    def _place(self, *keys: str | bytes) -> Place:
        return Place(self._server.prefix, keys)

    def _keys_of(self, name: str, severity: str) -> Iterator[bytes]:
        speaker = f"{name}:{severity}"
        yield as_bytes(f"{self._server.prefix}recent:{speaker}")
        for end in ("", ":last", ":start", ":pstart"):
            yield as_bytes(f"{self._server.prefix}common:{speaker}{end}")

    def speakers(self, *, timeout: float = 5.0) -> list[tuple[str, str]]:
        read = self._server.reading(_speakers_of)
        return self._server.run(read, _SPEAKERS, self._place(self._names), timeout=timeout)

    def recent(
        self, speakers: Sequence[tuple[str, str]], limit: int, *, timeout: float = 5.0
    ) -> list[list[str]]:
        if limit < 1:
            return [[] for _ in speakers]
        deadline, found = Deadline(timeout), list[list[str]]()
        for first in range(0, len(speakers), _SPEAKERS_AT_ONCE):
            some = speakers[first : first + _SPEAKERS_AT_ONCE]
            found += self._server.run(
                self._server.reading(_lists_of),
                _RECENT,
                self._place(*(next(self._keys_of(*speaker)) for speaker in some)),
                limit,
                timeout=deadline.seconds_left(),
            )
        return self._whole(found, speakers)

    def common(self, speakers: Sequence[tuple[str, str]], *, timeout: float = 5.0) -> list[Common]:
        deadline, found = Deadline(timeout), list[Common]()
        while len(found) < len(speakers):
            asked = speakers[len(found) : len(found) + _SPEAKERS_AT_ONCE]
            some = self._server.run(
                self._server.reading(_commons_of),
                _COMMON,
                self._place(*(k for one in asked for k in list(self._keys_of(*one))[1:])),
                _MESSAGES_AT_ONCE,
                timeout=deadline.seconds_left(),
            )
            if not some:
                break
            found += some
        return self._whole(found, speakers)

    def _whole(self, found: list[Any], speakers: Sequence[object]) -> list[Any]:
        if len(found) != len(speakers):
            raise StoreError(f"{self._server.shown}: holds what this library did not write")
        return found

    def now(self, *, timeout: float = 5.0) -> float:
        read = self._server.reading(lambda answer: float(text_of(answer)))
        return self._server.run(read, _NOW, self._place(), timeout=timeout)


def _as_sent(said: Said) -> list[object]:
    spoken = ((hour, counts) for hour, counts in said.counts.items() if counts)
    hours = [[hour, list(counts), list(counts.values())] for hour, counts in spoken]
    return [f"{said.name}:{said.severity}", said.lines, hours]


def _speakers_of(answer: Sequence[bytes]) -> list[tuple[str, str]]:
    parts = (text_of(speaker).rpartition(":") for speaker in answer)
    return sorted((name, severity) for name, colon, severity in parts if colon)


def _lists_of(answer: Sequence[Sequence[bytes]]) -> list[list[str]]:
    return [list(map(text_of, lines)) for lines in answer]


def _commons_of(answer: Sequence[Sequence[Any]]) -> list[Common]:
    return [
        Common(_hour_of(start, flat), _hour_of(last_start, last_flat))
        for start, flat, last_start, last_flat in answer
    ]


def _hour_of(text: bytes, flat: Sequence[bytes]) -> Hour | None:
    """An hour of a speaker; None where its start is not there, or none."""
    start = None
    with contextlib.suppress(ValueError):
        start = datetime.fromisoformat(text_of(text)).replace(tzinfo=UTC)
    if start is None:
        return None
    scores = zip(flat[::2], map(float, flat[1::2]), strict=True)
    counts = {text_of(m): int(n) for m, n in scores if math.isfinite(n) and n.is_integer()}
    return Hour(int(start.timestamp()), counts)
