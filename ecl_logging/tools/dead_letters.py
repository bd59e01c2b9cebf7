"""What ecl-consume does with dead letters: they are listed, put back, or forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from ecl_logging.tools.printable import printable

if TYPE_CHECKING:
    from ecl_logging.events.queues.protocols import Queue
    from ecl_logging.stores.queueing import DeadLetter

__all__ = ["ACTIONS"]

_MOST_LISTED = 10_000  # of a topic
_LONGEST = 200  # characters of a body that is no event


class _Action(Protocol):
    def __call__(self, queue: Queue, topics: Sequence[str], *, as_json: bool) -> None: ...


def _list(queue: Queue, topics: Sequence[str], *, as_json: bool) -> None:
    for topic in topics:
        for letter in queue.dead_letters(topic, _MOST_LISTED):
            print(_as_json(letter) if as_json else _as_line(letter))


def _as_line(letter: DeadLetter) -> str:
    at = datetime.fromtimestamp(letter.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = letter.body.decode(errors="replace")
    shown = body if len(body) <= _LONGEST else f"{body[:_LONGEST]}..."
    deliveries = f"{letter.deliveries} deliver{'y' if letter.deliveries == 1 else 'ies'}"
    return printable(f"{at} {letter.topic} {deliveries} [{letter.reason}] {shown}")


def _as_json(letter: DeadLetter) -> str:
    return json.dumps(
        {
            "topic": letter.topic,
            "id": letter.id,
            "at": datetime.fromtimestamp(letter.at, UTC).isoformat(),
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
