"""What becomes of records and messages while a test captures counts."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ecl_logging import ConfigError
from ecl_logging.handlers import DedupHandler, MessageHandler
from ecl_logging.records import RecordLog, log_common, log_recent, message_log
from ecl_logging.records.rendering.captured import restored
from ecl_logging.stores import open_store
from ecl_logging.testing import capture_counts
from tests.records.conftest import Losing

HANDLERS = (DedupHandler, MessageHandler)


def record(message: str) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message, "lineno": 1, "name": "web", "levelno": 20})


def messages_in(store: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in store.records.claim(100):
        message = restored(entry.record)["msg"]
        found[message] = found.get(message, 0) + entry.repeats
    for common in store.messages.common([("web", "info")]):
        for hour in (common.current, common.last):
            for message, n in hour.counts.items() if hour else ():
                found[message] = found.get(message, 0) + n
    return found


def test_neither_records_nor_messages_are_groups() -> None:
    handlers = [kind(store="memory://") for kind in HANDLERS]
    with capture_counts() as counts:
        for handler in handlers:
            handler.handle(record("within"))
        assert counts() == {}
        for name in ("records", "messages"):
            with pytest.raises(ConfigError, match="nobody counts"):
                counts(name)


@pytest.mark.parametrize("kind", HANDLERS)
def test_what_is_kept_in_the_block_goes_to_the_private_store(kind: Any, tmp_path: Path) -> None:
    handler = kind(store=f"sqlite:///{tmp_path}/kept.db", sync_interval=3600)
    own = handler.log.store
    handler.handle(record("sent before"))
    assert handler.log.flush()
    handler.handle(record("waits"))
    with capture_counts() as counts:
        handler.handle(record("within"))
        handler.handle(record("within"))
        counts()
        private = handler.log.store
        assert private is not own
        assert messages_in(private) == {"within": 2}
        assert handler.log.telemetry()["counted"] == 2
    handler.handle(record("after"))
    assert handler.log.flush()

    assert handler.log.store is own
    assert messages_in(own) == {"sent before": 1, "waits": 1, "after": 1}
    assert handler.log.telemetry()["counted"] == 3 == handler.log.telemetry()["applied"]
    handler.close()


@pytest.mark.parametrize("kind", HANDLERS)
def test_what_threads_log_while_blocks_begin_and_end_is_somewhere(kind: Any) -> None:
    handler = kind(store="memory://", sync_interval=3600)
    own = handler.log.store
    is_over = threading.Event()
    logged = [0, 0, 0]

    def work(number: int) -> None:
        while not is_over.is_set():
            handler.handle(record("sold"))
            logged[number] += 1
            if logged[number] % 10 == 0:
                time.sleep(0.0002)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    ledgers = []
    for _ in range(15):
        with capture_counts():
            ledgers.append(handler.log._pending.ledger)
    is_over.set()
    for thread in threads:
        thread.join()
    assert handler.log.flush()

    telemetry = handler.log.telemetry()
    assert telemetry["counted"] == telemetry["applied"] == messages_in(own).get("sold", 0)
    assert telemetry["counted"] + sum(ledger.counted for ledger in ledgers) == sum(logged)
    handler.close()


def test_a_batch_that_is_being_sent_when_a_block_begins_is_not_sent_twice() -> None:
    store = Losing(open_store("memory://"))
    log = RecordLog(store, sync_interval=3600)
    log.add(record("first"))
    log.flush()
    may_answer, is_asked = threading.Event(), threading.Event()
    put = store._store.records.put

    def slowly(*arguments: Any, **named: Any) -> Any:
        receipt = put(*arguments, **named)
        is_asked.set()
        may_answer.wait(2)
        return receipt

    store._store.records.put = slowly
    log.add(record("second"))
    flushing = threading.Thread(target=log.flush)
    flushing.start()
    assert is_asked.wait(10)
    threading.Timer(0.2, may_answer.set).start()
    with capture_counts():
        flushing.join()
    log.flush()

    assert messages_in(store) == {"first": 1, "second": 1}
    assert log.telemetry()["applied"] == 2
    log.close()


def test_messages_by_hand_go_to_the_urls_own_store_after_the_block(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kept.db"
    own = open_store(url)
    with capture_counts():
        assert log_common(url, "web", "within")
        assert log_common(own, "web", "within")
        assert log_recent(own, "web", "within")
    assert messages_in(own) == {}
    assert log_common(url, "web", "after")
    assert log_common(own, "web", "after")

    assert messages_in(own) == {"after": 2}


def test_messages_by_hand_of_one_block_are_not_in_the_next() -> None:
    for _ in range(2):
        with capture_counts():
            assert log_common("redis://nowhere.invalid", "web", "within")
            log = message_log._log_of_stand_in
            assert log is not None
            assert messages_in(log.store) == {"within": 1}
