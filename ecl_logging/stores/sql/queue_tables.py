"""The tables of queues, made when an event first comes in; see `families`."""

from __future__ import annotations

from ecl_logging.stores.sql.families import Family

__all__ = ["EVENTS", "FRESH", "HELD", "PAUSED", "QUEUES", "WAITING_AGAIN"]

EVENTS = "events"  # the row of `queues`

# States of a message.
FRESH = 0  # never handed out, as far as that counts, and nobody asked for a pause
PAUSED = 1  # never handed out either, but for a pause that is not over
WAITING_AGAIN = 2  # handed out before, and put back
HELD = 3  # handed out: somebody's until it is due

# Bodies are apart, so that handing out megabytes writes a few bytes for each message. Triggers
# keep the amounts of `queue_topics`, because counting a million rows takes too long for each
# batch; and they forget a body with its message, whoever deletes that.
#
# Each step finds its messages by an index that has only those that are meant, in their order:
# what waits behind them, or beside them in other topics, costs nothing.
_STATEMENTS = (
    """
    CREATE TABLE queues (
        what TEXT PRIMARY KEY, -- 'events'
        pruned REAL NOT NULL DEFAULT 0 -- when silent sources were last looked for
    ) WITHOUT ROWID
    """,
    "INSERT INTO queues (what) VALUES ('events')",
    """
    CREATE TABLE queue_topics (
        number INTEGER PRIMARY KEY,
        topic TEXT NOT NULL UNIQUE,
        messages INTEGER NOT NULL DEFAULT 0, -- that nobody has acknowledged
        dead_letters INTEGER NOT NULL DEFAULT 0
    )
    """,
    """
    CREATE TABLE queue_messages (
        number INTEGER PRIMARY KEY, -- larger than that of any message that is there
        topic INTEGER NOT NULL,
        token TEXT NOT NULL, -- random bits of the step that made it
        at REAL NOT NULL, -- when it came in, by the store's clock
        state INTEGER NOT NULL DEFAULT 0,
        due REAL NOT NULL DEFAULT 0, -- when it can be handed out; of no meaning where it is fresh
        deliveries INTEGER NOT NULL DEFAULT 0,
        holder INTEGER NOT NULL DEFAULT 0 -- random bits of the claim that handed it out last
    )
    """,
    "CREATE INDEX queue_fresh ON queue_messages (topic) WHERE state = 0",
    "CREATE INDEX queue_paused ON queue_messages (topic, due) WHERE state = 1",
    "CREATE INDEX queue_again ON queue_messages (topic, due) WHERE state >= 2",
    "CREATE INDEX queue_held ON queue_messages (topic, due) WHERE state = 3",
    "CREATE TABLE queue_bodies (number INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    # Numbers of dead letters are never used twice: who reads them in parts goes on after one.
    """
    CREATE TABLE queue_dead_letters (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        topic INTEGER NOT NULL,
        message INTEGER NOT NULL, -- its number
        token TEXT NOT NULL,
        deliveries INTEGER NOT NULL,
        at REAL NOT NULL,
        reason TEXT NOT NULL,
        body BLOB NOT NULL
    )
    """,
    "CREATE INDEX queue_dead ON queue_dead_letters (topic)",
    """
    CREATE TRIGGER queue_messages_added AFTER INSERT ON queue_messages BEGIN
        UPDATE queue_topics SET messages = messages + 1 WHERE number = new.topic;
    END
    """,
    """
    CREATE TRIGGER queue_messages_gone AFTER DELETE ON queue_messages BEGIN
        UPDATE queue_topics SET messages = messages - 1 WHERE number = old.topic;
        DELETE FROM queue_bodies WHERE number = old.number;
    END
    """,
    """
    CREATE TRIGGER queue_dead_letters_added AFTER INSERT ON queue_dead_letters BEGIN
        UPDATE queue_topics SET dead_letters = dead_letters + 1 WHERE number = new.topic;
    END
    """,
    """
    CREATE TRIGGER queue_dead_letters_gone AFTER DELETE ON queue_dead_letters BEGIN
        UPDATE queue_topics SET dead_letters = dead_letters - 1 WHERE number = old.topic;
    END
    """,
)

QUEUES = Family("queues", "queue_sources", _STATEMENTS)
