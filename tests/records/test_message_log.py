"""MessageLog, log_recent and log_common: recent messages, and hours of common ones."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from ecl_logging.errors import ConfigError
from ecl_logging.records import SEVERITY, MessageLog, log_common, log_recent
from ecl_logging.records.severities import severity_of
from ecl_logging.records.utterances import PendingMessages, Utterance, line_of
from ecl_logging.stores.keeping import SEVERITIES, Common, Hour
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.protocols import Store
from tests.conftest import Clock
from tests.records.conftest import Losing
from tests.redis_servers import RedisServer
from tests.waiting import wait_until

HOUR = 3600
T = 1_800_000_000.0  # where an hour begins


def record(message: str, *args: object, at: float = T, name: str = "web", level: int = 20) -> Any:
    made = {"msg": message, "args": args, "created": at, "name": name, "levelno": level}
    return logging.makeLogRecord(made)


def common(store: Any, name: str = "web", severity: str = "info") -> Common:
    [found] = store.messages.common([(name, severity)])
    return found


def recent(store: Any, name: str = "web", severity: str = "info", limit: int = 100) -> list[str]:
    [lines] = store.messages.recent([(name, severity)], limit)
    return lines


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """The program's clock is the store's."""
    monkeypatch.setattr("ecl_logging.records.message_log.time", Times(clock))


class Times:
    def __init__(self, clock: Clock) -> None:
        self.time = clock
        self.sleep = time.sleep


# --- by hand


@pytest.mark.usefixtures("times")
def test_a_message_is_counted_in_its_hour_and_among_the_recent(store: Store) -> None:
    for message in ("disk full", "disk full", "out of paper"):
        assert log_common(store, "web", message)

    assert common(store).current == Hour(int(T), {"disk full": 2, "out of paper": 1})
    assert recent(store)[0] == "2027-01-15T08:00:00.000Z out of paper"
    assert len(recent(store)) == 3


@pytest.mark.usefixtures("times")
def test_recent_messages_are_not_counted(store: Store) -> None:
    assert log_recent(store, "web", "disk full", logging.ERROR)

    assert recent(store, severity="error") == ["2027-01-15T08:00:00.000Z disk full"]
    assert common(store, severity="error") == Common()


@pytest.mark.usefixtures("times")
def test_a_new_hour_keeps_the_one_before(store: Store, clock: Clock) -> None:
    log_common(store, "web", "old")
    clock.now += HOUR
    log_common(store, "web", "new")

    assert common(store) == Common(Hour(int(T) + HOUR, {"new": 1}), Hour(int(T), {"old": 1}))


@pytest.mark.once
@pytest.mark.usefixtures("times")
def test_twenty_writers_turn_the_hour_once(open_store: Callable[[], Store], clock: Clock) -> None:
    """Each in a thread and with a store of its own, over the edge of an hour and beyond."""
    clock.now = T + HOUR - 0.5
    logs = [MessageLog(open_store()) for _ in range(20)]
    at_edge = threading.Barrier(21)
    said: list[tuple[int, str]] = []

    def write(number: int) -> None:
        for n in range(12):
            if n == 6:
                at_edge.wait()  # some of the hour before; then the clock moves while they write
            message = f"message {n % 3}"
            before = clock.now
            assert log_common(logs[number], "web", message, timeout=60)  # on a busy machine
            hours = {int(at) // HOUR * HOUR for at in (before, clock.now)}
            said.append((min(hours) if len(hours) == 1 else -1, message))

    with ThreadPoolExecutor(20) as writers:
        work = [writers.submit(write, number) for number in range(20)]
        at_edge.wait()
        clock.now = T + HOUR + 0.25
        for one in work:
            one.result()

    first, second = int(T), int(T) + HOUR
    found = common(logs[0].store)
    assert (found.last.start, found.current.start) == (first, second)
    total = Counter(found.last.counts) + Counter(found.current.counts)
    assert total == Counter(message for _, message in said)
    for hour, kept in ((first, found.last.counts), (second, found.current.counts)):
        sure = Counter(message for at, message in said if at == hour)
        assert sure <= Counter(kept)
        assert sum(kept.values()) - sum(sure.values()) <= sum(at == -1 for at, _ in said)
    assert sum(found.last.counts.values()) >= 20 * 6
    for log in logs:
        log.close()


def test_the_keys_are_those_of_redis_in_action(empty_server: RedisServer) -> None:
    with empty_server.client() as client:
        assert log_common(client, "web", "old", logging.WARNING)
        hour = datetime.now(UTC).strftime("%Y-%m-%dT%H:00:00")
        keys = set(client.keys("common:*") + client.keys("recent:web*"))
        assert keys == {"common:web:warning", "common:web:warning:start", "recent:web:warning"}
        assert client.get("common:web:warning:start") == hour
        assert client.zrange("common:web:warning", 0, -1, withscores=True) == [("old", 1.0)]
        client.set("common:web:warning:start", "2020-01-01T10:00:00")  # as if it were long ago
        assert log_common(client, "web", "new", "WARNING")

        assert client.zrange("common:web:warning:last", 0, -1) == ["old"]
        assert client.get("common:web:warning:pstart") == "2020-01-01T10:00:00"
        assert client.zrange("common:web:warning", 0, -1) == ["new"]
        assert client.get("common:web:warning:start") == hour
        [newest, _] = client.lrange("recent:web:warning", 0, -1)
        assert newest.endswith("Z new")


def test_a_pipeline_carries_what_is_in_it_and_the_message(empty_server: RedisServer) -> None:
    with empty_server.client() as client:
        pipe = client.pipeline()
        pipe.set("mine", 1)
        assert log_recent(pipe, "web", "hello", logging.DEBUG, pipe)

        assert client.get("mine") == "1"
        [line] = client.lrange("recent:web:debug", 0, -1)
        assert line.endswith("Z hello")


def test_a_client_that_retries_counts_a_message_once(
    empty_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """redis-py's client would send a command again whose answer was lost."""
    client = redis.Redis(port=empty_server.port, password=empty_server.seed_config["password"])
    sent: list[object] = []
    monkeypatch.setattr(client, "execute_command", lambda *words, **_: sent.append(words))
    assert log_common(client, "web", "once")
    assert sent == []  # it is not used; its settings are
    client.close()
    with empty_server.client() as own:
        assert own.zscore("common:web:info", "once") == 1.0


