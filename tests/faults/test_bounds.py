"""However much is logged while the store is away, and whatever: memory is bounded, sums are exact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.canary import assert_no_canary
from tests.conftest import wait_until
from tests.faults.oracle import totals
from tests.faults.programs import Programs
from tests.redis_servers import RedisServer

MIB = 2**20
SECOND_TO_HOUR = ["5s", "1m", "1h"]

START = """
from tests.faults.noting_sockets import threads_at_sockets
import json, os, sys, threading, time
from ecl_logging.batches import PendingCounts
from ecl_logging.counter import GroupCounter
from tests.faults.counted import *

def memory():  # the most that the process has had so far
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024

def send_all_and_tell(**told):
    print("logged", flush=True)
    ecl, deadline = event_count_logger(), time.monotonic() + 60
    while not ecl.flush(5.0) and time.monotonic() < deadline:
        time.sleep(0.05)
    print(json.dumps(told | {"telemetry": ecl.telemetry()}))
"""

# Half an hour of 200 records a second, in as long as it takes: the records' own times say when they
# were logged, and nothing that counts them reads a clock.
HALF_AN_HOUR = """
RECORDS, SECONDS = int(os.environ["RECORDS"]), 1800
KINDS = [f"kind{n}" for n in range(50)]

configure({GROUP: {"events": KINDS, "intervals": ["5s", "1m", "1h"], "history": 600}})
log_records(10)  # of no kind that it has; all that is loaded late is loaded now
while event_count_logger().telemetry()["last_error"] is None:
    time.sleep(0.01)
if "KEEP_ALL" in os.environ:  # the control: nobody looks at what arrives
    PendingCounts._drain = GroupCounter._notice = lambda *_: None
began = time.time() - SECONDS
before = memory()
slowest = 0.0
record = log.makeRecord("app", logging.INFO, __file__, 1, "at work", (), None)
# The oracle's lines, in large pieces: so many are written faster than they are counted.
root = logging.getLogger()
root.handlers = [handler for handler in root.handlers if handler is counting_handler()]
oracle = open(os.environ["ORACLE"], "a")
for n in range(RECORDS):
    kind, created = KINDS[n % 50], began + n * SECONDS / RECORDS
    oracle.write(f"{kind}\\t{created!r}\\n")
    record.event, record.created = kind, created
    at = time.monotonic()
    log.handle(record)
    slowest = max(slowest, time.monotonic() - at)
oracle.close()
event_count_logger().telemetry()  # drains what has arrived
grown = memory() - before
send_all_and_tell(
    grown=grown,
    slowest=slowest,
    others_at_sockets=len(threads_at_sockets - {threading.get_ident()}),
    logger_at_sockets=int(threading.get_ident() in threads_at_sockets),
)
"""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="this system does not say what memory is used"
)


def run_while_away(later: RedisServer, programs: Programs, source: str, **environment: str) -> Any:
    """Run a program whose server comes when it has logged; return what it tells, and the errors."""
    program = programs.start(START + source, **environment)
    wait_until(lambda: "logged" in program.out() or program.process.poll() is not None, 90)
    later.start()
    ended = program.end(90)
    assert_no_canary("what the program printed", ended.out, ended.err)
    assert ended.status == 0, ended.err
    return json.loads(ended.out.splitlines()[-1]) | {"warnings": ended.err.splitlines()}


@pytest.fixture
def away(later: RedisServer, tmp_path: Path) -> Programs:
    """Programs of a server that is not there yet."""
    return Programs(tmp_path, later)


@pytest.mark.once
@pytest.mark.fault("F1")
def test_half_an_hour_without_a_server_takes_little_memory_and_no_count(
    later: RedisServer, away: Programs
) -> None:
    told = run_while_away(later, away, HALF_AN_HOUR, RECORDS="360000")

    assert told["grown"] < 20 * MIB
    assert told["slowest"] < 1.0  # far less than any time-out
    assert (told["others_at_sockets"], told["logger_at_sockets"]) == (1, 0)
    telemetry = told["telemetry"]
    assert telemetry["applied"] == 360_000
    assert {reason: n for reason, n in telemetry["dropped"].items() if n} == {"undeclared": 10}
    assert telemetry["late"] == telemetry["ahead"] == telemetry["other"] == 0
    stored = away.stored()
    assert stored == without_others(away.expected(SECOND_TO_HOUR))
    assert len([text for text, _ in stored if text == "5s"]) in {360, 361}


def without_others(buckets: dict[tuple[str, int], dict[str, int]]) -> Any:
    """Without the IDs that the group does not have."""
    kept = {
        key: {event_id: n for event_id, n in cells.items() if event_id.startswith("kind")}
        for key, cells in buckets.items()
    }
    return {key: cells for key, cells in kept.items() if cells}


@pytest.mark.once
@pytest.mark.fault("F1", control=True)
def test_a_program_that_kept_every_record_would_take_more(
    later: RedisServer, away: Programs
) -> None:
    told = run_while_away(later, away, HALF_AN_HOUR, RECORDS="300000", KEEP_ALL="yes")

    assert told["grown"] > 20 * MIB


# Half a million different IDs, one by one, and one that is declared among them.
BOMB = """
IDS = int(os.environ["IDS"])
any_id = os.environ["ANY_ID"] == "yes"
batches.MAX_CELLS = int(os.environ.get("MAX_CELLS", batches.MAX_CELLS))
group = {"events": ["known"], "intervals": ["1h"], "max_events": 1000}
ecl = EventCountLogger({GROUP: group | {"auto_declare_events": any_id}})
ecl[GROUP].log("known")
while ecl.telemetry()["last_error"] is None:
    time.sleep(0.01)
