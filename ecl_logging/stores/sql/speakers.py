"""Loggers and severities, by the number that each has in the other tables of messages."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

from ecl_logging.stores.sql.rows import (
    MOST_PARAMETERS,
    in_slices,
    question_marks,
    slices_of_rows,
    text,
    words,
)

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Speaker", "known_numbers", "numbers", "speakers"]

Speaker = tuple[str, str]
"""A logger's name, and a severity."""


def numbers(connection: sqlite3.Connection, asked: Iterable[Speaker]) -> dict[Speaker, int]:
    """The number of each, new ones included."""
    listed = sorted(asked)
    known = known_numbers(connection, listed)
    new = [speaker for speaker in listed if speaker not in known]
    for marks, values in slices_of_rows(new, 2):
        connection.execute(f"INSERT INTO speakers (name, severity) VALUES {marks}", values)  # noqa: S608 - question marks only
    return known | (known_numbers(connection, new) if new else {})


def known_numbers(connection: sqlite3.Connection, asked: Iterable[Speaker]) -> dict[Speaker, int]:
    """The number of each that has one."""
    known: dict[Speaker, int] = {}
    for some in in_slices(dict.fromkeys(asked), MOST_PARAMETERS // 2):
        packed = connection.execute(
            f"""
            WITH asked (name, severity) AS (VALUES {question_marks(len(some), 2)})
            SELECT group_concat(number || ' ' || hex(name) || ' ' || hex(severity), ' ')
            FROM asked CROSS JOIN speakers USING (name, severity)
            """,  # noqa: S608 - question marks only
            list(chain.from_iterable(some)),
        ).fetchone()[0]
        found = words(packed)
        names = zip(map(text, found[1::3]), map(text, found[2::3]), strict=True)
        known |= dict(zip(names, map(int, found[::3]), strict=True))
    return known


def speakers(connection: sqlite3.Connection) -> list[Speaker]:
    """Who has said something; see `KeepsMessages.speakers`."""
    packed = connection.execute(
        """
        SELECT group_concat(hex(name) || ' ' || hex(severity), ' ') FROM speakers
        WHERE EXISTS (SELECT 1 FROM message_lines WHERE speaker = speakers.number)
        OR EXISTS (SELECT 1 FROM message_hours WHERE speaker = speakers.number)
        """
    ).fetchone()[0]
    found = words(packed)
    return sorted(zip(map(text, found[::2]), map(text, found[1::2]), strict=True))
