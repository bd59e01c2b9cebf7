"""The steps' tables, in SQL. One object serves one transaction."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain

from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import Definition, Reply, Source, as_defined
from ecl_logging.stores.sql.rows import MOST_PARAMETERS, in_slices, question_marks, text, words
from ecl_logging.stores.steps import Addition

__all__ = ["SqliteTables"]

# Many rows in one: see `sql.rows`.
_IDS = "group_concat(hex(id), ' ')"
_CELLS = (
    "group_concat(hex(id) || ' ' || CASE typeof(count) WHEN 'integer' THEN count ELSE '-' END, ' ')"
)


def _cells_of(packed: str | None) -> dict[str, int | None]:
    """Cell -> count, None where it holds no integer."""
    found = words(packed)
    counts = (None if word == "-" else int(word) for word in found[1::2])
    return dict(zip(map(text, found[::2]), counts, strict=True))


class SqliteTables:
    """See `steps.Tables`. Not thread safe."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    # --- definitions

    def groups(self) -> list[str]:
        return [row[0] for row in self._execute('SELECT "group" FROM definitions ORDER BY 1')]

    def definition(self, group: str) -> Definition | None:
        row = self._execute(
            f"""
            SELECT version, body,
                (SELECT {_IDS} FROM events WHERE "group" = ? AND typeof(id) = 'text')
            FROM definitions WHERE "group" = ?
            """,  # noqa: S608 - a constant
            (group, group),
        ).fetchone()
        if row is None:
            return None
        version, body_text, events = row
        body = json.loads(body_text)
        return as_defined(
            Definition(
                group=group,
                intervals=tuple(Interval.parse(text) for text in body["intervals"]),
                events=frozenset(map(text, words(events))),
                history=body["history"],
                max_events=body["max_events"],
                measures=frozenset(body["measures"]),
                cur_last_keys=body["cur_last_keys"],
                version=version,
            )
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
        for some in in_slices(definition.events, MOST_PARAMETERS // 2):
            self._execute(
                f"INSERT INTO events VALUES {question_marks(len(some), 2)}",  # noqa: S608 - question marks only
                list(chain.from_iterable((group, event_id) for event_id in some)),
            )

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
        """All cells that hold a number, under a name that is a text."""
        row = self._execute(
            f"""
            SELECT {_CELLS} FROM counts
            WHERE "group" = ? AND interval = ? AND start = ? AND typeof(id) = 'text'
            """,  # noqa: S608 - a constant
            (group, interval, start),
        ).fetchone()
        return {cell: n for cell, n in _cells_of(row[0]).items() if n is not None}

    def cells(
        self, group: str, buckets: Sequence[tuple[str, int]], ids: Collection[str]
    ) -> list[Mapping[str, object] | None]:
        found: list[dict[str, int | None] | None] = [None for _ in buckets]
        if not found:
            return []
        place = 'WHERE "group" = ? AND interval = ? AND start = ?'
        # In an empty bucket nothing is looked for: most groups have no totals.
        columns = f"""
            CASE WHEN EXISTS (SELECT 1 FROM counts {place}) THEN ifnull(
                (SELECT {_CELLS} FROM counts {place} AND id IN (SELECT id FROM wanted)), ''
            ) END
            """  # noqa: S608 - constants
        places = [(group, *bucket) * 2 for bucket in buckets]
        for some in in_slices(ids, max(1, MOST_PARAMETERS - 6 * len(places))):
            wanted = question_marks(len(some), 1)
            row = self._execute(
                f"WITH wanted(id) AS (VALUES {wanted}) SELECT {','.join([columns] * len(places))}",
                (*some, *chain.from_iterable(places)),
            ).fetchone()
            for number, packed in enumerate(row):
                if packed is not None:
                    found[number] = (found[number] or {}) | _cells_of(packed or None)
        return list(found)

    def count_undeclared(self, group: str, interval: str, start: int) -> int:
        row = self._execute(
            'SELECT count(*) FROM counts WHERE "group" = ? AND interval = ? AND start = ?'
            " AND id NOT GLOB '@*'"
            ' AND id NOT IN (SELECT id FROM events WHERE "group" = ?)',
            (group, interval, start, group),
        ).fetchone()
        return int(row[0])

    def add(self, group: str, additions: Iterable[Addition]) -> None:
        rows = (
            (group, interval, start, cell, n)
            for interval, start, counts in additions
            for cell, n in counts.items()
        )
        for some in in_slices(rows, MOST_PARAMETERS // 5):
            self._execute(
                f"INSERT INTO counts VALUES {question_marks(len(some), 5)}"  # noqa: S608 - question marks only
                ' ON CONFLICT ("group", interval, start, id)'
                " DO UPDATE SET count = count + excluded.count",
                list(chain.from_iterable(some)),
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

    def marks(self, group: str, reader: str) -> dict[str, int]:
        end = f" {reader}"
        rows = self._execute(
            'SELECT interval, start FROM rotations WHERE "group" = ?'
            " AND substr(interval, -length(?)) = ? AND typeof(start) = 'integer'",
            (group, end, end),
        ).fetchall()
        return {text.removesuffix(end): start for text, start in rows}


def _source(row: tuple[str, int, str, float, str]) -> Source:
    source, number, total, at, reply = row
    body = json.loads(reply)
    body["bad_cells"] = tuple(body["bad_cells"])
    return Source(source, number, int(total), at, Reply(**body))
