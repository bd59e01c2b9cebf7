"""Looks at one hostile object in each place of a record: run by a test as a program."""

from __future__ import annotations

import json
import logging
import sys
import time

from ecl_logging.records.rendering.captured import MAX_RECORD, as_json, captured, restored
from ecl_logging.records.rendering.questioner import MAX_STUCK, questioner
from ecl_logging.records.rendering.texts import message_of
from tests.records.hostile import HOSTILE, records_with


def main(names: list[str]) -> None:
    for name in names:
        for place, record in records_with(HOSTILE[name]()):
            look_at(name, place, record)
        assert questioner.stuck <= MAX_STUCK, name


def look_at(name: str, place: str, record: logging.LogRecord) -> None:
    before = dict(vars(record))
    where = f"{name} as {place}"
    began = time.monotonic()
    message = message_of(record)
    taken = captured(record)
    seconds = time.monotonic() - began
    text = as_json(taken)
    assert type(message) is str, where
    assert len(message) <= 16_384, where
    assert len(text.encode()) <= MAX_RECORD, where
    json.loads(text, parse_constant=_refuse)
    again = logging.makeLogRecord(restored(text))
    assert again.getMessage() == json.loads(text)["message"], where
    assert type(again.created) is float, where
    logging.Formatter("%(levelname)s %(message)s").format(again)
    after = vars(record)
    assert list(after) == list(before), where
    assert all(after[key] is before[key] for key in before), where
    if seconds > 3.0:
        print(where, round(seconds, 2), "seconds")


def _refuse(constant: str) -> None:
    raise AssertionError(constant)


if __name__ == "__main__":
    main(sys.argv[1:])
