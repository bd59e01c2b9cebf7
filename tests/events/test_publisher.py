"""Publisher: what goes into a queue, and where everything else is told."""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ecl_logging import pending_parts
from ecl_logging.errors import ConfigError, EventError
from ecl_logging.events import Publisher, get_logger
from ecl_logging.events.envelope import MAX_BYTES, new_event, parse
from ecl_logging.events.pending import PendingEvent, PendingEvents
from ecl_logging.events.queues import open_queue
from ecl_logging.events.queues.protocols import Queue
from ecl_logging.stores.queueing import Published
from tests.events.making import an_event
from tests.events.queue_contents import FlakyQueue, bodies_in, events_in
from tests.waiting import wait_until


@pytest.fixture
def flaky() -> FlakyQueue:
    return FlakyQueue()


@pytest.fixture
def publisher(flaky: FlakyQueue) -> Iterator[Publisher]:
    """On a queue that goes wrong as a test says; nothing is sent but on request."""
    with Publisher(flaky, sync_interval=3600) as publisher:
        publisher.publish(an_event())  # the first one is sent at once
        wait_until(publisher.flush)
        wait_until(lambda: publisher._outbox.seconds_to_flush() > 1000)
        flaky.forget()
        publisher._pending.ledger.counted = publisher._pending.ledger.applied = 0
        yield publisher
        flaky.is_away = False


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [event["payload"]["number"] for event in events]


def record_of(message: object, *args: object, **attributes: object) -> logging.LogRecord:
    made = logging.LogRecord("shop", 30, "shop.py", 5, message, args, None)
    vars(made).update(attributes)
    return made


def assert_accounted(publisher: Publisher) -> None:
    found = publisher.telemetry()
    gone = found["applied"] + found["pending"] + sum(found["dropped"].values())
    assert found["counted"] == gone


# --- what is published


def test_events_are_in_every_queue_of_ours_as_they_were_in_their_order(queue_url: str) -> None:
    events = [an_event(number) for number in range(1234)]
    with Publisher(queue_url, topic="sales") as publisher:
        for event in events:
            publisher.publish(event)
        assert publisher.flush(20)

        assert events_in(publisher.store, "sales") == events


