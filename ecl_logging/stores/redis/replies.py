"""What the scripts answer, as the protocol's values; `docs/wire-format.md` has the forms."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, AnyStr, TypeAlias

from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import (
    APPLIED,
    DUPLICATE,
    GAP,
    MAX_CELL,
    MIN_CELL,
    UNDEFINED,
    Bucket,
    Definition,
    Finished,
    Reply,
    Source,
    as_defined,
)

__all__ = [
    "KnownIds",
    "buckets_of",
    "cells_of",
    "definition_of",
    "finished_of",
    "intervals_text",
    "is_answer_to",
    "marks_of",
    "measures_text",
    "names_of",
    "number_of",
    "part_of",
    "reply_of",
    "sources_of",
    "text_of",
    "totals_of",
    "version_of",
]

Flat: TypeAlias = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class KnownIds:
    """The declared IDs of a group, and the token of the change since which they are these."""

    token: str
    events: frozenset[str]


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


def definition_of(
    group: str, known: KnownIds | None, answer: Flat
) -> tuple[Definition, KnownIds] | None:
    """A definition, and its IDs for the next question; None for a group that is not known."""
    if not answer:
        return None
    version, history, max_events, cur_last_keys, intervals, measures, token, ids = answer
    if ids or known is None:
        known = KnownIds(text_of(token or b""), frozenset(_texts_of(ids)))
    texts = (part.partition("=")[0] for part in text_of(intervals).split())
    definition = Definition(
        group=group,
        intervals=tuple(Interval.parse(text) for text in texts),
        events=known.events,
        history=int(history),
        max_events=int(max_events),
        measures=frozenset(json.loads(measures)),
        cur_last_keys=cur_last_keys == b"1",
        version=int(version),
    )
    return as_defined(definition), known


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


def buckets_of(answer: Sequence[Any]) -> tuple[str, list[tuple[Bucket, int]]]:
    """The server's time, and buckets with how many cells each has.

    One that has some, and is empty here, has too many to be told so.
    """
    now, *buckets = answer
    return text_of(now), [
        (Bucket(int(start), _counts_in(_texts_of(array) if array else [])), number_of(size))
        for start, size, array in buckets
    ]


def totals_of(answer: Sequence[Any]) -> tuple[int, int, dict[str, int]] | None:
    """Since when there are totals, how many cells they have, and these unless they are too many.

    None for a group that is not known.
    """
    if not answer:
        return None
    since, size, array = answer
    return int(since), number_of(size), _counts_in(_texts_of(array) if array else [])


def marks_of(reader: str, answer: Any) -> dict[str, int]:
    """How far one reader has come, among the marks of all, by the texts of intervals."""
    end = f" {reader}"
    marks = cells_of(answer)
    return {name.removesuffix(end): marks[name] for name in marks if name.endswith(end)}


def _texts_of(array: bytes) -> list[str]:
    """The texts of a JSON array; Lua writes an empty one as an object."""
    return list(json.loads(text_of(array), strict=False))


def cells_of(answer: Any) -> dict[str, int]:
    """What the server says of a hash, as an array or, in the newer protocol, as a map."""
    if isinstance(answer, dict):
        names, values = list(answer), list(answer.values())
    else:
        names, values = answer[::2], answer[1::2]
    texts = text_of(b"\n".join(names)).split("\n")  # at once, in C
    if len(texts) != len(names):
        texts = list(map(text_of, names))
    return _counts_of(texts, values)


def part_of(answer: Any) -> tuple[bytes, dict[str, int]]:
    """Where a walk through a hash goes on, and the cells that it has come to."""
    cursor, flat = answer
    return cursor, cells_of(flat)


def _counts_in(flat: Sequence[str]) -> dict[str, int]:
    return _counts_of(flat[::2], flat[1::2])


def _counts_of(cells: Sequence[str], values: Sequence[AnyStr]) -> dict[str, int]:
    """The cells that hold a number, as HINCRBY makes it."""
    if len(cells) != len(values):
        raise ValueError("cells without values")
    digits = values[0][:0].join(values) if values else b""
    if digits.isdigit() and digits.isascii():  # the usual case, without a look at each
        with contextlib.suppress(ValueError):
            counts = dict(zip(cells, map(int, values), strict=True))
            if max(counts.values()) <= MAX_CELL:
                return counts
    return {c: int(v) for c, v in zip(cells, values, strict=True) if _is_number(v)}


def _is_number(value: str | bytes) -> bool:
    # int() would also take blanks, signs and thousands of digits.
    if not (value.isascii() and value[value[:1] in ("-", b"-") :].isdigit() and len(value) <= 20):
        return False
    return MIN_CELL <= int(value) <= MAX_CELL


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
