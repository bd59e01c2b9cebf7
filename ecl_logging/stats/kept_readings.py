"""What was read from a store a moment ago, and that it could not be read: for who only looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import NamedTuple, TypeVar, cast

from ecl_logging.deadlines import STEP_SECONDS
from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.lifetime import watch_forks
from ecl_logging.locks import Interrupted, do_alone

__all__ = ["KeptReadings"]

_T = TypeVar("_T")

_KEPT_SECONDS = 1.0
_AWAY_SECONDS = 5.0


class _Kept(NamedTuple):
    until: float
    value: object  # or a StoreError


class KeptReadings:
    """Readings of one store by their keys. Thread safe; can be used in forked children.

    A page asks for many things of a store, and many look at a page. So a reading is kept for a
    second. When one finds that the store cannot be reached, all others fail with the same words
    for the next five seconds, and none of them waits for its own time-out. One thread reads at a
    time, since the others mostly want the same.
    """

    def __init__(self) -> None:
        """With nothing read yet."""
        self._lock = threading.RLock()
        self._kept: dict[Hashable, _Kept] = {}
        self._away = _Kept(0.0, None)
        watch_forks(self)

    def get(self, key: Hashable, read: Callable[[], _T]) -> _T:
        """Return what `read` returns or has returned for the key. Raises StoreError as it does.

        And where other threads take too long, or this one is reading already.
        """
        found = self._found(key)
        if found is None:
            try:
                found = do_alone(self._lock, lambda: self._read(key, read), timeout=STEP_SECONDS)
            except Interrupted:  # by a signal handler that looks at the tree
                found = None
        found = found or self._found(key)  # what it was that took so long
        if found is None:
            raise StoreUnavailable("the store is just being read")
        if isinstance(found.value, StoreError):
            # Not the same object, which would grow a traceback with each that it is raised in.
            raise type(found.value)(str(found.value))
        return cast(_T, found.value)

    def _found(self, key: Hashable) -> _Kept | None:
        now = time.monotonic()
        kept = self._kept.get(key)
        if kept is not None and now < kept.until:
            return kept
        return self._away if now < self._away.until else None

    def _read(self, key: Hashable, read: Callable[[], object]) -> _Kept:
        found = self._found(key)  # by another thread, while this one waited
        if found is not None:
            return found
        try:
            value = read()
        except StoreUnavailable as error:
            self._away = _Kept(time.monotonic() + _AWAY_SECONDS, _without_traceback(error))
            return self._away
        except StoreError as error:  # of this key only: others may be well
            value = _without_traceback(error)
        now = time.monotonic()
        still = {other: kept for other, kept in self._kept.items() if now < kept.until}
        kept = still[key] = _Kept(now + _KEPT_SECONDS, value)
        self._kept = still
        return kept

    def after_fork(self) -> None:
        """Have a lock that nobody holds. Called in the child; only assigns."""
        self._lock = threading.RLock()


def _without_traceback(error: StoreError) -> StoreError:
    """An error of the same words, which keeps no frame alive."""
    return type(error)(str(error))