def test_what_an_event_is_made_of_is_taken_down_at_once(publisher: Publisher, flaky) -> None:
    flaky.is_away = True
    event = an_event(1)
    before = copy.deepcopy(event)
    publisher.publish(event)
    event["payload"]["number"] = 2
    event["header"]["channel"] = None
    flaky.is_away = False
    publisher.flush()

    assert events_in(flaky) == [before]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda e: e.pop("header"), "header"),
        (lambda e: e["header"].update(id="X1"), "header.id"),
        (lambda e: e["header"].update(channel=""), "header.channel"),
        (lambda e: e["payload"].pop("cls_type"), "payload.cls_type"),
        (lambda e: e.update(schema="7.0"), "schema"),
        (lambda e: e["payload"].update(it=float("nan")), "payload.it"),
        (lambda e: e["payload"].update(it=object()), "payload.it"),
        (lambda e: e["payload"].update(it="x" * MAX_BYTES), "too large"),
        (lambda e: e["payload"].update(it="\0" * (MAX_BYTES // 5)), "bytes"),
    ],
)
def test_what_is_no_event_is_refused_and_not_counted(publisher, flaky, spoil, told) -> None:
    event = an_event()
    spoil(event)
    with pytest.raises(EventError, match=told):
        publisher.publish(event)

    assert publisher.telemetry()["counted"] == 0
    assert publisher.flush()
    assert bodies_in(flaky) == []


def test_a_plain_record_is_published_as_a_log_payload(publisher: Publisher, flaky) -> None:
    info = (ValueError, ValueError("a reason"), None)
    publisher.add(record_of("sold %s", "it", exc_info=info, created=1e9))
    publisher.flush()

    [event] = events_in(flaky)
    assert event["payload"] == {
        "cls_type": "log",
        "message": "sold it",
        "severity": "warning",
        "exc_text": "ValueError: a reason",
    }
    assert event["header"]["channel"] == "shop"
    assert event["header"]["timestamp"].startswith("2001-09-09T01:46:40")


def test_a_record_that_is_an_event_is_published_as_it_is(publisher: Publisher, flaky) -> None:
    event = an_event(1)
    publisher.add(record_of(event))
    publisher.add(record_of(__import__("json").dumps(event)))  # as from another process
    publisher.flush()

    assert events_in(flaky) == [event, event]


def test_of_events_only_all_other_records_are_passed_over_and_start_no_thread() -> None:
    flaky = FlakyQueue()
    threads = threading.active_count()
    with Publisher(flaky, events_only=True) as publisher:
        for message in ("text", '{"cls_type"', {"event": "structlog's"}, 5):
            publisher.add(record_of(message))
        assert (publisher.telemetry()["counted"], threading.active_count()) == (0, threads)
        publisher.add(record_of(an_event(3)))
        publisher.flush()

    assert numbers(events_in(flaky)) == [3]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda e: e.pop("header"), "header"),
        (lambda e: e["header"].update(id=5), "header.id"),
        (lambda e: e["header"].update(channel=None), "header.channel"),
        (lambda e: e["payload"].update(cls_type=5), "payload.cls_type"),
        (lambda e: e["payload"].update(it=object()), "cannot be written"),
        (lambda e: e["payload"].update(it="x" * MAX_BYTES), "bytes"),
        (lambda e: e["payload"].update(it="\u20ac" * (MAX_BYTES // 3)), "bytes"),
    ],
)
def test_an_event_that_was_spoilt_on_its_way_is_told_as_a_log_payload(
    publisher: Publisher, flaky, spoil, told
) -> None:
    """It must neither hold up those after it, nor come to consumers, who cannot read it."""

    class Spoiling(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            spoil(record.msg)
            publisher.add(record)

    logger = logging.getLogger("spoiling")
    logger.propagate = False
    logger.addHandler(spoiling := Spoiling())
    get_logger("spoiling").warning("done", payload={"cls_type": "sale"})
    logger.removeHandler(spoiling)
    publisher.publish(an_event(2))
    assert publisher.flush()

    first, second = events_in(flaky)
    assert first["payload"]["cls_type"] == "log"
    assert told in str(first["payload"])
    assert first["header"]["channel"] == "spoiling"
    assert second["payload"]["number"] == 2


def test_a_surrogate_in_a_channel_is_written_as_text(queue_url: str) -> None:
    event = an_event(1)
    event["header"]["channel"] = "shop.\ud800"
    with Publisher(queue_url) as publisher:
        publisher.publish(event)
        assert publisher.flush(20)
        [found] = events_in(publisher.store)

    assert found["header"]["channel"] == "shop.\\ud800"


class Raising(logging.LogRecord):
    """Raises, whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


def test_of_a_record_that_cannot_be_looked_at_it_is_said(publisher: Publisher, flaky) -> None:
    record = record_of("sold")
    record.__class__ = Raising
    publisher.add(record)
    publisher.flush()

    [event] = events_in(flaky)
    assert event["payload"]["message"] == "a record that raises RuntimeError when it is looked at"


# --- options


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        Publisher("memory://", events_only="yes", max_waiting=0, sync_interval=-1)  # type: ignore[arg-type]

    for name in ("events_only", "max_waiting", "sync_interval"):
        assert name in str(refused.value)


@pytest.mark.parametrize("topic", ["", "a b", "a/b", "sales-{env}", "..", "x" * 201, None, 5, "é"])
def test_what_is_no_topic_is_refused(topic: Any) -> None:
    with pytest.raises(ConfigError, match=r"^topic: .* is no topic"):
        Publisher("memory://", topic=topic)


@pytest.mark.parametrize("queue", ["radis://x", 5, "sqs://", "kafka://", ["memory://"]])
def test_what_names_no_queue_is_refused(queue: object) -> None:
    if queue == "sqs://":
        queue = "sqs://eu-central-1?nonsense=1"
    with pytest.raises(ConfigError):
        Publisher(queue)


def test_building_touches_nothing(tmp_path) -> None:
    threads = threading.active_count()
    publisher = Publisher(f"sqlite:///{tmp_path}/queue.db")

    assert publisher.flush()
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads
    publisher.close()


# --- what becomes of it


def test_a_thread_sends_without_being_asked(flaky: FlakyQueue) -> None:
    with Publisher(flaky, sync_interval=0.05) as publisher:
        for number in range(3):
            publisher.publish(an_event(number))
            wait_until(lambda: publisher.telemetry()["pending"] == 0)
    assert numbers(events_in(flaky)) == [0, 1, 2]


def test_batches_are_numbered_and_bounded(publisher: Publisher, flaky: FlakyQueue) -> None:
    flaky.is_away = True
    for number in range(1100):
        publisher.publish(an_event(number))
    large = new_event({"cls_type": "sale", "number": 1100, "it": "x" * 600_000}, "shop")
    for _ in range(3):
        publisher.publish(large)
    flaky.is_away = False
    wait_until(publisher.flush)

    batches = flaky.batches
    assert [batch.number for batch in batches] == [2, 3, 4, 5, 6]  # after the first one
    assert [batch.total - 1 for batch in batches] == [500, 1000, 1101, 1102, 1103]
    assert len({batch.source for batch in batches}) == 1
    assert len({batch.token for batch in batches}) == len(batches)
    assert numbers(events_in(flaky)) == [*range(1100), 1100, 1100, 1100]


def test_a_batch_has_no_more_events_than_the_queue_takes_at_once(flaky: FlakyQueue) -> None:
    flaky.most_in_batch = 3
    with Publisher(flaky, sync_interval=3600) as publisher:
        for number in range(10):
            publisher.publish(an_event(number))
        wait_until(publisher.flush)

    sizes = [len(batch.events) for batch in flaky.batches]
    assert (sum(sizes), max(sizes)) == (10, 3)


def test_a_batch_whose_answer_is_lost_comes_again_as_it_was(publisher, flaky) -> None:
    flaky.lose_replies = 3
    for number in range(10):
        publisher.publish(an_event(number))
    for _ in range(3):
        publisher.flush()
        publisher.publish(an_event(10))
    wait_until(publisher.flush)

    assert len(flaky.batches) == 5
    assert set(flaky.batches[:4]) == {flaky.batches[0]}
    assert numbers(events_in(flaky)) == [*range(10), 10, 10, 10]
    assert publisher.telemetry()["retries"] == 3
    assert_accounted(publisher)


def test_where_events_come_from_is_always_accounted_for(flaky: FlakyQueue) -> None:
    """By threads that publish, while the queue goes and comes."""
    with Publisher(flaky, sync_interval=0.01) as publisher:

        def work(number: int) -> None:
            for _ in range(300):
                publisher.publish(an_event(number))
                time.sleep(0.0005)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert_accounted(publisher)
            flaky.lose_replies = 1
            publisher.flush(0.05)
        flaky.lose_replies = 0
        wait_until(publisher.flush)
        found = publisher.telemetry()

    assert (found["counted"], found["applied"], found["pending"]) == (1200, 1200, 0)
    events = events_in(flaky)
    assert len({event["header"]["id"] for event in events}) == len(events) == 1200


def test_what_a_queue_can_never_take_is_counted_and_told_once(
    publisher, flaky, warnings_told
) -> None:
    events = [an_event(number) for number in range(4)]
    flaky.refuse = {events[1]["header"]["id"], events[2]["header"]["id"]}
    for event in events:
        publisher.publish(event)
        publisher.flush()

    found = publisher.telemetry()
    assert (found["applied"], found["dropped"]["refused"]) == (2, 2)
    assert_accounted(publisher)
    [told] = warnings_told
    assert told == (
        "events: some events of topic events are too large for flaky://, and not sent"
        " (dropped: refused)"
    )


def test_a_topic_that_is_full_is_told_once_and_filled_when_there_is_room(warnings_told) -> None:
    queue = open_queue("memory://")
    with Publisher(queue, max_waiting=100, sync_interval=0.02) as publisher:
        publisher._flusher.outage.longest_pause = 0.02
        for number in range(350):
            publisher.publish(an_event(number))
        found: list[dict[str, Any]] = []
        wait_until(lambda: queue.backlog("events").waiting > 75)
        for _ in range(3):
            publisher.flush()
            assert queue.backlog("events").waiting <= 100
            assert publisher.telemetry()["pending"] >= 250
            assert_accounted(publisher)
        wait_until(lambda: found.extend(events_in(queue)) or len(found) == 350)
        wait_until(publisher.flush)
        assert not any(publisher.telemetry()["dropped"].values())

    assert numbers(found) == list(range(350))
    assert [told for told in warnings_told if "topic events is full" in told] == warnings_told[:1]


@pytest.mark.parametrize("max_waiting", [1, 2, 3, 499])
def test_however_little_may_wait_all_of_it_comes_through(max_waiting: int) -> None:
    """A batch that is larger than what may wait at all would never find room."""
    queue, found = open_queue("memory://"), list[dict[str, Any]]()
    with Publisher(queue, max_waiting=max_waiting, sync_interval=0.01) as publisher:
        publisher._flusher.outage.longest_pause = 0.001
        count = min(3 * max_waiting, 700)
        for number in range(count):
            publisher.publish(an_event(number))
        wait_until(
            lambda: publisher.flush() | bool(found.extend(events_in(queue))) and len(found) >= count
        )
    found += events_in(queue)

    assert numbers(found) == list(range(count))


def test_while_the_queue_is_away_the_oldest_go_when_memory_is_full(
    publisher, flaky, warnings_told, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pending_parts._MOST_PARTS == 20_000
    monkeypatch.setattr(pending_parts, "_MOST_PARTS", 700)
    flaky.is_away = True
    for number in range(1500):
        publisher.publish(an_event(number))
        if number == 600:
            assert not publisher.flush()  # so a batch of 500 is under way
    found = publisher.telemetry()
    assert (found["pending"], found["dropped"]["memory"]) == (1200, 300)
    flaky.is_away = False
    wait_until(lambda: publisher.flush(20))

    assert numbers(events_in(flaky)) == [*range(500), *range(800, 1500)]
    assert_accounted(publisher)
    assert len(warnings_told) == 2  # it went, and it came back


def test_large_events_are_bounded_by_their_characters() -> None:
    pending = PendingEvents()
    for number in range(40):
        pending.arrivals.append(PendingEvent(Published(f"LG{number}", "c", ""), 2**20))
    ledger, left = pending.snapshot()

    assert (ledger.counted, left, ledger.dropped["memory"]) == (40, 32, 8)


def test_making_room_costs_no_more_the_more_has_gone() -> None:
    """Of a dict that has lost its first entries, the next one is looked for past all of them.

    Measured: an arrival with room made for it takes 3 times as long as one without; looked for one
    by one, it was 20 times.
    """

    def seconds(pending: PendingEvents, arrivals: int) -> float:
        for _ in range(arrivals):
            pending.arrivals.append(PendingEvent(Published("LG1", "c", ""), 1))
        began = time.thread_time()
        pending.drain()
        return time.thread_time() - began

    def rounds(pending: PendingEvents) -> float:
        return sum(seconds(pending, 500) for _ in range(10))

    full = PendingEvents()
    seconds(full, 20_000)
    with_room = min(rounds(PendingEvents()) for _ in range(3))
    assert min(rounds(full) for _ in range(3)) < 9 * with_room


# --- the end


def test_what_comes_after_the_end_is_dropped_as_closed(flaky, warnings_told) -> None:
    with Publisher(flaky, sync_interval=3600) as publisher:
        publisher.publish(an_event(1))
    publisher.publish(an_event(2))
    publisher.add(record_of("late"))
    publisher.close()

    found = publisher.telemetry()
    assert (found["counted"], found["applied"], found["dropped"]["closed"]) == (3, 1, 2)
    assert numbers(events_in(flaky)) == [1]
    assert_accounted(publisher)


def test_what_cannot_be_sent_before_the_end_is_told_with_its_amount(flaky, warnings_told) -> None:
    flaky.is_away = True
    publisher = Publisher(flaky, sync_interval=3600)
    publisher.exit_timeout = 0.1
    for number in range(7):
        publisher.publish(an_event(number))
    publisher.close()

    assert publisher.telemetry()["dropped"]["shutdown"] == 7
    assert len(warnings_told) == 1
    assert_accounted(publisher)


@pytest.mark.parametrize(
    ("url", "is_hinted"),
    [("sqs://eu-central-1", False), ("kafka://localhost:1", False), ("memory://", True)],
)
def test_who_has_named_a_queue_is_not_told_to_choose_another_store(url: str, is_hinted) -> None:
    pytest.importorskip(
        "boto3" if url[0] == "s" else "confluent_kafka" if url[0] == "k" else "json"
    )
    publisher = Publisher(url)

    assert bool(publisher._flusher.outage._hint) is is_hinted
    publisher.close()


def test_a_queue_object_and_a_store_object_are_taken_as_they_are(queue: Queue) -> None:
    for given in (queue, queue.store):  # type: ignore[attr-defined]
        with Publisher(given, topic="mine") as publisher:
            publisher.publish(an_event(1))
            assert publisher.flush(20)
    assert [parse(body)["payload"]["number"] for body in bodies_in(queue, "mine")] == [1, 1]
