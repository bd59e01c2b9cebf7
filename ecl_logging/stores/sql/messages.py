"""How a batch of messages is taken in: the writing step of `KeepsMessages`."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from ecl_logging.stores.keeping import MessageBatch, Receipt
from ecl_logging.stores.protocols import APPLIED
from ecl_logging.stores.sql import lines as recent_lines
from ecl_logging.stores.sql.hours import Additions
from ecl_logging.stores.sql.sources import Judged
from ecl_logging.stores.sql.speakers import Speaker, numbers
from ecl_logging.stores.sql.tables import MESSAGES

if TYPE_CHECKING:
    import sqlite3

__all__ = ["say"]


def say(connection: sqlite3.Connection, batch: MessageBatch, *, now: float) -> Receipt:
    """Take in a batch once; see `KeepsMessages.say`."""
    judged = Judged(connection, MESSAGES, batch)
    if judged.refusal is not None:
        return judged.refusal
    lines: defaultdict[Speaker, list[str]] = defaultdict(list)
    counts: defaultdict[Speaker, dict[int, Counter[str]]] = defaultdict(dict)
    for said in batch.said:
        speaker = (said.name, said.severity)
        if said.lines:
            lines[speaker] += said.lines
        for start, messages in said.counts.items():
            if messages:
                counts[speaker].setdefault(start, Counter()).update(messages)
    number = numbers(connection, lines.keys() | counts.keys())
    additions = Additions(connection, most=batch.max_messages, now=now)
    additions.add({number[speaker]: hours for speaker, hours in counts.items()})
    additions.write()
    spoken = {number[speaker]: some for speaker, some in lines.items()}
    recent_lines.add(connection, spoken, most=batch.recent, now=now)
    receipt = Receipt(APPLIED, late=additions.late, ahead=additions.ahead, other=additions.other)
    return judged.taken_in(receipt, now=now)
