"""Records and messages over a bad network to a real Redis: each is there once, and accounted for."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecl_logging.handlers import DedupHandler, MessageHandler
from ecl_logging.records import MessageLog, RecordLog
from ecl_logging.records.rendering.captured import restored
from tests.conftest import wait_until
from tests.faults.proxy import Fate, Proxy, proxy_to
from tests.redis_servers import RedisServer, free_port

KINDS = 7
FATES = {
    Fate.PASS: 60,
    Fate.LOSE_REQUEST: 8,
    Fate.LOSE_REPLY: 12,
    Fate.RESET: 4,
    Fate.TRUNCATE_REPLY: 4,
    Fate.REPEAT_REQUEST: 4,
    Fate.REPEAT_LATE: 2,
    Fate.DELAY_REPLY: 2,
    Fate.GARBAGE_REPLY: 2,
}


@pytest.fixture
def network(empty_server: RedisServer) -> Iterator[Proxy]:
    with proxy_to(empty_server.port) as proxy:
        yield proxy


class Told:
    """What threads have logged, beside what is kept of it."""

    def __init__(self, *handlers: logging.Handler) -> None:
        self.handlers = handlers
        self.seconds: Counter[tuple[str, int]] = Counter()
        self.messages: Counter[str] = Counter()
        self._lock = threading.Lock()

    def log(self, records: int, *, pause: float = 0.0) -> None:
        """Log so many records with each of three threads."""

        def work(number: int) -> None:
            for n in range(records):
                kind = f"kind {(n + number) % KINDS}"
                made = {"msg": kind, "lineno": 1, "name": "web", "levelno": 20}
                record = logging.makeLogRecord(made)
                for handler in self.handlers:
                    handler.handle(record)
                with self._lock:
                    self.seconds[kind, int(record.created)] += 1
                    self.messages[kind] += 1
                if pause:
                    time.sleep(pause)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self.look()
            time.sleep(0.003)

    def look(self) -> None:
        for handler in self.handlers:
            telemetry = handler.log.telemetry()  # type: ignore[attr-defined]
            gone = telemetry["applied"] + telemetry["pending"] + sum(telemetry["dropped"].values())
            assert telemetry["counted"] == gone


def stored_records(url: str) -> Counter[tuple[str, int]]:
    found: Counter[tuple[str, int]] = Counter()
    with RecordLog(url) as log:
        while entries := log.claim():
            for entry in entries:
                assert entry.second <= entry.first <= entry.last < entry.second + 1
                found[restored(entry.record)["msg"], entry.second] += entry.repeats
            log.ack(entries)
    return found


def stored_messages(url: str) -> Counter[str]:
    with MessageLog(url) as log:
        [common] = log.store.messages.common([("web", "info")])  # type: ignore[attr-defined]
    found: Counter[str] = Counter()
    for hour in (common.current, common.last):
        found.update(hour.counts if hour else {})
    return found


def flush_until_done(*handlers: Any) -> None:
    for handler in handlers:
        wait_until(handler.log.flush, seconds=30)


def recent_lines(url: str) -> list[str]:
    with MessageLog(url) as log:
        [lines] = log.store.messages.recent([("web", "info")], 10_000)  # type: ignore[attr-defined]
    return lines  # type: ignore[no-any-return]


def test_each_is_there_once_whatever_the_network_does(
    network: Proxy, empty_server: RedisServer, chance: random.Random
) -> None:
    network.delay = 0.3
    url = f"{network.url(empty_server.url)}?socket_timeout=0.2"
    dedup = DedupHandler(store=url, sync_interval=0.02)
    messages = MessageHandler(store=url, sync_interval=0.02, recent=10_000)
    told = Told(dedup, messages)
    fates: Counter[Fate] = Counter()

    def rule(words: list[bytes]) -> Fate:
        fate = chance.choices(list(FATES), list(FATES.values()))[0]
        fates[fate] += 1
        return fate

    network.rule = rule
    for _ in range(12):
        told.log(40, pause=0.001)
        for handler in told.handlers:
            handler.log.flush(0.3)  # type: ignore[attr-defined]
    flush_until_done(*told.handlers)
    told.look()
    network.rule = lambda _: Fate.PASS

    assert stored_records(empty_server.url) == told.seconds
    assert stored_messages(empty_server.url) == told.messages
    lines = recent_lines(empty_server.url)
    assert Counter(line.split("Z ", 1)[1] for line in lines) == told.messages
    assert lines == sorted(lines, key=lambda line: line[:24], reverse=True)
    for handler in told.handlers:
        telemetry = handler.log.telemetry()  # type: ignore[attr-defined]
        assert telemetry["applied"] == telemetry["counted"] == sum(told.messages.values())
        handler.close()
    assert fates.total() - fates[Fate.PASS] > 10


def test_a_reply_that_comes_late_is_not_taken_for_the_next(
    network: Proxy, empty_server: RedisServer
) -> None:
    url = f"{network.url(empty_server.url)}?socket_timeout=0.2"
    dedup = DedupHandler(store=url, sync_interval=0.02)
    messages = MessageHandler(store=url, sync_interval=0.02)
    told = Told(dedup, messages)
    told.log(3)
    flush_until_done(*told.handlers)
    held = iter([Fate.HOLD_REPLY] * 2)
    network.rule = lambda _: next(held, Fate.PASS)
    told.log(3)
    for handler in told.handlers:
        handler.log.flush(0.5)  # type: ignore[attr-defined]
    network.release.set()
    told.log(3)
    flush_until_done(*told.handlers)

    assert stored_records(empty_server.url) == told.seconds
    assert stored_messages(empty_server.url) == told.messages
    for handler in told.handlers:
        handler.close()


def test_a_server_that_is_killed_and_comes_back_has_all(tmp_path: Path) -> None:
    options = ("--appendonly", "yes", "--appendfsync", "always")
    later = RedisServer(tmp_path, *options, port=free_port())
    later.start()
    dedup = DedupHandler(store=later.url, sync_interval=0.02)
    messages = MessageHandler(store=later.url, sync_interval=0.02)
    told = Told(dedup, messages)
    for _ in range(3):
        logging_thread = threading.Thread(target=told.log, args=(100,), kwargs={"pause": 0.002})
        logging_thread.start()
        time.sleep(0.05)
        later.kill()
        time.sleep(0.1)
        later.start()
        logging_thread.join()
    flush_until_done(*told.handlers)

    assert stored_records(later.url) == told.seconds
    assert stored_messages(later.url) == told.messages
    for handler in told.handlers:
        assert not any(handler.log.telemetry()["dropped"].values())  # type: ignore[attr-defined]
        handler.close()
    later.kill()


def test_what_an_emptied_server_has_lost_is_told_exactly(empty_server: RedisServer) -> None:
    dedup = DedupHandler(store=empty_server.url, sync_interval=3600)
    messages = MessageHandler(store=empty_server.url, sync_interval=3600)
    told = Told(dedup, messages)
    told.log(30)
    flush_until_done(*told.handlers)
    with contextlib.closing(empty_server.client()) as client:
        client.flushall()
    before = told.seconds.copy()
    lost = sum(told.messages.values())
    told.log(20)
    flush_until_done(*told.handlers)

    assert stored_records(empty_server.url) == told.seconds - before
    assert sum(stored_messages(empty_server.url).values()) == sum(told.messages.values()) - lost
    for handler in told.handlers:
        telemetry = handler.log.telemetry()  # type: ignore[attr-defined]
        assert telemetry["dropped"]["server_forgot"] == lost == 90
        assert telemetry["applied"] == 60
        handler.close()


def test_what_was_not_kept_is_not_lost_when_the_server_is_emptied(
    empty_server: RedisServer,
) -> None:
    """It was dropped before; `applied` fell below what the server has."""
    log = MessageLog(empty_server.url)
    for hours_ago in (0, 1, 5):
        made = {"msg": "m", "name": "web", "levelno": 20, "created": time.time() - hours_ago * 3600}
        log.add(logging.makeLogRecord(made))
        log.flush()
    assert log.telemetry()["dropped"]["late"] == 1
    full = RecordLog(empty_server.url, max_kinds=2)
    for number in range(5):
        full.log_event(logging.makeLogRecord({"msg": f"m{number}", "created": 1.8e9 + number}))
    assert full.telemetry()["dropped"]["queue_full"] == 3
    with contextlib.closing(empty_server.client()) as client:
        client.flushall()
    log.log_common("web", "next")
    full.log_event(logging.makeLogRecord({"msg": "next"}))

    for kept in (log, full):
        telemetry = kept.telemetry()
        assert telemetry["applied"] == 1
        assert telemetry["dropped"]["server_forgot"] == 2
        kept.close()
