"""What the scripts answer, as the protocol's values; `docs/wire-format.md` has the forms."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import (
    APPLIED,
    DUPLICATE,
    GAP,
    MAX_CELL,
    UNDEFINED,
    Bucket,
    Definition,
    Finished,
    Reply,
    Source,
    as_defined,
)

__all__ = [
    "buckets_of",
    "definition_of",
    "finished_of",
    "intervals_text",
    "is_answer_to",
    "measures_text",
    "names_of",
    "number_of",
    "reply_of",
    "sources_of",
    "text_of",
    "version_of",
]

Flat: TypeAlias = Sequence[bytes]


def text_of(value: bytes) -> str:
    """Decode a text; what somebody else has written need not be UTF-8."""
    return value.decode("utf-8", "replace")


def is_answer_to(question: str, pair: object) -> bool:
    """Whether this is what a script has answered to the question: its word, and what is said."""
    return isinstance(pair, list) and len(pair) == 2 and pair[0] == question.encode()


def number_of(value: Any) -> int:
    """A number that the server has counted itself."""
    if type(value) is not int:
        raise TypeError(f"{type(value).__name__} is no number")
    return value


def version_of(value: bytes) -> int:
    """The version that a definition has become; 0 where it has not."""
    return int(text_of(value)) if value else 0


def names_of(answer: Iterable[bytes]) -> list[str]:
    """The names of groups."""
    return sorted(map(text_of, answer))


def intervals_text(intervals: Iterable[Interval]) -> str:
    """Intervals as they are stored, such as `5s=5 5m=300`."""
    return " ".join(f"{interval.text}={interval.seconds}" for interval in intervals)


def measures_text(measures: Iterable[str]) -> str:
    """Measures as they are stored."""
    return json.dumps(sorted(measures), ensure_ascii=False)


def definition_of(group: str, answer: Flat) -> Definition | None:
    """A definition with its IDs; None for a group that is not known."""
    if not answer:
        return None
    version, history, max_events, cur_last_keys, intervals, measures = answer[:6]
    texts = (part.partition("=")[0] for part in text_of(intervals).split())
    return as_defined(
        Definition(
            group=group,
            intervals=tuple(Interval.parse(text) for text in texts),
            events=frozenset(map(text_of, answer[6:])),
            history=int(history),
            max_events=int(max_events),
            measures=frozenset(json.loads(measures)),
            cur_last_keys=cur_last_keys == b"1",
            version=int(version),
        )
    )


def reply_of(answer: Flat) -> Reply:
    """What became of a batch."""
    status, *numbers = map(text_of, answer)
    if status == UNDEFINED:
        return Reply(UNDEFINED)
    if status not in {APPLIED, DUPLICATE, GAP}:
        raise ValueError(f"{status!r} is nothing that becomes of a batch")
    if status == GAP:
        version, number, total, dropped = map(int, numbers)
        return Reply(GAP, version, number, total - dropped)
    version, number, total, late, ahead, other, dropped = map(int, numbers[:7])
    token, *bad_cells = numbers[7:]
    amounts = (late, ahead, other, dropped)
    return Reply(status, version, number, total, *amounts, tuple(bad_cells), token)


def buckets_of(answer: Sequence[Any]) -> tuple[str, list[Bucket]]:
    """The server's time, and buckets with the cells that hold a number."""
    now, *buckets = answer
    return text_of(now), list(map(_bucket_of, buckets))


def _bucket_of(answer: Flat) -> Bucket:
    start, *flat = answer
    cells = {}
    for cell, value in zip(flat[::2], flat[1::2], strict=True):
        # As HINCRBY makes them; int() would also take blanks, signs and thousands of digits.
        if value.removeprefix(b"-").isdigit() and len(value) <= 20 and abs(int(value)) <= MAX_CELL:
            cells[text_of(cell)] = int(value)
    return Bucket(int(start), cells)


def finished_of(answer: Flat) -> list[Finished]:
    """Finished buckets in the order of their ends."""
    finished = [
        Finished(Interval.parse(text_of(text)), int(start))
        for text, start in zip(answer[::2], answer[1::2], strict=True)
    ]
    return sorted(finished, key=lambda one: (one.start + one.interval.seconds, one.start))


def sources_of(answer: Flat, *, silent_seconds: float) -> list[Source]:
    """The sources that counted within so many seconds, those that were silent longest first."""
    now, *flat = answer
    known = (_source(name, record) for name, record in zip(flat[::2], flat[1::2], strict=True))
    since = float(now) - silent_seconds
    return sorted((s for s in known if s.number and s.at >= since), key=lambda source: source.at)


def _source(name: bytes, record: bytes) -> Source:
    first, *bad_cells = text_of(record).split("\n")
    number, total, at, late, ahead, other, dropped, version, token = first.split(" ")
    reply = Reply(
        APPLIED,
        version=int(version),
        number=int(number),
        total=int(total),
        late=int(late),
        ahead=int(ahead),
        other=int(other),
        dropped=int(dropped),
        bad_cells=tuple(bad_cells),
        token=token,
    )
    return Source(text_of(name), reply.number, reply.total, float(at), reply)
