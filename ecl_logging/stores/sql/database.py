"""A database in memory. Imported when it is first needed, because it needs sqlite3."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable

from ecl_logging.stores.fork_gate import kept_from_forks

__all__ = ["new_database"]


class _Database(sqlite3.Connection):
    """Closes itself with the last reference: whose records they were has gone."""

    def __del__(
        self,
        # Here, because a module's names may be gone at the interpreter's end.
        is_finalizing: Callable[[], bool] = sys.is_finalizing,
        gate: type[kept_from_forks] = kept_from_forks,
    ) -> None:
        if is_finalizing():
            self.close()
            return
        with gate():
            self.close()


def new_database() -> sqlite3.Connection:
    """Return one that is empty, for any thread, but for one at a time."""
    database = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False, factory=_Database
    )
    database.execute("PRAGMA temp_store = MEMORY")  # a child would share a file
    return database
