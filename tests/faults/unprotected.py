"""The library with one of its protections taken out: the controls, which must count wrongly.

Programs that the tests start do it to themselves, by the same names.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence

import pytest
import redis

from ecl_logging.stores.redis import events as redis_events
from ecl_logging.stores.redis import scripts
from ecl_logging.stores.redis import server as redis_server
from ecl_logging.stores.redis import store as redis_store
from ecl_logging.stores.redis.errors import translated

_DUPLICATES = "number <= tonumber(known_number)"
_GAPS = "number ~= tonumber(known_number) + 1"
_OF_EVENTS = ("known > 0 and number <= known", "number ~= known + 1")


def script_without(script: scripts.Script, *checks: str) -> scripts.Script:
    """The script, with these checks always passed."""
    text = script.text
    for check in checks:
        assert check in text
        text = text.replace(check, "false")
    script = copy.copy(script)
    script.text = text
    script.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return script


WITHOUT_SEQUENCE_CHECK = script_without(scripts.APPLY, _DUPLICATES, _GAPS)
WITHOUT_GAP_CHECK = script_without(scripts.APPLY, _GAPS)

BATCH_SCRIPTS = (scripts.APPLY, WITHOUT_SEQUENCE_CHECK, WITHOUT_GAP_CHECK)
_WORDS = {word.encode() for script in BATCH_SCRIPTS for word in (script.digest, script.text)}


def is_batch(words: Sequence[bytes]) -> bool:
    """Whether these words ask a server to count a batch, by any of the scripts."""
    return words[0] in {b"EVALSHA", b"EVAL"} and words[1] in _WORDS


def count_whatever_number(patch: pytest.MonkeyPatch) -> None:
    """Count each batch that reaches the server, whatever number it has."""
    patch.setattr(redis_store.scripts, "APPLY", WITHOUT_SEQUENCE_CHECK)


def take_in_whatever_number(patch: pytest.MonkeyPatch) -> None:
    """Take in each batch of events that reaches the server, whatever number it has."""
    script = script_without(redis_events._PUBLISH, *_OF_EVENTS)
    patch.setattr(redis_events, "_PUBLISH", script)


def accept_gaps(patch: pytest.MonkeyPatch) -> None:
    """Count a batch even where those before it are missing."""
    patch.setattr(redis_store.scripts, "APPLY", WITHOUT_GAP_CHECK)


def answer_anything(patch: pytest.MonkeyPatch) -> None:
    """Take an answer for that to a question, whatever was asked."""
    patch.setattr(redis_server, "is_answer_to", lambda *_: True)


class RetryingConnections:
    """A client of redis-py's in the place of our connections, with its own retries left on."""

    def __init__(self, client: redis.Redis, shown: str) -> None:
        self._client, self.shown = client, shown
        self.trusts_anybody = False

    def call(self, *command: object, timeout: float, read: Callable[[object], object]) -> object:
        with translated(self.shown):
            return read(self._client.execute_command(*command))

    def close(self) -> None:
        self._client.close()
