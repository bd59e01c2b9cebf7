"""FastHandler: what handlers of ours share. No lock, and a fast path in the place of `handle`.

Importing this module costs little more than `logging`.
"""

from __future__ import annotations

import logging
import weakref
from threading import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["FastHandler"]


class FastHandler(logging.Handler):
    """A handler that never waits, never raises, and never changes a record.

    What a class makes of a record is in `_take`. It may make a `_fast_path`, which takes the place
    of `handle` unless somebody has put ways of his own there.
    """

    only_counts = True  # shows no record to anybody; see `notices`
    is_closed = False
    _has_own_ways = False  # not those of the class
    _flushing: set[object] = set()  # noqa: RUF012 - the instance's is that of all; see `fast_path`

    @property
    def filters(self) -> list[Any]:
        """The handler's filters, as every handler has them."""
        return self._filters

    @filters.setter
    def filters(self, filters: list[Any]) -> None:
        self._filters = filters
        self._take_the_fast_path()
        self._forget_shortcuts()

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute; what somebody sets in the place of our methods is what is called."""
        super().__setattr__(name, value)
        if name in _OWN_WAYS:
            self._has_own_ways = True
            if name != "handle":
                vars(self).pop("handle", None)
            self._forget_shortcuts()

    def _fast_path(
        self, filters: list[Any], carefully: Callable[[logging.LogRecord], bool]
    ) -> Callable[[logging.LogRecord], bool]:
        """Return what handles a record, and those that it does not know `carefully`."""
        return carefully

    def _forget_shortcuts(self) -> None:
        """Forget what has been made of the handler as it was."""

    def _take(self, record: logging.LogRecord) -> None:
        """Make of the record what there is to make."""
        raise NotImplementedError

    def _take_failed(self, record: logging.LogRecord) -> None:
        """Note that this has raised."""

    def _take_the_fast_path(self) -> None:
        """Put what is made for these filters in the place of `handle`.

        Not where a class built on this one has its own ways.
        """
        if not self._is_plain():
            return
        me = weakref.ref(self)  # so that there is no cycle: a handler that is dropped is gone

        def carefully(record: logging.LogRecord) -> bool:
            handler = me()
            return handler is not None and FastHandler.handle(handler, record)

        vars(self)["handle"] = self._fast_path(self._filters, carefully)

    def _is_plain(self) -> bool:
        return not self._has_own_ways and all(
            getattr(type(self), name) is own for name, own in _OWN_WAYS.items()
        )

    def handle(self, record: logging.LogRecord) -> bool:
        """Take the record unless a filter drops it. Takes no lock: there is no need for one.

        This is the careful way, of records whose kind is new; see `fast_path` for the others.
        """
        passed: Any = self.filter(record) if self.filters else True
        if passed:
            # Since 3.12 a filter may return another record in place of this one.
            self.emit(record if passed is True else passed)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Take the record. Never waits, never raises, never changes it."""
        if self._flushing and get_ident() in self._flushing:
            return  # logged by the flush itself: taking it would make work without end
        try:
            self._take(record)
        except Exception:  # noqa: BLE001 - an attribute of the record can raise anything
            self._take_failed(record)


_OWN_WAYS = {
    "emit": FastHandler.emit,
    "filter": FastHandler.filter,
    "handle": FastHandler.handle,
}
