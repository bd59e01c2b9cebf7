"""The tables of records and messages, made when something is first kept; see `families`."""

from __future__ import annotations

from ecl_logging.stores.sql.families import Family

__all__ = ["KEPT", "MESSAGES", "RECORDS"]

# Two families of sources, and the rows of `kept`.
RECORDS, MESSAGES = "records", "messages"

# `kept` has how much there is, because counting 100,000 rows takes too long for each batch.
# Triggers keep it, so it is right whoever deletes an entry.
#
# Indexes of entries have few columns and are sorted by time, so what comes in goes to the same
# few pages of the file, and only entries that are meant are in them.
_STATEMENTS = (
    """
    CREATE TABLE kept (
        what TEXT PRIMARY KEY, -- 'records' or 'messages'
        pruned REAL NOT NULL DEFAULT 0, -- when silent sources were last looked for
        entries INTEGER NOT NULL DEFAULT 0,
        size INTEGER NOT NULL DEFAULT 0,
        pushed_out INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID
    """,
    "INSERT INTO kept (what) VALUES ('records'), ('messages')",
    """
    CREATE TABLE entries (
        number INTEGER PRIMARY KEY,
        token TEXT NOT NULL, -- random bits of the batch that made it
        kind TEXT NOT NULL,
        second INTEGER NOT NULL,
        first REAL NOT NULL,
        last REAL NOT NULL,
        repeats INTEGER NOT NULL,
        size INTEGER NOT NULL, -- bytes of the record
        is_open INTEGER NOT NULL DEFAULT 1, -- never claimed: repeats are added
        claimed_until REAL NOT NULL DEFAULT 0, -- by the store's clock; 0 when nobody has it
        record TEXT NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX entries_open ON entries (second, kind) WHERE is_open = 1",
    "CREATE INDEX entries_free ON entries (first) WHERE claimed_until = 0",
    "CREATE INDEX entries_claimed ON entries (claimed_until) WHERE claimed_until > 0",
    """
    CREATE TRIGGER entries_added AFTER INSERT ON entries BEGIN
        UPDATE kept SET entries = entries + 1, size = size + new.size WHERE what = 'records';
    END
    """,
    """
    CREATE TRIGGER entries_gone AFTER DELETE ON entries BEGIN
        UPDATE kept SET entries = entries - 1, size = size - old.size WHERE what = 'records';
    END
    """,
    """
    CREATE TRIGGER entries_changed AFTER UPDATE OF size ON entries WHEN new.size <> old.size BEGIN
        UPDATE kept SET size = size + new.size - old.size WHERE what = 'records';
    END
    """,
    """
    CREATE TABLE speakers (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        severity TEXT NOT NULL,
        UNIQUE (name, severity)
    )
    """,
    """
    CREATE TABLE message_hours (
        speaker INTEGER NOT NULL,
        start INTEGER NOT NULL,
        messages INTEGER NOT NULL DEFAULT 0, -- how many are told apart
        PRIMARY KEY (speaker, start)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE message_counts (
        speaker INTEGER NOT NULL,
        start INTEGER NOT NULL,
        message TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (speaker, start, message)
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER message_counts_added AFTER INSERT ON message_counts
    WHEN new.message <> '@other' BEGIN
        UPDATE message_hours SET messages = messages + 1
        WHERE speaker = new.speaker AND start = new.start;
    END
    """,
    """
    CREATE TRIGGER message_hours_gone AFTER DELETE ON message_hours BEGIN
        DELETE FROM message_counts WHERE speaker = old.speaker AND start = old.start;
    END
    """,
    """
    CREATE TABLE message_lines (
        number INTEGER PRIMARY KEY,
        speaker INTEGER NOT NULL,
        at TEXT NOT NULL, -- the time at its beginning, which sorts as text
        line TEXT NOT NULL
    )
    """,
    "CREATE INDEX message_lines_at ON message_lines (speaker, at)",
)

KEPT = Family("kept", "kept_sources", _STATEMENTS)
