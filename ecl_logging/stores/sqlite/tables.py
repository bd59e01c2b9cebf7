"""The steps' tables, in SQL. One object serves one transaction."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping

from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import Definition, Reply, Source

__all__ = ["SqliteTables"]

_CHUNK = 500  # well below the 999 parameters that older builds of SQLite allow


def _chunks(ids: Collection[str]) -> Iterator[list[str]]:
    listed = list(ids)
    for first in range(0, len(listed), _CHUNK):
        yield listed[first : first + _CHUNK]


def _marks(ids: Collection[str]) -> str:
    return ",".join("?" * len(ids))


class SqliteTables:
    """See `steps.Tables`. Not thread safe."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany

    # --- definitions

    def groups(self) -> list[str]:
        return [row[0] for row in self._execute('SELECT "group" FROM definitions ORDER BY 1')]

    def definition(self, group: str) -> Definition | None:
        row = self._execute(
            'SELECT version, body FROM definitions WHERE "group" = ?', (group,)
        ).fetchone()
        if row is None:
            return None
        body = json.loads(row[1])
        # Read to the end at once: a statement that an error leaves half read keeps its lock.
        events = self._execute('SELECT id FROM events WHERE "group" = ?', (group,)).fetchall()
        return Definition(
            group=group,
            intervals=tuple(Interval.parse(text) for text in body["intervals"]),
            events=frozenset(event_id for (event_id,) in events),
            history=body["history"],
            max_events=body["max_events"],
            measures=frozenset(body["measures"]),
            cur_last_keys=body["cur_last_keys"],
            version=row[0],
        )

    def save_definition(self, definition: Definition) -> None:
        body = {
            "intervals": [interval.text for interval in definition.intervals],
            "history": definition.history,
            "max_events": definition.max_events,
            "measures": sorted(definition.measures),
            "cur_last_keys": definition.cur_last_keys,
        }
        group = definition.group
        self._execute(
            'INSERT INTO definitions ("group", version, body) VALUES (?, ?, ?)'
            ' ON CONFLICT ("group") DO UPDATE SET version = excluded.version, body = excluded.body',
            (group, definition.version, json.dumps(body)),
        )
        self._execute('DELETE FROM events WHERE "group" = ?', (group,))
        self._executemany(
            "INSERT INTO events VALUES (?, ?)", [(group, event) for event in definition.events]
        )

    def declared(self, group: str, ids: Collection[str]) -> set[str]:
        found: set[str] = set()
        for chunk in _chunks(ids):
            rows = self._execute(
                f'SELECT id FROM events WHERE "group" = ? AND id IN ({_marks(chunk)})',  # noqa: S608 - question marks only
                (group, *chunk),
            )
            found.update(event_id for (event_id,) in rows)
        return found

    # --- sources

    def source(self, group: str, source: str) -> Source | None:
        row = self._execute(
            'SELECT source, number, total, at, reply FROM sources WHERE "group" = ? AND source = ?',
            (group, source),
        ).fetchone()
        return _source(row) if row else None

    def sources(self, group: str, *, since: float) -> list[Source]:
        rows = self._execute(
            'SELECT source, number, total, at, reply FROM sources WHERE "group" = ? AND at >= ?'
            " ORDER BY at",
            (group, since),
        )
        return [_source(row) for row in rows.fetchall()]

    def save_source(self, group: str, source: Source) -> None:
        reply = json.dumps(dataclasses.asdict(source.reply))
        self._execute(
            "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?, ?)",
            (group, source.source, source.number, str(source.total), source.at, reply),
        )

    def pruned(self, group: str) -> float:
        row = self._execute('SELECT pruned FROM definitions WHERE "group" = ?', (group,)).fetchone()
        return float(row[0]) if row else 0.0

    def prune_sources(self, group: str, *, now: float, silent_since: float) -> None:
        self._execute('DELETE FROM sources WHERE "group" = ? AND at < ?', (group, silent_since))
        self._execute('UPDATE definitions SET pruned = ? WHERE "group" = ?', (now, group))

    # --- buckets

    def bucket(self, group: str, interval: str, start: int) -> dict[str, int]:
        """All cells that hold a number, under a text: anybody may have written here."""
        rows = self._execute(
            'SELECT id, count FROM counts WHERE "group" = ? AND interval = ? AND start = ?'
            " AND typeof(count) = 'integer' AND typeof(id) = 'text'",
            (group, interval, start),
        )
        return dict(rows.fetchall())

    def cells(
        self, group: str, interval: str, start: int, ids: Collection[str]
    ) -> Mapping[str, object]:
        found: dict[str, object] = {}
        for chunk in _chunks(ids):
            rows = self._execute(
                'SELECT id, count FROM counts WHERE "group" = ? AND interval = ? AND start = ?'  # noqa: S608 - question marks only
                f" AND id IN ({_marks(chunk)})",
                (group, interval, start, *chunk),
            )
            found.update(rows.fetchall())
        return found

    def is_empty(self, group: str, interval: str, start: int) -> bool:
        row = self._execute(
            'SELECT 1 FROM counts WHERE "group" = ? AND interval = ? AND start = ? LIMIT 1',
            (group, interval, start),
        ).fetchone()
        return row is None

    def count_undeclared(self, group: str, interval: str, start: int) -> int:
        row = self._execute(
            'SELECT count(*) FROM counts WHERE "group" = ? AND interval = ? AND start = ?'
            " AND id NOT GLOB '@*'"
            ' AND id NOT IN (SELECT id FROM events WHERE "group" = ?)',
            (group, interval, start, group),
        ).fetchone()
        return int(row[0])

    def add(self, group: str, interval: str, start: int, counts: Mapping[str, int]) -> None:
        self._executemany(
            "INSERT INTO counts VALUES (?, ?, ?, ?, ?)"
            ' ON CONFLICT ("group", interval, start, id)'
            " DO UPDATE SET count = count + excluded.count",
            [(group, interval, start, cell, n) for cell, n in counts.items()],
        )

    def drop_before(self, group: str, interval: str, start: int) -> None:
        self._execute(
            'DELETE FROM counts WHERE "group" = ? AND interval = ? AND start < ?',
            (group, interval, start),
        )

    def stored_intervals(self, group: str) -> Iterable[str]:
        rows = self._execute('SELECT DISTINCT interval FROM counts WHERE "group" = ?', (group,))
        return [text for (text,) in rows.fetchall()]

    # --- rotation

    def rotated(self, group: str, interval: str) -> int | None:
        row = self._execute(
            'SELECT start FROM rotations WHERE "group" = ? AND interval = ?', (group, interval)
        ).fetchone()
        return int(row[0]) if row else None

    def save_rotated(self, group: str, interval: str, start: int) -> None:
        self._execute("INSERT OR REPLACE INTO rotations VALUES (?, ?, ?)", (group, interval, start))


def _source(row: tuple[str, int, str, float, str]) -> Source:
    source, number, total, at, reply = row
    body = json.loads(reply)
    body["bad_cells"] = tuple(body["bad_cells"])
    return Source(source, number, int(total), at, Reply(**body))