before = memory()
for n in range(IDS):
    ecl[GROUP].log(f"login of the user with number {n}")
    if n % 1000 == 0:
        ecl[GROUP].log("known")
ecl.telemetry()
grown = memory() - before
event_count_logger = lambda: ecl
send_all_and_tell(grown=grown)
"""
BOMB = "from ecl_logging import EventCountLogger, batches\n" + BOMB
MOST = 40 * MIB  # of 100,000 counts, 20,000 arrivals, and what it takes to send them


@pytest.mark.once
@pytest.mark.fault("F2")
def test_half_a_million_different_ids_take_bounded_memory_and_their_sum_is_exact(
    later: RedisServer, away: Programs
) -> None:
    told = run_while_away(later, away, BOMB, IDS="500000", ANY_ID="yes")

    assert told["grown"] < MOST
    telemetry = told["telemetry"]
    assert telemetry["counted"] == telemetry["applied"] == 500_501
    assert not any(telemetry["dropped"].values())
    cells = totals(away.stored())["1h"]
    assert cells["known"] == 501
    assert sum(cells.values()) == 500_501
    # Of each hour, so of two where one ends meanwhile.
    hours = len(away.stored())
    assert 1000 <= len(cells) - 2 <= 1000 * hours
    assert cells["@other"] == telemetry["other"] == 500_000 - (len(cells) - 2)
    assert any("it has more undeclared event IDs than max_events" in w for w in told["warnings"])


@pytest.mark.once
@pytest.mark.fault("F2")
def test_ids_without_end_that_do_not_count_are_dropped_to_the_last_one(
    later: RedisServer, away: Programs
) -> None:
    told = run_while_away(later, away, BOMB, IDS="200000", ANY_ID="no")

    assert told["grown"] < MOST
    telemetry = told["telemetry"]
    dropped = {reason: n for reason, n in telemetry["dropped"].items() if n}
    assert set(dropped) == {"memory", "undeclared"}
    assert sum(dropped.values()) == 200_000
    assert telemetry["applied"] == 201
    assert totals(away.stored()) == {"1h": {"known": 201}}


@pytest.mark.once
@pytest.mark.fault("F2", control=True)
def test_without_the_cap_half_a_million_ids_take_more(later: RedisServer, away: Programs) -> None:
    told = run_while_away(later, away, BOMB, IDS="500000", ANY_ID="no", MAX_CELLS="10000000")

    assert told["grown"] > MOST
