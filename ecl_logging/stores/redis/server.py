"""One server as the steps see it: each runs a script there, and reads its answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from redis.exceptions import NoScriptError

from ecl_logging.deadlines import Deadline
from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.stores.redis.connection import Connections
from ecl_logging.stores.redis.errors import understood
from ecl_logging.stores.redis.replies import is_answer_to
from ecl_logging.stores.redis.scripts import Script

__all__ = ["READ_SECONDS", "Place", "Server"]

READ_SECONDS = 5.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a script works."""

    name: str  # ARGV[1]: what its keys have in common
    keys: Sequence[str | bytes]


class Server:
    """Runs scripts over connections that others may use as well. Thread safe."""

    def __init__(
        self, connections: Connections, *, prefix: str, clock: Callable[[], float] | None
    ) -> None:
        """`prefix`: before all keys. `clock`: the server's own if None."""
        self.shown = connections.shown
        self.connections = connections
        self.prefix = prefix
        self._clock = clock

    def reading(
        self, read: Callable[[Any], _T], kind: type[StoreError] = StoreError
    ) -> Callable[[Any], _T]:
        """Read an answer so, and say whose fault it is where that is none."""

        def reading(answer: Any) -> _T:
            with understood(self.shown, kind):
                return read(answer)

        return reading

    def run(
        self,
        read: Callable[[Any], _T],
        script: Script,
        place: Place,
        *arguments: object,
        now: str | None = None,
        timeout: float = READ_SECONDS,
    ) -> _T:
        """Run a script, and return what `read` makes of its answer.

        ARGV[2] is the question, which says by which clock; see basics.lua.
        """
        deadline = Deadline(timeout)
        if now is None and self._clock is not None:
            now = repr(self._clock())
        question = os.urandom(8).hex()
        asked = question if now is None else f"{question} {now}"
        words = (len(place.keys), *place.keys, place.name, asked, *arguments)

        def reading(pair: Any) -> _T:
            if not is_answer_to(question, pair):
                raise StoreUnavailable(f"{self.shown}: what came is no answer to what was asked")
            return read(pair[1])

        call = self.connections.call
        try:
            return call("EVALSHA", script.digest, *words, timeout=timeout, read=reading)
        except StoreError as error:
            # The only answer after which it is sent again here: it says that nothing was run.
            if not isinstance(error.__cause__, NoScriptError):
                raise
        return call("EVAL", script.text, *words, timeout=deadline.seconds_left(), read=reading)
