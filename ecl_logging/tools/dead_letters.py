"""What ecl-consume does with dead letters: they are listed, put back, or forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from ecl_logging.errors import EventError
from ecl_logging.tools.command import say
from ecl_logging.tools.printable import printable

if TYPE_CHECKING:
    from ecl_logging.events.queues.protocols import Queue
    from ecl_logging.stores.queueing import DeadLetter

__all__ = ["ACTIONS"]

_MOST_LISTED = 1_000  # of a topic
_LONGEST = 200  # characters of a text in a line


class _Action(Protocol):
    def __call__(self, queue: Queue, topics: Sequence[str], *, as_json: bool) -> None: ...


def _list(queue: Queue, topics: Sequence[str], *, as_json: bool) -> None:
    for topic in topics:
        letters = queue.dead_letters(topic, _MOST_LISTED)
        for letter in letters:
            print(_as_json(letter) if as_json else _as_line(letter))
        if len(letters) >= _MOST_LISTED:
            say("ecl-consume", f"of {topic} these are the oldest {_MOST_LISTED}")


def _as_line(letter: DeadLetter) -> str:
    deliveries = f"{letter.deliveries} deliver{'y' if letter.deliveries == 1 else 'ies'}"
    said = _shortened(_said(letter.body))
    return printable(f"{_time(letter)} {letter.topic} {deliveries} [{letter.reason}] {said}")


def _said(body: bytes) -> str:
    """What a message is about, if it is an event; else all of it."""
    from ecl_logging.events.envelope import parse

    try:
        event = parse(body)
    except EventError:
        return body[: 4 * _LONGEST].decode(errors="replace")
    header = event["header"]
    return f"{header['id']} {_shortened(header['channel'])} {json.dumps(event['payload'])}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _time(letter: DeadLetter) -> str:
    try:
        return datetime.fromtimestamp(letter.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):  # somebody else's, and no time of a calendar
        return "-"


def _as_json(letter: DeadLetter) -> str:
    return json.dumps(
        {
            "topic": letter.topic,
            "id": letter.id,
            "at": _time(letter),
            "deliveries": letter.deliveries,
            "reason": letter.reason,
            "body": letter.body.decode(errors="replace"),
        }
    )


def _done_with(verb: str, do: Callable[[Queue, str], int]) -> _Action:
    def action(queue: Queue, topics: Sequence[str], *, as_json: bool) -> None:  # noqa: ARG001
        for topic in topics:
            n = do(queue, topic)
            print(f"{verb} {n} dead letter{'' if n == 1 else 's'} of {topic}")

    return action


ACTIONS: dict[str, _Action] = {
    "list": _list,
    "replay": _done_with("put back", lambda queue, topic: queue.replay(topic)),
    "drop": _done_with("forgot", lambda queue, topic: queue.drop(topic)),
}
