"""The programs in centralog's README and in chapter 5.1 of "Redis in Action" run here.

The documents are not ours to give away: SOURCE_DOCUMENTS names a folder with their texts, of which
this test takes the code as it stands there. Changed are import lines, camelCase, what is Python 2
only, and what is no code ("store evt in database").
"""

from __future__ import annotations

import logging
import os
import re
import time
import types
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from ecl_logging.handlers import DedupHandler
from ecl_logging.records import SEVERITY, RecordLog, log_common, log_recent
from tests.redis_servers import RedisServer

FOLDER = os.environ.get("SOURCE_DOCUMENTS", "")

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not FOLDER, reason="SOURCE_DOCUMENTS names no folder with documents"),
]


def document_with(words: str) -> str:
    """The text of the one document that has these words."""
    [text] = [text for path in Path(FOLDER).glob("*.txt") if words in (text := path.read_text())]
    return text


@pytest.fixture
def client(empty_server: RedisServer) -> Iterator[redis.Redis]:
    with empty_server.client() as client:
        yield client


# --- centralog


def code_of_centralog() -> list[str]:
    """The README's blocks of code: paragraphs that are indented, and those like the first."""
    blocks = []
    for paragraph in document_with("Centraloger").split("\n\n"):
        lines = [line for line in paragraph.split("\n") if line]
        is_indented = bool(lines) and all(line.startswith("\t") for line in lines)
        if is_indented:
            blocks.append("\n".join(line[1:] for line in lines))
        elif lines and re.match(r"(conn|cl) = |while True:", lines[0]):
            blocks.append("\n".join(lines))
    return blocks


def as_here(block: str) -> str:
    """The block in the names of this library, and without what is no code."""
    block = re.sub(r"\b(log|get)Event\b", lambda name: f"{name[1]}_event", block)
    block = block.replace("sleep(10s)", "break").replace("store evt in database", "store(evt)")
    return re.sub(r"^print .*\n?", "", block, flags=re.MULTILINE)


def test_the_readme_of_centralog_runs(client: redis.Redis) -> None:
    stored: list[Any] = []
    names: dict[str, Any] = {
        "__name__": "program",
        "redis": types.SimpleNamespace(Redis=lambda: client),
        "Centraloger": RecordLog,
        "CentralogHandler": DedupHandler,
        "logging": logging,
        "store": stored.append,
    }
    blocks = [as_here(block) for block in code_of_centralog()]
    connecting, by_hand, handler, logger, failing, again, pulling, rebuilding = blocks

    exec(connecting, names)
    exec(by_hand, names)
    exec(again, names)
    exec(pulling, names)
    assert [(event["msg"], event["repeats"]) for event in stored] == [("hi there (%s)", 1)]
    assert stored[0]["args"]["message"] == "hi there (everybody)"

    exec(handler, names)
    names["rootLogger"].setLevel(logging.DEBUG)
    for _ in range(2):
        stored.clear()
        while time.time() % 1 > 0.5:  # a repeat is one in the same second
            time.sleep(0.01)
        exec(logger, names)
        for _ in range(3):
            exec(failing, names)
        names["handler"].flush()
        if not stored:
            exec(pulling, names)
        assert [event["msg"] for event in stored] == ["doing some (%s) work", "SOS"]
        assert [event["repeats"] for event in stored] == [1, 3]

    exec(failing, names)
    names["handler"].flush()
    exec(rebuilding, names)
    event = names["event"]
    assert (event.message, event.getMessage()) == ("SOS", "SOS")
    assert event.exc_text.startswith("Traceback (most recent call last):")


# --- Redis in Action


def code_of_log_common() -> str:
    """The listing, out of the sentences between its lines."""
    text = document_with("def log_common(")
    lines = [line for line in text.split("\n") if re.match(r"def |   +\S", line)]
    code, tries = [], ""
    for line in lines:
        words = line.lstrip()
        if words == "try:":
            tries = line[: -len("try:")]
        # The page has lost the indentation of that one.
        code.append(tries + words if words.startswith("except ") else line)
    return "\n".join(code)


class OldPipeline(redis.client.Pipeline):
    """As it was when the book was written: the value first, and one if nobody says how much."""

    def zincrby(self, name: Any, value: Any, amount: float = 1) -> Any:
        return super().zincrby(name, amount, value)


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_log_common_of_the_book_and_ours_write_the_same_keys(
    client: redis.Redis, empty_server: RedisServer
) -> None:
    class Connection:
        def pipeline(self) -> OldPipeline:
            return OldPipeline(client.connection_pool, client.response_callbacks, True, None)

    names: dict[str, Any] = {
        "logging": logging,
        "redis": redis,
        "time": time,
        "datetime": datetime,
        "SEVERITY": SEVERITY,
        "log_recent": log_recent,
    }
    exec(code_of_log_common(), names)
    of_the_book = names["log_common"]
    key = "common:web:error"
    conn = Connection()

    of_the_book(conn, "web", "disk full", logging.ERROR)
    assert log_common(client, "web", "disk full", logging.ERROR)
    assert client.zrange(key, 0, -1, withscores=True) == [("disk full", 2.0)]
    lines = client.lrange("recent:web:error", 0, -1)
    assert [line[24:] for line in lines] == [" disk full"] * 2
    keys = set(client.keys("common:*"))
    assert keys == {key, f"{key}:start"}

    hour = client.get(f"{key}:start")
    for turning, following in ((log_common, of_the_book), (of_the_book, log_common)):
        client.set(f"{key}:start", "2020-01-01T10:00:00")  # an hour that is over
        for write in (turning, following):
            write(conn if write is of_the_book else client, "web", "out of paper", "error")
        assert client.get(f"{key}:pstart") == "2020-01-01T10:00:00"
        assert client.get(f"{key}:start") == hour
        assert client.zrange(key, 0, -1, withscores=True) == [("out of paper", 2.0)]
    assert client.zrange(f"{key}:last", 0, -1) == ["out of paper"]
    assert keys | {f"{key}:pstart", f"{key}:last"} == set(client.keys("common:*"))
