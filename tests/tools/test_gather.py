"""ecl-gather: what it moves, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.records import gatherer as gathering
from ecl_logging.records.destinations import Refused, Stored
from ecl_logging.records.gatherer import Gatherer
from ecl_logging.records.set_aside import SetAside
from ecl_logging.stores import open_store
from ecl_logging.stores.keeping import Entry, RecordBatch, Repeated
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.tools import gather
from ecl_logging.tools.gather import main as ecl_gather
from tests.canary import CANARY
from tests.conftest import Clock
from tests.faults.programs import Programs
from tests.waiting import wait_until

pytestmark = pytest.mark.once  # neither Python's version nor redis-py's changes it

ONCE = ("--once", "--to", "records.jsonl")


def put(store: object, number: int, *, repeats: int = 1, kinds: int = 1) -> None:
    """Put a batch of so many entries into a store."""
    entries = tuple(
        Repeated(f"{kind:032x}", 100 + number, 100.0 + number, 100.5 + number, repeats, RECORD)
        for kind in range(kinds)
    )
    batch = RecordBatch(f"{number:032x}", 1, repeats * kinds, entries)
    assert store.records.put(batch).status == "applied"  # type: ignore[attr-defined]


RECORD = json.dumps({"name": "shop", "levelno": 20, "levelname": "INFO", "message": "sold"})


def moved() -> list[dict[str, object]]:
    return [json.loads(line) for line in Path("records.jsonl").read_text().splitlines()]


# --- what it moves


def test_once_moves_what_is_there_and_says_how_much(commanded, ran):
    put(commanded.store, 1, repeats=3)
    put(commanded.store, 2, repeats=4)

    assert ran(ecl_gather, *ONCE) == (
        0,
        "",
        "ecl-gather: moved 7 records in 2 entries to jsonl:records.jsonl\n",
    )
    assert [one["repeats"] for one in moved()] == [3, 4]
    assert commanded.store.records.waiting().entries == 0


def test_with_nothing_to_move_it_ends(commanded, ran):
    assert ran(ecl_gather, *ONCE) == (
        0,
        "",
        "ecl-gather: moved 0 records in 0 entries to jsonl:records.jsonl\n",
    )


@pytest.mark.parametrize("to", ["not/there.jsonl", "jsonl:mine.conf", "jsonl:."])
@pytest.mark.parametrize("queued", [0, 3])
def test_a_destination_that_is_not_to_be_had_is_told_before_anything_is_claimed(
    commanded, ran, to, queued
):
    Path("mine.conf").write_text("important: yes\nno end")
    if queued:
        put(commanded.store, 1, kinds=queued)
    status, out, err = ran(ecl_gather, "--once", "--to", to)

    assert (status, out) == (1, "")
    assert err.startswith("ecl-gather: error: jsonl:")
    assert "moved" not in err
    assert Path("mine.conf").read_text() == "important: yes\nno end"
    waiting = commanded.store.records.waiting()
    assert (waiting.entries, waiting.claimed) == (queued, 0)


def test_what_others_have_claimed_is_told(commanded, ran):
    put(commanded.store, 1, kinds=3)
    commanded.store.records.claim(2)
    status, _, err = ran(ecl_gather, *ONCE)

    assert status == 0
    assert "moved 1 records in 1 entries" in err
    assert "; 2 entries are left, which others have claimed" in err


def test_it_claims_no_more_than_it_is_told(commanded, ran, monkeypatch):
    put(commanded.store, 1, kinds=7)
    claim = commanded.store.records.claim
    asked = []

    def noted(limit: int, **more: float) -> list[Entry]:
        asked.append((limit, more["seconds"]))
        return claim(limit, **more)

    monkeypatch.setattr(
        type(commanded.store.records), "claim", lambda _, limit, **more: noted(limit, **more)
    )

    ran(ecl_gather, *ONCE, "--limit", "3", "--claim", "7")
    assert asked == [(3, 7.0)] * 4
    assert len(moved()) == 7


def test_what_was_pushed_out_of_the_queue_is_told(commanded, ran):
    entries = tuple(Repeated(f"{n:032x}", n, float(n), float(n), 2, RECORD) for n in range(5))
    commanded.store.records.put(RecordBatch("a" * 32, 1, 10, entries, max_kinds=2))

    assert ran(ecl_gather, *ONCE)[2] == (
        "ecl-gather: moved 4 records in 2 entries to jsonl:records.jsonl"
        "; 6 records were ever pushed out of the queue\n"
    )


def test_stdout_has_the_lines_and_nothing_else(commanded, ran):
    put(commanded.store, 1)
    status, out, err = ran(ecl_gather, "--once", "--to", "jsonl:-")

    assert status == 0
    assert json.loads(out)["record"]["message"] == "sold"
    assert err == "ecl-gather: moved 1 records in 1 entries to stdout\n"


def test_the_logging_of_the_file_is_used(commanded, ran):
    Path("mine.yaml").write_text(
        "version: 1\necl: {}\n"
        "handlers: {out: {class: logging.StreamHandler, stream: ext://sys.stdout}}\n"
        "root: {level: INFO, handlers: [out]}\n"
    )
    put(commanded.store, 1, repeats=2)

    assert ran(ecl_gather, "--once", "--to", "logging:", "-c", "mine.yaml") == (
        0,
        "sold (2 times)\n",
        "ecl-gather: moved 2 records in 1 entries to logging:mine.yaml\n",
    )


# --- how it ends


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--to", "a.jsonl", "--limit", "0"],
        ["--to", "a.jsonl", "--limit", "501"],
        ["--to", "a.jsonl", "--pause", "-1"],
        ["--to", "a.jsonl", "--claim", "nan"],
        ["--to", f"postgresql://me:{CANARY}@host/db", "--limit", "x"],
        ["--to", "a.jsonl", "one.yaml", f"postgresql://me:{CANARY}@host/db"],
    ],
)
def test_wrong_usage_is_status_2(ran, arguments):
    assert ran(ecl_gather, *arguments)[0] == 2


def test_a_store_is_not_emptied_into_itself(ran):
    url = f"sqlite:///{Path.cwd()}/counts.db"
    status, out, err = ran(ecl_gather, "--once", "--store", url, "--to", "sqlite:///counts.db")

    assert (status, out) == (2, "")
    assert "is the store" in err


@pytest.mark.parametrize(
    ("to", "status", "problem"),
    [
        ("nowhere", 1, "names no place for records"),
        ("mysql://me@host/db", 1, "sqlite and postgresql only"),
        ("/nowhere/a.jsonl", 1, "jsonl:/nowhere/a.jsonl: No such file or directory"),
        (f"postgresql://me:{CANARY}@127.0.0.1:1/db", 3, "postgresql://***@127.0.0.1:1/db: "),
        ("logging:missing.yaml", 1, "missing.yaml: No such file or directory"),
    ],
)
def test_once_ends_where_the_destination_cannot_be_had(commanded, ran, to, status, problem):
    put(commanded.store, 1)
    ended, out, err = ran(ecl_gather, "--once", "--to", to)

    assert (ended, out) == (status, "")
    assert problem in err
    assert commanded.store.records.waiting().entries == 1


def test_a_store_that_cannot_be_reached_is_status_3(ran):
    Path("folder.db").mkdir()
    Path("folder.db", "file").write_text("")
    status, out, err = ran(ecl_gather, *ONCE, "--store", "sqlite:///folder.db")

    assert (status, out) == (3, "")
    assert "is a folder" in err
    assert "choose another store" in err


def test_a_second_gatherer_of_one_file_is_told(commanded, ran):
    put(commanded.store, 1)
    other = gather.open_destination("records.jsonl")
    other.store([])
    status, _, err = ran(ecl_gather, *ONCE)
    other.close()

    assert status == 1
    assert "another ecl-gather writes to it; one at a time" in err


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/counts.db"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_all_that_it_holds_moved(programs: Programs, number):
    store = open_store(programs.url)
    put(store, 1, kinds=3)
    started = programs.start_command(
        *("-W", "error", "-m", "ecl_logging.tools.gather", "--to", "records.jsonl")
    )
    wait_until(lambda: store.records.waiting().entries == 0)
    put(store, 2, kinds=2)
    wait_until(lambda: store.records.waiting().entries == 0)
    started.send(number)
    ended = started.end(10)

    assert ended.status == (0 if number == signal.SIGTERM else 130)
    assert ended.out == ""
    assert ended.err == "ecl-gather: moved 5 records in 5 entries to jsonl:records.jsonl\n"
    store.close()


def test_a_closed_pipe_is_no_failure_and_loses_nothing(url):
    store = open_store(url)
    put(store, 1, kinds=5)
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-m", "ecl_logging.tools.gather", "--once"),
            *("--store", url, "--to", "jsonl:-"),
        ],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(gather.__file__).parents[2])},
    )
    os.close(writing)

    assert ended.returncode == 0
    assert ended.stderr == ""
    assert store.records.waiting().entries == 5
    store.close()


# --- steps, with destinations that fail


class Troubled:
    """A destination that fails as a test says; `stored` has the IDs."""

    shown = "there"

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.noted: list[str] = []
        self.raises: Exception | None = None
        self.refuses: set[str] = set()
        self.before: Callable[[], object] = lambda: None

    def open(self) -> None:
        pass

    def store(self, entries: Sequence[Entry]) -> Stored:
        self.before()
        if self.raises is not None:
            raise self.raises
        self.stored += [one.id for one in entries]
        return Stored(tuple(Refused(one, "too odd") for one in entries if one.kind in self.refuses))

    def acknowledged(self, ids: Sequence[str]) -> None:
        self.noted += ids

    def tidy(self) -> None:
        pass

    def close(self) -> None:
        pass


class Trial:
    """A gatherer between a store in memory and a destination, and what it says."""

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.time = clock, Clock(0.0)
        monkeypatch.setattr(gathering, "elapsed", self.time)
        self.store = MemoryStore("memory://trial", clock)
        self.destination = Troubled()
        self.said: list[str] = []
        self.gatherer = Gatherer(
            self.store.records,
            self.destination,
            limit=10,
            aside=SetAside("aside.jsonl"),
            say=self.said.append,
            claim_seconds=60.0,
        )

    def pass_seconds(self, seconds: float) -> None:
        self.clock.now += seconds
        self.time.now += seconds


@pytest.fixture
def trial(clock, monkeypatch) -> Trial:
    return Trial(clock, monkeypatch)


def test_nothing_is_acknowledged_before_it_is_stored(trial):
    put(trial.store, 1)
    trial.destination.before = lambda: seen.append(trial.store.records.waiting().entries)
    seen: list[int] = []
    trial.gatherer.step()

    assert seen == [1]
    assert trial.store.records.waiting().entries == 0
    assert trial.destination.noted == trial.destination.stored


def test_what_could_not_be_stored_is_held_and_stored_later(trial):
    put(trial.store, 1)
    trial.destination.raises = StoreUnavailable("there: away")
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            trial.gatherer.step()
    assert trial.gatherer.holds == 1
    trial.destination.raises = None

    assert trial.gatherer.step()
    assert len(trial.destination.stored) == trial.gatherer.moved.entries == 1


def test_what_was_held_for_too_long_is_left_to_who_has_it_by_then(trial):
    """Another gatherer may have stored and acknowledged it."""
    put(trial.store, 1)
    trial.destination.raises = StoreUnavailable("there: away")
    with pytest.raises(StoreUnavailable):
        trial.gatherer.step()
    trial.pass_seconds(61)
    [other] = trial.store.records.claim(10)
    trial.store.records.ack([other.id])
    trial.destination.raises = None

    assert not trial.gatherer.step()
    assert trial.destination.stored == []


def test_an_acknowledgement_that_fails_is_given_again_before_anything_else(trial, monkeypatch):
    put(trial.store, 1)
    records = type(trial.store.records)
    ack, failing = records.ack, [StoreUnavailable("away"), StoreUnavailable("away")]

    def fail_twice(self: object, ids: Sequence[str], **more: float) -> int:
        if failing:
            raise failing.pop()
        return int(ack(self, ids, **more))

    monkeypatch.setattr(records, "ack", fail_twice)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            trial.gatherer.step()
    put(trial.store, 2)
    trial.gatherer.step()

    assert len(trial.destination.stored) == len(set(trial.destination.stored)) == 2
    assert trial.store.records.waiting().entries == 0


def test_one_warning_for_going_and_one_for_coming_back(trial):
    put(trial.store, 1)
    trial.destination.raises = StoreUnavailable("there: away")
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            trial.gatherer.step()
        trial.gatherer.tell()
    trial.destination.raises = None
    trial.gatherer.step()
    trial.gatherer.tell()

    assert trial.said == [
        "there: away; trying on; records wait in the store",
        "there is back after 0 s; gathering on",
    ]
    assert not trial.gatherer.of_store.is_on


def test_a_destination_that_hangs_is_told(trial):
    put(trial.store, 1)
    go_on = threading.Event()
    trial.destination.before = go_on.wait
    thread = threading.Thread(target=trial.gatherer.step)
    thread.start()
    wait_until(lambda: trial.gatherer.holds)
    trial.gatherer.tell_if_hanging(10.0)
    assert not trial.gatherer.of_destination.is_on
    trial.pass_seconds(11)
    for _ in range(3):
        trial.gatherer.tell_if_hanging(10.0)
    go_on.set()
    thread.join()
    trial.gatherer.tell()

    assert [text.partition(";")[0] for text in trial.said] == [
        "there: does not answer",
        "there is back after 0 s",
    ]


def test_a_refused_entry_is_set_aside_told_and_acknowledged(trial):
    put(trial.store, 1, kinds=3)
    trial.destination.refuses = {f"{1:032x}"}
    trial.gatherer.step()

    [line] = Path("aside.jsonl").read_text().splitlines()
    aside = json.loads(line)
    assert (aside["kind"], aside["reason"]) == (f"{1:032x}", "too odd")
    assert aside["record"]["message"] == "sold"
    assert trial.said == [f"entry {aside['id']} is refused: too odd; kept in aside.jsonl"]
    assert trial.store.records.waiting().entries == 0
    assert (trial.gatherer.moved.entries, trial.gatherer.moved.refused) == (3, 1)


def test_a_refused_entry_that_cannot_be_set_aside_stays_in_the_store(trial):
    Path("aside.jsonl").mkdir()
    put(trial.store, 1, kinds=3)
    trial.destination.refuses = {f"{1:032x}"}
    trial.gatherer.step()

    assert "it stays in the store (jsonl:aside.jsonl: Is a directory)" in trial.said[0]
    assert trial.store.records.waiting().entries == 1
    assert trial.gatherer.moved.entries == 2


def test_many_refused_entries_are_told_in_some_lines(trial):
    trial.gatherer._limit = 500
    put(trial.store, 1, kinds=100)
    trial.destination.refuses = {f"{kind:032x}" for kind in range(100)}
    trial.gatherer.step()

    assert len(trial.said) == 11
    assert trial.said[-1] == "and 90 more"
    assert len(Path("aside.jsonl").read_text().splitlines()) == 100


def test_refused_entries_are_kept_beside_the_embedded_store(home):
    entry = Entry("id", "a" * 32, 1, 1.0, 1.0, 1, RECORD)
    path = SetAside().write([Refused(entry, "odd")])

    assert path == f"{home}/.local/state/ecl_logging/refused.jsonl"
    assert json.loads(Path(path).read_text())["reason"] == "odd"


def test_a_destination_that_refuses_everything_from_the_start_is_an_error(
    commanded, ran, monkeypatch
):
    put(commanded.store, 1)
    destination = Troubled()
    destination.raises = StoreError("there: not allowed")
    monkeypatch.setattr(gather, "open_destination", lambda *_, **more: destination)
    status, _, err = ran(ecl_gather, "--to", "there")

    assert status == 1
    assert err == ("ecl-gather: error: there: not allowed\n")
