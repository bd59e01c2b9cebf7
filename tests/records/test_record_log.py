"""RecordLog: what goes in comes out once, each kind and second with its repeats."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecl_logging import pending_parts
from ecl_logging.errors import ConfigError, StoreError
from ecl_logging.records import RecordLog
from ecl_logging.records.rendering.captured import restored
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.protocols import Store
from tests.conftest import Clock
from tests.faults.programs import ALLOW_FORK, Programs
from tests.handlers.at_random import at_random
from tests.records.conftest import Losing
from tests.waiting import wait_until

T = 1_800_000_000.0


def record(message: str = "done with %s", *args: object, at: float = T, **extra: Any) -> Any:
    """A record as a program makes it, at a line of its own for each message."""
    made = {"msg": message, "args": args, "created": at, "lineno": len(str(message)), "name": "web"}
    return logging.makeLogRecord(made | {"levelno": 20, "levelname": "INFO"} | extra)


@pytest.fixture
def log(store: Store) -> RecordLog:
    return RecordLog(store)


def repeats_of(log: RecordLog) -> dict[tuple[str, int], int]:
    """Take all out: message template and second -> repeats."""
    found: Counter[tuple[str, int]] = Counter()
    for event in log:
        found[event["msg"], int(event["time"])] += event["repeats"]
    return dict(found)


def test_a_record_that_was_logged_comes_out_at_once(log: RecordLog) -> None:
    assert log.log_event(record("done with %s", "it", at=T + 0.25))

    event = log.get_event()
    assert event is not None
    assert (event["time"], event["last"], event["repeats"]) == (T + 0.25, T + 0.25, 1)
    assert event["msg"] == "done with %s"
    again = logging.makeLogRecord(event["args"])
    assert (again.getMessage(), again.created) == ("done with it", T + 0.25)
    assert event["args"]["message"] == "done with it"
    assert log.get_event() is None


def test_a_repeat_in_the_same_second_is_no_event_of_its_own(log: RecordLog) -> None:
    for n in range(3):
        log.log_event(record("done with %s", n, at=T + n / 10))

    [event] = log
    assert (event["repeats"], event["time"], event["last"]) == (3, T, T + 0.2)
    assert event["args"]["message"] == "done with 0"


def test_a_repeat_after_its_event_was_taken_out_is_a_new_event(log: RecordLog) -> None:
    log.log_event(record(at=T))
    assert log.get_event() is not None
    log.log_event(record(at=T + 0.5))

    event = log.get_event()
    assert event is not None
    assert (event["time"], event["repeats"]) == (T + 0.5, 1)


def test_events_come_in_the_order_of_their_time(log: RecordLog) -> None:
    for second in (3, 1, 2, 0):
        log.add(record(at=T + second))
    assert log.flush()

    assert [event["time"] for event in log] == [T, T + 1, T + 2, T + 3]


def test_programs_add_to_the_same_event(open_store: Callable[[], Store]) -> None:
    logs = [RecordLog(open_store()) for _ in range(3)]
    for n, log in enumerate(logs):
        log.log_event(record("done with %s", n, at=T + 0.5 - n / 10))

    [event] = logs[0]
    assert (event["repeats"], event["time"], event["last"]) == (3, T + 0.3, T + 0.5)
    assert event["args"]["message"] == "done with 2"  # of the earliest


def test_the_text_of_a_traceback_comes_out(log: RecordLog) -> None:
    try:
        {}["SOS"]
    except LookupError as error:
        log.log_event(record("oh", exc_info=(type(error), error, error.__traceback__)))

    event = log.get_event()
    assert event is not None
    again = logging.makeLogRecord(event["args"])
    assert again.exc_text.endswith("KeyError: 'SOS'")
    assert "KeyError: 'SOS'" in logging.Formatter().format(again)


def test_what_a_mapping_holds_is_kept_as_extras(log: RecordLog) -> None:
    """As structlog hands its event dict to the standard library."""
    log.log_event(record({"event": "sold", "user": "ada", "name": "not the logger's"}))  # type: ignore[arg-type]

    event = log.get_event()
    assert event is not None
    assert event["args"]["message"] == "sold"
    assert (event["args"]["event"], event["args"]["user"]) == ("sold", "ada")
    assert event["args"]["name"] == "web"


def test_only_the_attributes_that_are_asked_for_are_kept(store: Store) -> None:
    log = RecordLog(store, attributes=["user"])
    log.log_event(record(user="ada", password="secret"))

    event = log.get_event()
    assert event is not None
    assert event["args"]["user"] == "ada"
    assert "secret" not in str(event)


@pytest.mark.parametrize(
    ("fingerprint", "kinds"),
    [("template", 1), ("message", 4), ("masked", 2), (lambda record: record.args[0][:1], 2)],
)
def test_a_fingerprint_says_what_is_a_repeat(store: Store, fingerprint: Any, kinds: int) -> None:
    log = RecordLog(store, fingerprint=fingerprint)
    for text in ("a 1", "a 2", "b 1", "c 1"):
        log.add(record("%s", text if text[0] != "c" else "b 22"))
    log.flush()

    assert len(list(log)) == kinds


# --- taking out


def test_an_event_in_hand_is_acknowledged_by_the_next_call(log: RecordLog, clock: Clock) -> None:
    log.log_event(record(at=T))
    log.log_event(record(at=T + 1))
    assert log.get_event() is not None
    assert log.get_event() is not None
    clock.now += 3600

    events = list(RecordLog(log.store))
    assert [event["time"] for event in events] == [T + 1]  # nobody has said that it is done with


def test_closing_acknowledges_what_is_in_hand(log: RecordLog, clock: Clock) -> None:
    log.log_event(record())
    log.get_event()
    log.close()
    clock.now += 3600

    assert list(RecordLog(log.store)) == []


def test_threads_that_take_out_of_one_log_acknowledge_all_that_they_had(log: RecordLog) -> None:
    for second in range(200):
        log.add(record(at=T + second))
    log.flush()
    taken: list[float] = []

    def take() -> None:
        for event in log:
            taken.append(event["time"])
            at_once.wait(10)  # each has one in hand when the other asks

    at_once = threading.Barrier(2)
    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == [T + second for second in range(200)]
    assert log.store.records.waiting().entries == 0  # type: ignore[attr-defined]


def test_closing_acknowledges_what_every_thread_has_in_hand(log: RecordLog) -> None:
    for second in range(2):
        log.log_event(record(at=T + second))
    has_one, may_end = threading.Event(), threading.Event()

    def take() -> None:
        log.get_event()
        has_one.set()
        may_end.wait(10)

    other = threading.Thread(target=take)
    other.start()
    assert has_one.wait(10)
    log.get_event()
    log.close()
    may_end.set()
    other.join()

    assert log.store.records.waiting().entries == 0  # type: ignore[attr-defined]


def test_an_exception_while_an_event_is_in_hand_leaves_it_there(
    log: RecordLog, clock: Clock
) -> None:
    log.log_event(record())
    with pytest.raises(ZeroDivisionError), log:
        1 / (log.get_event() is None)
    clock.now += 3600

    assert len(list(RecordLog(log.store))) == 1


def test_what_was_claimed_and_not_acknowledged_comes_again(log: RecordLog, clock: Clock) -> None:
    log.log_event(record())
    [entry] = log.claim(10, seconds=30)
    assert log.claim(10) == []
    clock.now += 31
    assert log.claim(10) == [entry]
    assert log.ack([entry]) == 1
    assert log.ack([entry.id]) == 0


GATHERER = """
import os, sys
from ecl_logging.records import RecordLog

