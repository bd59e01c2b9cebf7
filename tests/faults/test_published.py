"""Events on their way into a queue, whatever fails: each is there once, or in a drop counter."""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecl_logging.events import Publisher
from tests.events.making import an_event
from tests.events.queue_contents import events_in
from tests.faults.programs import Programs, assert_silent
from tests.faults.proxy import Fate, Proxy, proxy_to
from tests.faults.published import assert_published, noted, texts_in
from tests.faults.unprotected import take_in_whatever_number
from tests.redis_servers import RedisServer, free_port
from tests.waiting import wait_until

FATES = {
    Fate.PASS: 60,
    Fate.LOSE_REQUEST: 8,
    Fate.LOSE_REPLY: 14,
    Fate.RESET: 4,
    Fate.TRUNCATE_REPLY: 4,
    Fate.REPEAT_REQUEST: 4,
    Fate.REPEAT_LATE: 2,
    Fate.GARBAGE_REPLY: 2,
}


@pytest.fixture
def network(empty_server: RedisServer) -> Iterator[Proxy]:
    with proxy_to(empty_server.port) as proxy:
        yield proxy


def numbers_in(url: object) -> list[int]:
    return [event["payload"]["number"] for event in events_in(url)]


def assert_accounted(telemetry: Any) -> None:
    gone = telemetry["applied"] + telemetry["pending"] + sum(telemetry["dropped"].values())
    assert telemetry["counted"] == gone


# --- networks and servers


def publish_over(network: Proxy, server: RedisServer, chance: random.Random) -> Any:
    """Publish 300 events while the network does what it does; return the telemetry."""
    url = f"{network.url(server.url)}?socket_timeout=0.3"
    network.rule = lambda words: chance.choices(list(FATES), list(FATES.values()))[0]
    with Publisher(url, sync_interval=0.01) as publisher:
        publisher._flusher.outage.longest_pause = 0.01
        for number in range(300):
            publisher.publish(an_event(number))
            if number % 10 == 0:
                publisher.flush(0.2)
                assert_accounted(publisher.telemetry())
        wait_until(lambda: publisher.flush(5), seconds=30)
        network.rule = lambda _: Fate.PASS
        return publisher.telemetry()


@pytest.mark.once
def test_each_is_there_once_in_its_order_whatever_the_network_does(
    network: Proxy, empty_server: RedisServer, chance: random.Random
) -> None:
    telemetry = publish_over(network, empty_server, chance)

    assert numbers_in(empty_server.url) == list(range(300))
    assert telemetry["applied"] == telemetry["counted"] == 300
    assert telemetry["retries"] > 0


@pytest.mark.once
def test_where_the_numbers_of_batches_are_not_looked_at_some_are_there_twice(
    network: Proxy, empty_server: RedisServer, chance: random.Random, monkeypatch
) -> None:
    """The control of the test before."""
    take_in_whatever_number(monkeypatch)
    publish_over(network, empty_server, chance)

    found = Counter(numbers_in(empty_server.url))
    assert set(found) == set(range(300))
    assert max(found.values()) > 1


@pytest.mark.once
def test_a_server_that_is_away_first_gets_all_when_it_comes(
    later: RedisServer, warnings_told
) -> None:
    with Publisher(later.url, sync_interval=0.02) as publisher:
        publisher._flusher.outage.longest_pause = 0.05
        for number in range(1200):
            publisher.publish(an_event(number))
        wait_until(lambda: publisher.telemetry()["last_error"] is not None)
        later.start()
        wait_until(publisher.flush)
        assert publisher.telemetry()["applied"] == 1200

    assert numbers_in(later.url) == list(range(1200))
    assert len(warnings_told) == 2  # it is away, and it is back


@pytest.mark.once
def test_a_server_that_is_killed_and_comes_back_without_what_it_had_is_told_exactly(
    own_server: RedisServer,
) -> None:
    with Publisher(own_server.url, sync_interval=3600) as publisher:
        publisher._flusher.outage.longest_pause = 0.05
        for number in range(30):
            publisher.publish(an_event(number))
        wait_until(publisher.flush)
        own_server.kill()
        for number in range(30, 50):
            publisher.publish(an_event(number))
        publisher.flush(0.2)
        own_server.start()
        wait_until(publisher.flush)
        telemetry = publisher.telemetry()

    assert numbers_in(own_server.url) == list(range(30, 50))
    assert telemetry["dropped"]["server_forgot"] == 30
    assert telemetry["applied"] == 20
    assert_accounted(telemetry)


