"""What a store has beside counts, where it keeps that in SQL: made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecl_logging.stores.keeping import KeepsMessages, KeepsRecords
    from ecl_logging.stores.queueing import KeepsEvents
    from ecl_logging.stores.sql.keepers import Transactions

__all__ = ["KeptInSql"]


class KeptInSql:
    """A `Keeper` and a `QueueKeeper`. Thread safe.

    What does the work is not loaded before it is used: most programs count, and keep nothing.
    """

    _transactions: Transactions
    _clock: Callable[[], float]

    @cached_property
    def records(self) -> KeepsRecords:
        """Deduplicated records."""
        from ecl_logging.stores.sql.keepers import SqlRecords

        return SqlRecords(self._transactions, self._clock)

    @cached_property
    def messages(self) -> KeepsMessages:
        """Recent and common messages."""
        from ecl_logging.stores.sql.keepers import SqlMessages

        return SqlMessages(self._transactions, self._clock)

    @cached_property
    def events(self) -> KeepsEvents:
        """Queues of events."""
        from ecl_logging.stores.sql.queue_keeper import SqlEvents

        return SqlEvents(self._transactions, self._clock)
