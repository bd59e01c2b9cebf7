"""Whether a batch is the next one of its source: judged once, for all that comes in batches."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from ecl_logging.stores.keeping import Receipt
from ecl_logging.stores.protocols import (
    APPLIED,
    DUPLICATE,
    GAP,
    PRUNE_SECONDS,
    SOURCE_SECONDS,
)
from ecl_logging.stores.sql.tables import KEPT

if TYPE_CHECKING:
    import sqlite3

    from ecl_logging.stores.keeping import MessageBatch, RecordBatch
    from ecl_logging.stores.queueing import EventBatch
    from ecl_logging.stores.sql.families import Family

__all__ = ["Judged"]

_IN_BODY = ("pushed_out", "late", "ahead", "other", "token")  # of the receipt, as it was given


class Judged:
    """A batch, and what is known of its source within one transaction. Not thread safe."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        what: str,
        batch: RecordBatch | MessageBatch | EventBatch,
        family: Family = KEPT,
    ) -> None:
        """Creates the tables for the first batch of all. `what` is a row of the family's heads."""
        self._connection, self._what, self._batch = connection, what, batch
        self._family = family
        self._pruned = 0.0
        number, known = 0, Receipt(GAP)
        if family.are_there(connection):
            number, known = self._read()
        elif batch.number == 1:
            family.create(connection)
        self.refusal: Receipt | None = None
        """The receipt of a batch of which nothing is to be taken in."""
        if batch.number <= number:
            self.refusal = dataclasses.replace(known, status=DUPLICATE)
        elif batch.number != number + 1:
            self.refusal = Receipt(GAP, number, known.total, token=known.token)

    def _read(self) -> tuple[int, Receipt]:
        pruned, number, total, body = self._connection.execute(
            f"SELECT head.pruned, number, total, receipt FROM {self._family.heads} AS head"  # noqa: S608 - a constant
            f" LEFT JOIN {self._family.sources} AS known"
            " ON known.what = head.what AND source = ? WHERE head.what = ?",
            (self._batch.source, self._what),
        ).fetchone()
        self._pruned = float(pruned)
        if number is None:
            return 0, Receipt(GAP)
        return int(number), Receipt(APPLIED, int(number), int(total), **json.loads(body))

    def taken_in(self, receipt: Receipt, *, now: float) -> Receipt:
        """Note that the batch was taken in; return its receipt, completed."""
        batch = self._batch
        completed = dataclasses.replace(
            receipt, number=batch.number, total=batch.total, token=batch.token
        )
        body = {name: getattr(completed, name) for name in _IN_BODY}
        self._connection.execute(
            f"INSERT OR REPLACE INTO {self._family.sources} VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
            (self._what, batch.source, batch.number, str(batch.total), now, json.dumps(body)),
        )
        self._prune(now)
        return completed

    def _prune(self, now: float) -> None:
        """Hourly: forget silent sources."""
        if 0 <= now - self._pruned < PRUNE_SECONDS:
            return
        self._connection.execute(
            f"DELETE FROM {self._family.sources} WHERE what = ? AND at < ?",  # noqa: S608 - a constant
            (self._what, now - SOURCE_SECONDS),
        )
        self._connection.execute(
            f"UPDATE {self._family.heads} SET pruned = ? WHERE what = ?",  # noqa: S608 - a constant
            (now, self._what),
        )