log = RecordLog(os.environ["ECL_STORE"])
print(log.get_event()["msg"], flush=True)
{end}
"""


@pytest.mark.parametrize(
    ("end", "left"),
    [
        ("", 0),
        ("sys.exit(0)", 0),
        ("1 / 0", 1),
        ("os._exit(0)", 1),
        ("os.kill(os.getpid(), 9)", 1),
        ("if os.fork() == 0: os._exit(0) if log.get_event() is None else None", 0),
    ],
)
def test_a_program_that_ends_well_has_acknowledged_what_it_had(
    programs: Programs, clock: Clock, end: str, left: int
) -> None:
    log = RecordLog(programs.url)
    log.log_event(record("done"))
    log.close()
    ended = programs.start(GATHERER.format(end=end), *ALLOW_FORK).end()
    assert ended.out == "done\n"

    waiting = log.store.records.waiting()  # type: ignore[attr-defined]
    assert waiting.entries == left


@pytest.mark.parametrize(
    ("limit", "seconds"), [(0, 1), (-1, 1), ("x", 1), (True, 1), (1, 0), (1, -1)]
)
def test_a_claim_is_of_something_for_some_time(log: RecordLog, limit: Any, seconds: Any) -> None:
    with pytest.raises(ValueError, match="claim at least 1 entry"):
        log.claim(limit, seconds=seconds)


# --- once


def test_records_whose_answer_was_lost_are_there_once(store: Store) -> None:
    losing = Losing(store)
    log = RecordLog(losing)
    losing.answers_to_lose = 2
    log.add(record())
    assert not log.flush()
    log.add(record(at=T + 0.5))
    while not log.flush():
        pass

    assert repeats_of(log) == {("done with %s", int(T)): 2}
    telemetry = log.telemetry()
    assert (telemetry["counted"], telemetry["applied"], telemetry["retries"]) == (2, 2, 2)


def test_each_record_is_there_once_whatever_is_lost(
    open_store: Callable[[], Store], chance: random.Random, clock: Clock
) -> None:
    """Programs log, flush, gather, and lose answers in any order."""

    @at_random(chance, 25)
    @given(st.lists(ACTIONS, max_size=40))
    def holds(actions: list[tuple[Any, ...]]) -> None:
        lose_at_random(open_store(), actions, clock)

    holds()


ACTIONS = st.tuples(
    st.sampled_from(["log", "log", "flush", "gather", "lose", "away"]),
    st.integers(0, 1),  # the program
    st.sampled_from("ab"),
    st.integers(0, 3).map(lambda halves: T + halves / 2),
    st.integers(1, 2),
)


def lose_at_random(store: Store, actions: list[tuple[Any, ...]], clock: Clock) -> None:
    losing = Losing(store)
    logs = [RecordLog(losing) for _ in range(2)]
    logged: Counter[tuple[str, int]] = Counter()
    stored: dict[str, Any] = {}
    for action, program, message, at, times in actions:
        log = logs[program]
        if action == "log":
            logged[message, int(at)] += 1
            log.add(record(message, at=at))
        elif action == "flush":
            log.flush()
        elif action == "lose":
            losing.answers_to_lose = times
        elif action == "away":
            losing.times_away = times
        else:
            gather(log, stored)
    for log in logs:
        while not log.flush():
            pass
    losing.answers_to_lose = losing.times_away = 0
    clock.now += 3600  # what was claimed by those that died comes back
    gather(logs[0], stored)

    found: Counter[tuple[str, int]] = Counter()
    for message, second, repeats in stored.values():
        found[message, second] += repeats
    assert found == logged
    for log in logs:
        telemetry = log.telemetry()
        assert telemetry["counted"] == telemetry["applied"]
        log.close()


def gather(log: RecordLog, stored: dict[str, Any]) -> None:
    """As a gatherer does that knows what it has by the ID, and dies where an answer is lost."""
    with contextlib.suppress(StoreError):
        while entries := log.claim(2):
            for entry in entries:
                message = restored(entry.record)["msg"]
                stored[entry.id] = (message, entry.second, entry.repeats)
            log.ack(entries)


def test_what_a_store_has_forgotten_is_told(clock: Clock, warnings_told: list[str]) -> None:
    store: Any = MemoryStore(clock=clock)
    log = RecordLog(losing := Losing(store))
    log.log_event(record())
    log.log_event(record(at=T + 1))
    losing._store = MemoryStore(clock=clock)
    log.log_event(record(at=T + 2))

    assert repeats_of(log) == {("done with %s", int(T) + 2): 1}
    telemetry = log.telemetry()
    assert (telemetry["counted"], telemetry["applied"]) == (3, 1)
    assert telemetry["dropped"]["server_forgot"] == 2
    wait_until(lambda: warnings_told)  # the answer comes before what there is to tell
    assert warnings_told == ["records: the store has lost 2 records that it had confirmed"]


# --- bounds


def test_beyond_its_bounds_the_oldest_leave_the_queue_and_are_counted(
    store: Store, warnings_told: list[str]
) -> None:
    log = RecordLog(store, max_kinds=3)
    for second in range(5):
        log.add(record(at=T + second))
        log.add(record(at=T + second))
        log.flush()

    telemetry = log.telemetry()
    assert telemetry["dropped"]["queue_full"] == 4
    assert (telemetry["counted"], telemetry["applied"], telemetry["pending"]) == (10, 6, 0)
    assert [event["time"] for event in log] == [T + 2, T + 3, T + 4]
    wait_until(lambda: warnings_told)  # the answer comes before what there is to tell
    [warning] = warnings_told
    assert "queue is full" in warning


def test_memory_is_bounded_while_the_store_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_parts, "_MOST_PARTS", 10)
    losing = Losing(MemoryStore())
    losing.times_away = 10**9
    log = RecordLog(losing)
    for second in range(25):
        log.add(record(at=T + second))
    log.flush(0.1)

    telemetry = log.telemetry()
    assert telemetry["counted"] == 25 == telemetry["pending"] + telemetry["dropped"]["memory"]
    assert telemetry["pending"] in (10, 11)  # one may be under way
    losing.times_away = 0
    assert log.flush()
    assert [event["time"] for event in log][-10:] == [T + second for second in range(15, 25)]


def test_what_comes_after_the_end_is_dropped_as_closed(store: Store) -> None:
    log = RecordLog(store)
    log.add(record())
    log.close()
    log.add(record())

    telemetry = log.telemetry()
    assert (telemetry["counted"], telemetry["applied"]) == (2, 1)
    assert telemetry["dropped"]["closed"] == 1


def test_threads_lose_no_record(log: RecordLog) -> None:
    def work(number: int) -> None:
        for n in range(2000):
            log.add(record(f"kind {number % 3}", at=T + n % 7))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.flush()

    found = repeats_of(log)
    assert len(found) == 3 * 7
    assert sum(found.values()) == 12_000


def test_a_forked_child_sends_nothing_of_its_parents(tmp_path: Any) -> None:
    log = RecordLog(f"sqlite:///{tmp_path}/k.db", sync_interval=3600)
    log.log_event(record("first", at=T))
    log.add(record("second", at=T))
    if (child := os.fork()) == 0:
        log.add(record("third", at=T))
        log.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    log.flush()

    assert repeats_of(log) == {(message, int(T)): 1 for message in ("first", "second", "third")}
    log.close()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"max_kinds": 0}, "max_kinds"),
        ({"max_bytes": "much"}, "max_bytes"),
        ({"attributes": "user"}, "attributes"),
        ({"sync_interval": -1}, "sync_interval"),
        ({"fingerprint": "templat"}, "template"),
        ({"store": "radis://x"}, "store"),
    ],
)
def test_what_is_wrong_is_told_when_it_is_built(arguments: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        RecordLog(**arguments)


@pytest.mark.parametrize("created", ["now", None, float("nan"), -1.0, 1e300, True, object()])
def test_a_record_without_a_time_is_taken_in(log: RecordLog, created: object) -> None:
    strange = record()
    strange.created = created
    assert log.log_event(strange)

    assert len(list(log)) == 1


def test_a_record_that_cannot_be_looked_at_is_taken_in_as_that(log: RecordLog) -> None:
    class Broken:
        @property
        def __dict__(self) -> Any:  # type: ignore[override]
            raise OSError("broken")

        def __getattr__(self, name: str) -> Any:
            raise OSError("broken")

    assert log.log_event(Broken())  # type: ignore[arg-type]
    [event] = log
    assert "raises OSError" in event["args"]["message"]