def test_one_log_serves_all_calls_for_a_client(empty_server: RedisServer) -> None:
    from ecl_logging.records.message_log import _log_of

    with empty_server.client() as client:
        assert _log_of(client) is _log_of(client)
        assert _log_of(empty_server.url) is _log_of(empty_server.url)
        assert _log_of(client).store is not _log_of(empty_server.url).store


def test_a_time_out_is_honoured_and_told(warnings_told: list[str]) -> None:
    losing = Losing(MemoryStore())
    losing.times_away = 10**9
    log = MessageLog(losing)
    began = time.monotonic()
    assert not log_common(log, "web", "lost?", timeout=0.3)
    assert 0.2 < time.monotonic() - began < 3
    wait_until(lambda: warnings_told)
    assert "away; messages wait in memory" in warnings_told[0]
    losing.times_away = 0

    wait_until(log.flush)  # it was kept
    assert common(losing).current.counts == {"lost?": 1}


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (10, "debug"), (20, "info"), (30, "warning"), (40, "error"), (50, "critical"),
        (0, "debug"), (-5, "debug"), (15, "debug"), (25, "info"), (39, "warning"), (1000, "critical"),
        ("INFO", "info"), ("warn", "warning"), ("Fatal", "critical"), (" error ", "error"),
    ],
)  # fmt: skip
def test_a_severity_is_a_level_by_number_or_name(level: object, severity: str) -> None:
    assert severity_of(level) == severity


@pytest.mark.parametrize("conn", [{"host": "localhost"}, None, 6379, "localhost"])
def test_what_is_no_connection_is_refused(conn: object) -> None:
    with pytest.raises(ConfigError):
        log_common(conn, "web", "message")


@pytest.mark.parametrize("name", [None, "", 1])
def test_a_name_is_a_text(name: Any) -> None:
    with pytest.raises(ValueError, match="a name is a text"):
        log_recent("memory://", name, "message")


@pytest.mark.parametrize("level", ["loud", "", None, 1.5, True, []])
def test_another_severity_is_refused(level: object) -> None:
    with pytest.raises(ValueError, match="debug, info, warning, error, critical"):
        log_recent("memory://", "web", "message", level)


def test_the_table_of_severities_has_numbers_and_names() -> None:
    assert [SEVERITY[level] for level in (10, 20, 30, 40, 50)] == list(SEVERITIES)
    assert all(SEVERITY[name] == name for name in SEVERITIES)


@pytest.mark.parametrize(
    ("created", "line"),
    [
        (0.0, "1970-01-01T00:00:00.000Z m"),
        (T + 0.123, "2027-01-15T08:00:00.123Z m"),
        (T + 0.9999, "2027-01-15T08:00:00.999Z m"),
        (253_402_300_799.5, "9999-12-31T23:59:59.500Z m"),
    ],
)
def test_a_line_has_its_time_in_milliseconds(created: float, line: str) -> None:
    assert line_of(created, "m") == line