@pytest.mark.once
def test_eight_threads_and_a_server_that_is_killed_lose_nothing_that_it_wrote_down(
    tmp_path: Path,
) -> None:
    server = RedisServer(
        tmp_path, "--appendonly", "yes", "--appendfsync", "always", port=free_port()
    )
    server.start()
    publisher = Publisher(server.url, sync_interval=0.02)
    publisher._flusher.outage.longest_pause = 0.05

    def work(number: int) -> None:
        for n in range(100):
            publisher.publish(an_event(1000 * number + n))
            time.sleep(0.001)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    server.kill()
    time.sleep(0.05)
    server.start()
    for thread in threads:
        thread.join()
    wait_until(publisher.flush)
    publisher.close()

    found = numbers_in(server.url)
    assert sorted(found) == [1000 * number + n for number in range(8) for n in range(100)]
    for number in range(8):
        of_it = [n for n in found if n // 1000 == number]
        assert of_it == sorted(of_it)
    server.kill()


# --- processes


@pytest.fixture
def anywhere(programs_anywhere: Programs) -> Programs:
    """On every queue of ours that processes share, in turn."""
    return programs_anywhere


START = """
import os, signal, sys, threading, time
from tests.faults.published import *
"""


def test_a_program_that_does_not_close_has_published_all_at_its_end(anywhere: Programs) -> None:
    assert_silent(anywhere.run(f"{START}\nconfigure(sync_interval=60)\nlog_events(50)"))
    assert_published(anywhere)


@pytest.mark.once  # SIGKILL is the system's, not Python's
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing kills like SIGKILL")
def test_a_program_that_is_killed_loses_what_it_had_not_sent(anywhere: Programs) -> None:
    ended = anywhere.run(
        f"""{START}
configure(sync_interval=60)
log_events(30)
flush()
log_events(7)
os.kill(os.getpid(), signal.SIGKILL)
"""
    )

    assert (ended.status, ended.err) == (-signal.SIGKILL, "")
    notes = noted(anywhere.oracle)
    assert len(notes) == 37
    assert texts_in(anywhere.url) == notes[:30]


@pytest.mark.once
def test_a_program_that_is_killed_loses_no_more_than_one_interval(programs: Programs) -> None:
    ended = programs.run(
        f"""{START}
configure(sync_interval=0.1)
log_events(30)
give_up = time.monotonic() + 20
while publisher().telemetry()["pending"] and time.monotonic() < give_up:
    time.sleep(0.05)
os.kill(os.getpid(), signal.SIGKILL)
"""
    )

    assert ended.status == -signal.SIGKILL
    assert_published(programs)


def test_a_child_has_nothing_of_what_its_parent_had_pending(anywhere: Programs) -> None:
    ended = anywhere.run_forking(
        f"""{START}
configure(sync_interval=60)
log_events(1)
flush()
log_events(20)
child = os.fork()
if child == 0:
    assert publisher().telemetry()["counted"] == 0
    log_events(10)
    grandchild = os.fork()
    log_events(5)
    if grandchild:
        assert os.waitpid(grandchild, 0)[1] == 0
    sys.exit(0)
log_events(10)
assert os.waitpid(child, 0)[1] == 0
"""
    )

    assert_silent(ended)
    assert len(noted(anywhere.oracle)) == 51
    assert_published(anywhere)


def test_a_storm_of_forks_amid_threads_that_publish_loses_nothing(anywhere: Programs) -> None:
    ended = anywhere.run_forking(
        f"""{START}
configure(sync_interval=0.02)
is_over = threading.Event()

def work(number):
    while not is_over.is_set():
        log_events(3)
        time.sleep(0.002)

thread = threading.Thread(target=work, args=(0,))
thread.start()
children = []
for number in range(8):
    child = os.fork()
    if child == 0:
        if number % 4 == 0:
            os._exit(0)
        log_events(25)
        if number % 4 == 1:
            flush()
            os._exit(0)
        sys.exit(0)
    children.append(child)
    time.sleep(0.01)
for child in children:
    assert os.waitpid(child, 0)[1] == 0
is_over.set()
thread.join()
""",
        seconds=60,
    )

    assert ended.status == 0, ended.err
    assert_published(anywhere)


def test_processes_of_multiprocessing_publish_what_they_log(programs: Programs) -> None:
    ended = programs.run_forking(
        f"""{START}
import multiprocessing

def work(number):
    from tests.faults.published import log
    if not log.handlers:
        configure(sync_interval=0.05)
    log_events(number)

if __name__ == "__main__":
    configure(sync_interval=0.05)
    log_events(10)
    processes = [
        multiprocessing.get_context(method).Process(target=work, args=(30,))
        for method in ("fork", "spawn")
    ]
    for process in processes:
        process.start()
        log_events(10)
    for process in processes:
        process.join()
        assert process.exitcode == 0
"""
    )

    assert_silent(ended)
    assert len(noted(programs.oracle)) == 90
    assert_published(programs)


def test_a_signal_handler_that_logs_amid_flushes_publishes_what_it_logs(programs: Programs) -> None:
    ended = programs.run(
        f"""{START}
configure(sync_interval=0.01)
signal.signal(signal.SIGALRM, lambda *_: log_events(1))
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
give_up = time.monotonic() + 1
while time.monotonic() < give_up:
    log_events(2)
    publisher().flush(0.05)
    publisher().telemetry()
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    )

    assert ended.status == 0, ended.err
    found, notes = texts_in(programs.url), noted(programs.oracle)
    assert Counter(found) == Counter(notes)  # a handler may note, and log, between two lines
    assert len(notes) > 20


@pytest.mark.once
def test_a_topic_that_is_full_is_filled_by_several_programs_and_nothing_is_lost(
    empty_server: RedisServer, warnings_told
) -> None:
    found: list[int] = []
    with contextlib.ExitStack() as stack:
        publishers = [
            stack.enter_context(Publisher(empty_server.url, max_waiting=40, sync_interval=0.02))
            for _ in range(3)
        ]
        for which, publisher in enumerate(publishers):
            publisher._flusher.outage.longest_pause = 0.02
            for number in range(100):
                publisher.publish(an_event(1000 * which + number))

        def all_there() -> bool:
            assert publishers[0].store.backlog("events").waiting <= 40  # type: ignore[attr-defined]
            found.extend(numbers_in(empty_server.url))
            return len(found) >= 300

        wait_until(all_there)
        for publisher in publishers:
            wait_until(publisher.flush)
            assert not any(publisher.telemetry()["dropped"].values())
    assert sorted(found) == [1000 * which + n for which in range(3) for n in range(100)]
    full = [told for told in warnings_told if "topic events is full" in told]
    back = [told for told in warnings_told if "is back" in told]
    assert len(full) == len(back)  # each time once
