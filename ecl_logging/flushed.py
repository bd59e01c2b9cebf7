"""Flushed: what is sent to a store by a flusher of its own, as programs see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecl_logging.flusher import Flusher

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from ecl_logging.stores.protocols import Store

__all__ = ["Flushed"]


class Flushed:
    """Sends what comes to a store. Thread safe. Also a context manager, which closes it."""

    _flusher: Flusher

    @property
    def store(self) -> Store:
        """Where it all goes."""
        store: Store = self._flusher.store
        return store

    @property
    def exit_timeout(self) -> float:
        """Seconds that `close` and the end of the process may spend on sending; 2 by default."""
        return self._flusher.exit_timeout

    @exit_timeout.setter
    def exit_timeout(self, seconds: float) -> None:
        self._flusher.exit_timeout = seconds

    def flush(self, timeout: float | None = None) -> bool:
        """Send all that is pending; True when nothing is left.

        Waits for the store, `timeout` seconds at most.
        """
        return self._flusher.flush(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Send what is pending, then take in no more. Safe to call twice.

        Takes `timeout` seconds at most (`exit_timeout` by default). What could not be sent is
        dropped as `shutdown`, with a warning; what comes later is dropped as `closed`.
        """
        self._flusher.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
