"""Consumers that are killed at any moment: no event is lost, none is stuck, and counts are told."""

from __future__ import annotations

import json
import random
import re
import signal
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from ecl_logging.events.queues import open_queue
from ecl_logging.events.queues.protocols import Queue
from tests.events.making import an_event, publish
from tests.faults.programs import Programs, Started
from tests.redis_servers import RedisServer
from tests.waiting import wait_until

pytestmark = pytest.mark.once  # SIGKILL is the system's, not Python's

EVENTS, KILLS, AT_A_TIME = 3000, 50, 3

PROGRAM = """
import json, os, time
from ecl_logging.events import Consumer, ConsumerHub
from ecl_logging.events.engines import Engine
from ecl_logging.events.queues import open_queue

noted = open(os.environ["NOTED"], "a", buffering=1)

def consume(event):
    time.sleep(0.002)
    header = event["header"]
    noted.write(json.dumps([header["id"], header["deliveries"]]) + "\\n")

hub = ConsumerHub()
hub.add_consumer(Consumer(consume, "sales"))
Engine(
    hub, open_queue(os.environ["QUEUE"]), claim_seconds=1.5, max_deliveries=KILLS, polling_period=0.2
).run()
""".replace("KILLS", str(KILLS + 1))


def has_handler(program: Started, number: signal.Signals) -> bool:
    """Whether a program that has just been started has come so far as to handle a signal."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    [caught] = re.findall(r"^SigCgt:\s*(\w+)$", status, re.MULTILINE)
    return bool(int(caught, 16) >> (number - 1) & 1)


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("empty_server")
        return server.url
    return f"sqlite:///{tmp_path}/queue.db"


def test_fifty_kills_lose_no_event_and_leave_none_behind(
    url: str, empty_server: RedisServer, tmp_path: Path, chance: random.Random
) -> None:
    queue = open_queue(url)
    events = [an_event(number) for number in range(EVENTS)]
    publish(queue, "sales", events)
    programs, folder = Programs(tmp_path, empty_server), tmp_path / "noted"
    folder.mkdir()

    def start(number: int) -> Started:
        return programs.start(PROGRAM, QUEUE=url, NOTED=str(folder / f"{number}.jsonl"))

    running = [start(number) for number in range(AT_A_TIME)]
    for number in range(AT_A_TIME, AT_A_TIME + KILLS):
        time.sleep(chance.uniform(0.0, 0.4))
        running.pop(chance.randrange(AT_A_TIME)).kill()
        running.append(start(number))
        if chance.random() < 0.5:  # so that there is something to be killed for, to the end
            more = [an_event(EVENTS + number)]
            events += more
            publish(queue, "sales", more)
    wait_until_empty(queue)
    for program in running:
        wait_until(lambda program=program: has_handler(program, signal.SIGTERM))
        program.send(signal.SIGTERM)
    assert [program.end().status for program in running] == [0] * AT_A_TIME

    handled = handled_in(folder)
    assert set(handled) == {event["header"]["id"] for event in events}
    backlog = queue.backlog("sales")
    assert (backlog.waiting, backlog.in_hand, backlog.dead_letters) == (0, 0, 0)
    # What was handled more than once was told so: the second time as a second delivery, or later.
    again = {event: counts for event, counts in handled.items() if len(counts) > 1}
    assert all(len(set(counts)) == len(counts) for counts in again.values()), again
    assert any(max(counts) > 1 for counts in handled.values())
    queue.close()


def wait_until_empty(queue: Queue) -> None:
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        backlog = queue.backlog("sales")
        if not backlog.waiting and not backlog.in_hand:
            return
        time.sleep(0.1)
    raise AssertionError(f"stuck: {queue.backlog('sales')}")


def handled_in(folder: Path) -> dict[str, list[int]]:
    """By event, the delivery counts with which consumers were called."""
    handled: dict[str, list[int]] = defaultdict(list)
    for path in folder.iterdir():
        for line in path.read_text().splitlines():
            if line.endswith("]"):  # the last one of a killed program may be torn
                event, deliveries = json.loads(line)
                handled[event].append(deliveries)
    print(Counter(len(counts) for counts in handled.values()))
    return handled