# --- of records


@pytest.fixture
def log(store: Store) -> Iterator[MessageLog]:
    with MessageLog(store) as log:
        yield log


def test_a_record_counts_in_the_hour_of_its_own_time(log: MessageLog, clock: Clock) -> None:
    clock.now = T + HOUR + 1
    for at in (T + HOUR, T + HOUR - 0.001, T + 1):
        log.add(record("job %s", 1, at=at))
    log.flush()

    assert common(log.store) == Common(
        Hour(int(T) + HOUR, {"job %s": 1}), Hour(int(T), {"job %s": 2})
    )
    assert [line[11:] for line in recent(log.store)] == [
        "09:00:00.000Z job 1",
        "08:59:59.999Z job 1",
        "08:00:01.000Z job 1",
    ]


def test_messages_of_hours_long_gone_are_dropped_as_late(log: MessageLog, clock: Clock) -> None:
    clock.now = T + 5 * HOUR
    for hour in (5, 4, 0):
        log.add(record("job", at=T + hour * HOUR))
        log.flush()

    telemetry = log.telemetry()
    assert (telemetry["counted"], telemetry["applied"]) == (3, 2)
    assert telemetry["dropped"]["late"] == 1
    assert common(log.store).last == Hour(int(T) + 4 * HOUR, {"job": 1})


def test_a_record_from_the_future_counts_in_this_hour(log: MessageLog, clock: Clock) -> None:
    clock.now = T
    log.add(record("job", at=T + 10 * HOUR))
    log.flush()

    assert common(log.store) == Common(Hour(int(T), {"job": 1}))
    assert log.telemetry()["ahead"] == 1


def test_levels_and_loggers_are_apart(log: MessageLog) -> None:
    log.add(record("m", name="web.a", level=40))
    log.add(record("m", name="web.b", level=45))
    log.flush()

    speakers = [("web.a", "error"), ("web.b", "error")]
    assert log.store.messages.speakers() == speakers  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "lines", "counts"),
    [
        ({"recent": 2}, ["job 2", "job 1"], {"job %s": 3}),
        ({"recent": 0}, [], {"job %s": 3}),
        ({"common": False}, ["job 2", "job 1", "job 0"], None),
        (
            {"fingerprint": "message"},
            ["job 2", "job 1", "job 0"],
            {f"job {n}": 1 for n in range(3)},
        ),
        ({"fingerprint": "masked", "recent": 1}, ["job 2"], {"job <num>": 3}),
        (
            {"fingerprint": "message", "max_messages": 2, "recent": 1},
            ["job 2"],
            {"job 0": 1, "job 1": 1, "@other": 1},
        ),
    ],
)
def test_what_is_kept_can_be_chosen(
    store: Store, options: Any, lines: list[str], counts: dict[str, int] | None
) -> None:
    with MessageLog(store, **options) as log:
        for n in range(3):
            log.add(record("job %s", n, at=T + n))
            log.flush()

    assert [line[25:] for line in recent(store)] == lines
    current = common(store).current
    assert (current and dict(current.counts)) == counts


def test_what_one_batch_cannot_tell_apart_counts_as_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecl_logging.records.utterances._MOST_IN_A_PART", 2)
    pending = PendingMessages(recent=0)
    for n in (1, 2, 3, 4, 1):
        pending.arrivals.append(Utterance("web", "info", T, None, f"job {n}"))
    pending.drain()

    [part] = pending.freeze().parts  # type: ignore[union-attr]
    assert part.as_sent().counts == {int(T): {"job 1": 2, "job 2": 1, "@other": 2}}


def test_messages_whose_answer_was_lost_count_once(store: Store) -> None:
    losing = Losing(store)
    losing.answers_to_lose = 2
    log = MessageLog(losing)
    log.add(record("job"))
    while not log.flush():
        pass

    assert common(store).current.counts == {"job": 1}  # type: ignore[union-attr]
    assert len(recent(store)) == 1
    assert log.telemetry()["retries"] == 2


def test_threads_lose_no_message(log: MessageLog) -> None:
    def work(number: int) -> None:
        for n in range(500):
            log.add(record(f"kind {n % 3}", name=f"of{number % 2}", at=T + n % 7))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.flush()

    for name in ("of0", "of1"):
        counts = common(log.store, name).current.counts  # type: ignore[union-attr]
        assert counts == {"kind 0": 501, "kind 1": 501, "kind 2": 498}
