"""Engines: what becomes of a message, whatever its consumers do, and how they end."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import threading
import time
from typing import Any

import pytest

from ecl_logging.errors import ConfigError, StoreUnavailable
from ecl_logging.events.consumers import Consumer, ConsumerHub
from ecl_logging.events.engines import Engine
from ecl_logging.events.engines.in_hand import InHand
from ecl_logging.events.queues import open_queue
from ecl_logging.events.queues.protocols import Queue
from ecl_logging.outage import Outage
from tests.canary import CANARY
from tests.events.making import Noted, an_event, hub_of, publish, publish_bodies, ran_until
from tests.waiting import wait_until

QUICK = {"retry_pause": 0.02, "polling_period": 0.05}


def run_until_empty(queue: Queue, *functions: Any, **options: Any) -> Engine:
    engine = Engine(hub_of(*functions), queue, **(QUICK | options))
    engine.run(until_empty=True)
    return engine


# --- what consumers get


def test_a_consumer_gets_every_event_once_in_their_order_as_a_plain_dict(queue):
    events = [an_event(number) for number in range(120)]
    publish(queue, "sales", events)
    noted = Noted()

    engine = run_until_empty(queue, noted)

    assert noted.numbers == list(range(120))
    assert set(noted.deliveries) == {1}
    assert type(noted.events[0]) is dict
    assert noted.events[7]["header"]["id"] == events[7]["header"]["id"]
    assert engine.outcomes.counts() == {"handled": 120, "Noted:handled": 120}
    assert not any(vars_of(queue.backlog("sales")))


def vars_of(backlog: Any) -> list[int]:
    return [backlog.waiting, backlog.in_hand, backlog.dead_letters]


def test_an_event_goes_to_those_that_want_its_type_and_version(in_memory):
    publish(in_memory, "sales", [an_event(1), an_event(2, cls_type="refund")])
    sales, refunds, old, everything = Noted(), Noted(), Noted(), Noted()
    hub = ConsumerHub()
    hub.add_consumer(Consumer(sales, "sales", cls_type="sale"))
    hub.add_consumer(Consumer(refunds, "sales", cls_type=("refund", "other"), version="<1.0"))
    hub.add_consumer(Consumer(old, "sales", version="<0.0.1"))
    hub.add_consumer(Consumer(everything, "sales"))

    Engine(hub, in_memory).run(until_empty=True)

    assert [noted.numbers for noted in (sales, refunds, old, everything)] == [[1], [2], [], [1, 2]]


def test_what_no_consumer_wants_goes_to_the_default_handler_and_is_done_with(in_memory):
    publish(in_memory, "sales", [an_event(1)])
    others: list[Any] = []
    hub = hub_of(Noted(), cls_type="refund")

    engine = Engine(hub, in_memory, default_event_handler=others.append)
    engine.run(until_empty=True)

    assert [event["payload"]["number"] for event in others] == [1]
    assert engine.outcomes.counts() == {"unrouted": 1}
    assert not any(vars_of(in_memory.backlog("sales")))


def test_consumers_may_be_async(in_memory):
    publish(in_memory, "sales", [an_event(number) for number in range(3)])
    loops: set[int] = set()
    noted = Noted(lambda event: event["payload"]["number"] == 1)

    async def consume(event: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        loops.add(id(asyncio.get_running_loop()))
        noted(event)

    engine = run_until_empty(in_memory, consume, max_deliveries=1)

    assert noted.numbers == [0, 1, 2]
    assert len(loops) == 1  # so what belongs to a loop, such as a client, can be kept
    assert engine.outcomes.counts()["dead_letter"] == 1


def test_topics_are_filled_in_and_consumers_called_by_an_operator(in_memory):
    class Operator:
        def get_topic(self, consumer: Consumer) -> str:
            return consumer.topic.format(env="test")

        def process_event(self, consumer: Consumer, event: dict[str, Any]) -> Any:
            return consumer.func("settings", event)

    publish(in_memory, "sales-test", [an_event(5)])
    calls: list[Any] = []
    hub = hub_of(lambda settings, event: calls.append((settings, event)), topic="sales-{env}")

    Engine(hub, in_memory, Operator()).run(until_empty=True)

    [(settings, event)] = calls
    assert (settings, event["payload"]["number"]) == ("settings", 5)


# --- failures


def test_an_event_that_fails_comes_again_with_its_count_while_others_flow(queue):
    publish(queue, "sales", [an_event(number) for number in range(5)])
    noted = Noted(lambda e: e["payload"]["number"] == 1 and e["header"]["deliveries"] < 3)

    engine = Engine(hub_of(noted), queue, **QUICK)
    ran_until(engine, lambda: engine.outcomes.counts().get("handled") == 5)

    assert sorted(noted.numbers) == [0, 1, 1, 1, 2, 3, 4]
    assert [d for n, d in zip(noted.numbers, noted.deliveries, strict=True) if n == 1] == [1, 2, 3]
    assert noted.numbers.index(4) < len(noted.numbers) - 1  # before the last try of 1
    assert not any(vars_of(queue.backlog("sales")))


def test_pauses_between_tries_grow(in_memory):
    publish(in_memory, "sales", [an_event(1)])
    times: list[float] = []

    def consume(_event: Any) -> None:
        times.append(time.monotonic())
        raise ValueError

    engine = Engine(hub_of(consume), in_memory, retry_pause=0.1, max_deliveries=4)
    ran_until(engine, lambda: in_memory.backlog("sales").dead_letters == 1)

    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert [pause >= least for pause, least in zip(pauses, (0.1, 0.2, 0.4), strict=True)] == [
        True,
        True,
        True,
    ]


def test_what_always_fails_ends_in_the_dead_letters_and_can_be_replayed(queue):
    publish(queue, "sales", [an_event(number) for number in range(10)])
    failing = Noted(lambda event: event["payload"]["number"] == 3)
    engine = Engine(hub_of(failing), queue, max_deliveries=3, **QUICK)

    ran_until(engine, lambda: queue.backlog("sales").dead_letters == 1)

    [letter] = queue.dead_letters("sales", 10)
    assert json.loads(letter.body)["payload"]["number"] == 3
    assert (letter.reason, letter.deliveries) == ("Noted: ValueError: no number 3", 3)
    assert failing.numbers.count(3) == 3
    assert engine.outcomes.counts()["handled"] == 9

    assert queue.replay("sales") == 1
    mended = Noted()
    run_until_empty(queue, mended)
    assert (mended.numbers, mended.deliveries) == ([3], [1])
    assert not any(vars_of(queue.backlog("sales")))


def test_dead_letters_can_be_forgotten(queue):
    publish(queue, "sales", [an_event(1), an_event(2)])
    run_until_empty(queue, Noted(lambda event: True), max_deliveries=1)

    assert queue.drop("sales") == 2
    assert queue.dead_letters("sales", 10) == []


def test_of_two_consumers_only_the_one_that_failed_is_called_again(in_memory):
    publish(in_memory, "sales", [an_event(1)])
    good, bad = Noted(), Noted(lambda event: event["header"]["deliveries"] < 3)

    engine = Engine(hub_of(good, bad), in_memory, **QUICK)
    ran_until(engine, lambda: engine.outcomes.counts().get("handled") == 1)

    assert (good.deliveries, bad.deliveries) == ([1], [1, 2, 3])


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_whatever_a_consumer_raises_is_a_failure_of_that_event(in_memory, error):
    publish(in_memory, "sales", [an_event(1), an_event(2)])
    noted = Noted()

    def consume(event: dict[str, Any]) -> None:
        if event["payload"]["number"] == 1:
            raise error("in the midst")
        noted(event)

    run_until_empty(in_memory, consume, max_deliveries=1)

    assert noted.numbers == [2]
    [letter] = in_memory.dead_letters("sales", 10)
    assert letter.reason == f"consume: {error.__name__}: in the midst"


def test_warnings_and_reasons_show_no_password_and_drive_no_terminal(in_memory, warnings_told):
    publish(in_memory, "sales", [an_event(1, channel="shop\x1b[2J" + "x" * 200)])

    def consume(_event: Any) -> None:
        raise OSError(f"db://me:{CANARY}@host: \x1b[2J is away")

    run_until_empty(in_memory, consume, max_deliveries=1)

    [warning] = warnings_told
    [letter] = in_memory.dead_letters("sales", 10)
    assert letter.reason == "consume: OSError: db://***@host: \\x1b[2J is away"
    assert warning.endswith(f" failed, delivery 1 of 1: {letter.reason}")
    assert "of shop\\x1b[2Jxxx" in warning
    assert len(warning) < 300


def test_each_consumer_has_an_event_of_its_own_to_change(in_memory):
    publish(in_memory, "sales", [an_event(1)])
    seen: list[Any] = []

    def change(event: dict[str, Any]) -> None:
        seen.append(dict(event["payload"]))
        event["payload"].clear()

    engine = Engine(hub_of(change, change), in_memory, default_event_handler=change)
    engine.run(until_empty=True)

    assert [payload["number"] for payload in seen] == [1, 1]


def test_a_consumer_with_a_yield_has_not_run_and_is_told_so(in_memory):
    publish(in_memory, "sales", [an_event(1)])

    def consume(_event: Any) -> Any:
        yield 1

    run_until_empty(in_memory, consume, max_deliveries=1)

    [letter] = in_memory.dead_letters("sales", 10)
    assert letter.reason == "consume: TypeError: it has a `yield`, so that nothing of it has run"


class Untold(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise SystemExit


@pytest.mark.parametrize(
    "error", [ValueError("x" * 10_000_000), ValueError("a\n\x1b[0m"), Untold()]
)
def test_what_is_told_of_a_failure_is_one_short_line(in_memory, error, warnings_told):
    publish(in_memory, "sales", [an_event(1)])

    def consume(_event: Any) -> None:
        raise error

    run_until_empty(in_memory, consume, max_deliveries=1)

    [letter] = in_memory.dead_letters("sales", 10)
    for text in (letter.reason, *warnings_told):
        assert type(error).__name__ in text
        assert len(text) < 1000
        assert text.isprintable()


def test_a_default_handler_may_be_async(in_memory):
    publish(in_memory, "sales", [an_event(1)])
    ended: list[Any] = []

    async def handle(event: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        ended.append(event["payload"]["number"])

    engine = Engine(hub_of(Noted(), cls_type="other"), in_memory, None, handle)
    engine.run(until_empty=True)
    assert ended == [1]


def test_where_one_delivery_is_all_nobody_waits_behind_an_event_that_kills(queue):
    publish(queue, "sales", [an_event(number) for number in range(3)])
    in_hand: list[int] = []

    run_until_empty(
        queue, lambda event: in_hand.append(queue.backlog("sales").in_hand), max_deliveries=1
    )

    assert in_hand == [1, 1, 1]


def test_whoever_listens_and_raises_does_not_make_an_event_fail(in_memory):
    publish(in_memory, "sales", [an_event(1)])
    noted = Noted()
    engine = Engine(hub_of(noted), in_memory, **QUICK)
    engine.outcomes.listen = [].remove

    engine.run(until_empty=True)

    assert noted.deliveries == [1]
    assert engine.outcomes.counts()["handled"] == 1


FORKING = """
import os, sys
from ecl_logging.events import Consumer, ConsumerHub, Publisher, new_event
from ecl_logging.events.engines import EmbeddedEngine

url = "sqlite:///" + os.path.abspath("queue.db")
with Publisher(url, topic="sales") as publisher:
    for number in range(3):
        publisher.publish(new_event({"cls_type": "sale", "number": number}, "shop"))

def consume(event):
    child = os.fork()
    if not child:
        sys.exit(7)
    print(event["payload"]["number"], os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)

hub = ConsumerHub()
hub.add_consumer(Consumer(consume, "sales"))
engine = EmbeddedEngine(hub, url)
engine.run(until_empty=True)
print(engine.outcomes.counts())
"""


def test_a_child_that_a_consumer_forks_does_not_go_on_as_an_engine(programs_anywhere):
    ended = programs_anywhere.run_forking(FORKING)

    assert (ended.status, ended.err) == (0, "")
    assert ended.out == "0 7\n1 7\n2 7\n{'handled': 3, 'consume:handled': 3}\n"


# --- poison

NESTED = '{"schema": "0.1.0", "header": {}, "payload": ' + '{"a":' * 50_000 + "1" + "}" * 50_000
EVENT = json.dumps(an_event(1))
POISON = {
    "not JSON": ("no JSON at all", "no event: "),
    "empty": ("", "no event: "),
    "a list": ("[1, 2]", "no event: "),
    "wrong types": (EVENT.replace('"shop.sold"', "7"), "header.channel"),
    "no type": (EVENT.replace("cls_type", "klass"), "payload.cls_type"),
    "bad known type": (EVENT.replace('"sale"', '"metrics"'), "payload"),
    "10 MB": (EVENT[:-1] + ', "more": "' + "x" * 10_000_000 + '"}', "bytes"),
    "unknown version": (EVENT.replace('"0.1.0"', '"7.0"'), "schema: '7.0' is not known"),
    "deep nesting": (NESTED + "}", "no event: "),
    "a lone surrogate": ('{"schema": "\\ud800"}', "no event: "),
}


@pytest.mark.parametrize("what", POISON)
def test_what_is_no_event_is_a_dead_letter_at_once_and_the_engine_goes_on(
    in_memory, what, warnings_told
):
    body, reason = POISON[what]
    publish_bodies(in_memory, "sales", body)
    publish(in_memory, "sales", [an_event(2)])
    noted = Noted()

    run_until_empty(in_memory, noted)

    assert noted.numbers == [2]
    [letter] = in_memory.dead_letters("sales", 10)
    assert letter.reason.startswith("no event: ")
    assert reason in letter.reason
    assert letter.body == body.encode()
    assert letter.deliveries == 1
    assert all(len(told) < 500 for told in warnings_told)


# --- hooks of subclasses


def test_a_subclass_sees_messages_errors_and_what_is_no_event(in_memory):
    publish(in_memory, "sales", [an_event(1), an_event(2)])
    publish_bodies(in_memory, "sales", "nothing")
    seen: list[Any] = []

    class Seeing(Engine):
        def on_event(self, event: dict[str, Any], consumers: list[Consumer]) -> None:
            seen.append(("event", event["payload"]["number"], [c.name for c in consumers]))
            super().on_event(event, consumers)

        def on_error(self, event: dict[str, Any], error: BaseException) -> None:
            seen.append(("error", event["payload"]["number"], str(error)))
            raise RuntimeError("in a hook")

        def on_deserialization_error(self, raw_message: bytes, error: Exception) -> None:
            seen.append(("no event", raw_message))

    noted = Noted(lambda event: event["payload"]["number"] == 2)
    Seeing(hub_of(noted), in_memory, max_deliveries=1).run(until_empty=True)

    assert seen == [
        ("event", 1, ["Noted"]),
        ("event", 2, ["Noted"]),
        ("error", 2, "Noted: ValueError: no number 2"),
        ("no event", b"nothing"),
    ]


def test_a_topic_goes_on_when_a_method_of_a_subclass_raises(in_memory):
    publish(in_memory, "sales", [an_event(1)])
    noted = Noted()

    class Failing(Engine):
        looks = 0

        def poll_topic(self, topic: str, consumers: list[Consumer]) -> None:
            self.looks += 1
            if self.looks == 1:
                raise OSError("once")
            super().poll_topic(topic, consumers)

    engine = Failing(hub_of(noted), in_memory, **QUICK)
    ran_until(engine, lambda: noted.numbers == [1])

    assert engine.looks >= 2
    assert noted.deliveries == [1]


# --- beginning and ending


def test_an_engine_that_is_stopped_finishes_its_event_and_gives_back_the_rest(queue):
    publish(queue, "sales", [an_event(number) for number in range(20)])
    begun, may_end = threading.Event(), threading.Event()
    first: list[int] = []

    def consume(event: dict[str, Any]) -> None:
        begun.set()
        may_end.wait(20)
        first.append(event["payload"]["number"])

    engine = Engine(hub_of(consume), queue, **QUICK)
    thread = threading.Thread(target=engine.run)
    thread.start()
    assert begun.wait(20)
    engine.stop()
    may_end.set()
    thread.join(20)
    assert not thread.is_alive()

    noted = Noted()
    run_until_empty(queue, noted)
    assert first == [0]
    assert noted.numbers == list(range(1, 20))
    assert set(noted.deliveries) == {1}  # nobody had begun with them


@pytest.mark.parametrize("queue_url", ["sqlite"], indirect=True)  # each extends by its contract
def test_what_takes_longer_than_a_claim_is_not_handed_to_another(queue_url):
    queue = open_queue(queue_url)
    publish(queue, "sales", [an_event(1)])
    noted, others = Noted(), Noted()

    def consume(event: dict[str, Any]) -> None:
        time.sleep(2.5)
        noted(event)

    slow = Engine(hub_of(consume), queue, claim_seconds=0.9, **QUICK)
    other = Engine(hub_of(others), open_queue(queue_url), claim_seconds=0.9, **QUICK)
    thread = threading.Thread(target=other.run)

    def handled() -> bool:
        if not thread.ident:
            time.sleep(0.3)
            thread.start()
        return noted.numbers == [1]

    ran_until(slow, handled)
    other.stop()
    thread.join(20)

    assert others.numbers == []
    assert not any(vars_of(queue.backlog("sales")))


def test_what_is_done_is_acknowledged_while_the_next_one_takes_long(in_memory):
    publish(in_memory, "sales", [an_event(1), an_event(2)])
    was_told = threading.Event()

    def consume(event: dict[str, Any]) -> None:
        if event["payload"]["number"] == 2:
            wait_until(lambda: in_memory.backlog("sales").in_hand == 1)
            was_told.set()

    run_until_empty(in_memory, consume, claim_seconds=60, max_deliveries=1)

    assert was_told.is_set()


def test_what_is_done_is_kept_as_long_as_the_queue_could_not_be_told(in_memory):
    publish(in_memory, "sales", [an_event(1), an_event(2)])
    [one, other] = in_memory.receive("sales", 2, seconds=0.2, wait=0)
    hand = InHand(Failing(in_memory, ack=1), Outage())
    hand.take([one, other])
    hand.is_done(one)
    assert not hand.acknowledge()

    hand.extend(60)
    time.sleep(0.3)

    assert in_memory.receive("sales", 2, seconds=60, wait=0) == []


def test_an_engine_that_runs_cannot_run_twice(in_memory):
    engine = Engine(hub_of(Noted()), in_memory, **QUICK)

    def has_refused() -> bool:
        if not engine.running:
            return False
        with pytest.raises(RuntimeError, match="runs already"):
            engine.run()
        return True

    ran_until(engine, has_refused)


def test_an_engine_can_run_again(in_memory):
    noted = Noted()
    engine = Engine(hub_of(noted), in_memory, **QUICK)
    for number in range(2):
        publish(in_memory, "sales", [an_event(number)])
        engine.run(until_empty=True)

    assert noted.numbers == [0, 1]


def test_there_must_be_consumers_and_topics_must_be_filled_in(in_memory):
    with pytest.raises(ConfigError, match="there are no consumers"):
        Engine(ConsumerHub(), in_memory).run()
    with pytest.raises(ConfigError, match=r"Noted: 'sales-\{env\}' is no topic.*operator"):
        Engine(hub_of(Noted(), topic="sales-{env}"), in_memory).run()


@pytest.mark.parametrize(
    "option", ["polling_period", "num_messages", "claim_seconds", "max_deliveries", "retry_pause"]
)
@pytest.mark.parametrize("value", [-1, "1", None, True])
def test_options_that_make_no_sense_are_refused(in_memory, option, value):
    with pytest.raises(ConfigError, match=f"^{option}: "):
        Engine(hub_of(Noted()), in_memory, **{option: value})


def test_an_engine_that_is_still_finishing_cannot_run_again(in_memory):
    publish(in_memory, "sales", [an_event(1)])
    begun, may_end = threading.Event(), threading.Event()

    def consume(_event: Any) -> None:
        begun.set()
        may_end.wait(20)

    engine = Engine(hub_of(consume), in_memory, **QUICK)
    thread = threading.Thread(target=engine.run)
    thread.start()
    assert begun.wait(20)
    engine.stop()
    with pytest.raises(RuntimeError, match="runs already"):
        engine.run()
    may_end.set()
    thread.join(20)
    assert not thread.is_alive()


def test_what_a_consumer_has_left_in_its_loop_does_not_keep_the_engine_from_ending(
    in_memory, warnings_told
):
    publish(in_memory, "sales", [an_event(1)])
    left: list[Any] = []

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise SystemExit

    async def consume(_event: Any) -> None:
        left.append(asyncio.get_running_loop().create_task(wait()))
        await asyncio.sleep(0)

    engine = run_until_empty(in_memory, consume)

    assert engine.outcomes.counts()["handled"] == 1
    assert warnings_told == ["the end of consuming sales failed with SystemExit"]


def test_what_a_method_of_a_subclass_leaves_undone_comes_again(in_memory, warnings_told):
    publish(in_memory, "sales", [an_event(number) for number in range(5)])
    noted = Noted()

    class Failing(Engine):
        has_failed = False

        def on_message(self, message: Any, consumers: list[Consumer]) -> None:
            if not self.has_failed:
                self.has_failed = True
                raise OSError("once")
            super().on_message(message, consumers)

    engine = Failing(hub_of(noted), in_memory, claim_seconds=600, **QUICK)
    ran_until(engine, lambda: sorted(noted.numbers) == [0, 1, 2, 3, 4])

    assert warnings_told == ["consuming sales failed with OSError: once; trying on"]


# --- a queue that is away


class Failing:
    """A queue some of whose steps fail so many times."""

    empty_after = 0.0
    most_in_batch = 500

    def __init__(self, queue: Queue, **failures: int) -> None:
        self._queue, self._failures = queue, failures

    def __getattr__(self, name: str) -> Any:
        if self._failures.get(name, 0) > 0:
            self._failures[name] -= 1
            raise_unavailable(name)
        return getattr(self._queue, name)


def raise_unavailable(name: str) -> None:
    raise StoreUnavailable(f"queue: no {name}")


def test_a_queue_that_is_away_is_asked_again_and_told_of_once(in_memory, warnings_told):
    publish(in_memory, "sales", [an_event(1)])
    noted = Noted()
    engine = Engine(hub_of(noted), Failing(in_memory, receive=1), **QUICK)

    ran_until(engine, lambda: noted.numbers == [1] and not any(vars_of(in_memory.backlog("sales"))))

    gone, back = warnings_told
    assert gone == "queue: no receive; trying on"
    assert back.endswith("going on")


def test_until_empty_goes_on_when_an_acknowledgement_was_lost(in_memory):
    publish(in_memory, "sales", [an_event(number) for number in range(120)])
    noted = Noted()

    Engine(hub_of(noted), Failing(in_memory, ack=1)).run(until_empty=True)

    assert noted.numbers == list(range(120))
    assert not any(vars_of(in_memory.backlog("sales")))


def test_until_empty_ends_with_the_error_of_a_queue_that_is_away(in_memory):
    with pytest.raises(StoreUnavailable, match="no receive"):
        Engine(hub_of(Noted()), Failing(in_memory, receive=1)).run(until_empty=True)


@pytest.mark.parametrize("step", ["ack", "put_back", "bury"])
def test_work_that_is_done_is_not_done_again_because_a_queue_was_away(in_memory, step):
    publish(in_memory, "sales", [an_event(number) for number in range(3)])
    noted = Noted(lambda event: event["payload"]["number"] == 1)
    failing = Failing(in_memory, **{step: 1})
    engine = Engine(hub_of(noted), failing, max_deliveries=2, claim_seconds=0.3, **QUICK)

    ran_until(engine, lambda: vars_of(in_memory.backlog("sales")) == [0, 0, 1])

    assert (noted.numbers.count(0), noted.numbers.count(2)) == (1, 1)
    assert noted.numbers.count(1) == 2


if sys.version_info >= (3, 12):

    def test_a_consumer_may_be_any_awaitable(in_memory):
        publish(in_memory, "sales", [an_event(1)])
        ended: list[int] = []

        class Later:
            def __await__(self) -> Any:
                yield from asyncio.sleep(0).__await__()
                ended.append(1)

        run_until_empty(in_memory, lambda event: Later())
        assert ended == [1]
