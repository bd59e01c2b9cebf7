"""The store is away: when it is tried again, and what the operator is told."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from ecl_logging import outage as outage_module
from ecl_logging.errors import StoreUnavailable
from ecl_logging.outage import Outage
from tests.conftest import Clock
from tests.faulty_stores import FlakyStore
from tests.programs import Program

REFUSED = StoreUnavailable("memory://: Connection refused")


@pytest.fixture
def machine_time(monkeypatch) -> Clock:
    machine_time = Clock(1000.0)
    monkeypatch.setattr(outage_module, "time", SimpleNamespace(monotonic=machine_time))
    return machine_time


def pause_of(outage: Outage, machine_time: Clock) -> float:
    """How long the store is not tried; the test's clock is after the pause then."""
    begin = machine_time.now
    while not outage.may_try():
        machine_time.now += 0.25
    return machine_time.now - begin


def test_going_and_coming_back_are_one_warning_each(warnings_told, machine_time):
    outage = Outage(hint="; choose another store with ECL_STORE")
    for _ in range(3):
        outage.began(REFUSED)
        outage.tell()
    machine_time.now += 90
    outage.ended()
    outage.tell()
    outage.ended()
    outage.tell()

    assert warnings_told == [
        "memory://: Connection refused; counting in memory; choose another store with ECL_STORE",
        "the store is back after 90 s; what was counted meanwhile is being sent",
    ]


def test_each_outage_is_told(warnings_told):
    outage = Outage()
    for _ in range(2):
        outage.began(REFUSED)
        outage.tell()
        outage.ended()
        outage.tell()

    assert len(warnings_told) == 4


def test_an_outage_that_is_over_before_it_was_told_is_not_told(warnings_told):
    outage = Outage()
    outage.began(REFUSED)
    outage.ended()
    outage.tell()

    assert warnings_told == []


def test_pauses_grow_up_to_half_a_minute(machine_time):
    outage = Outage()
    pauses = []
    for _ in range(8):
        outage.began(REFUSED)
        pauses.append(pause_of(outage, machine_time))

    for pause, middle in zip(pauses, (1, 2, 4, 8, 16, 30, 30, 30), strict=True):
        assert 0.75 * middle <= pause <= 1.25 * middle + 0.25


def test_a_success_ends_the_pauses(machine_time):
    outage = Outage()
    for _ in range(5):
        outage.began(REFUSED)
    outage.ended()

    assert outage.may_try()
    assert not outage.is_on
    outage.began(REFUSED)
    assert pause_of(outage, machine_time) <= 1.5


def test_news_is_told_in_any_case(warnings_told):
    Outage().tell(["something else"])

    assert warnings_told == ["something else"]


def test_at_the_end_the_loss_is_told_and_not_the_outage(warnings_told):
    outage = Outage(hint="; hint")
    outage.is_ending = True
    outage.began(REFUSED)
    outage.tell()
    outage.tell_of_loss(12)

    assert warnings_told == [
        "memory://: Connection refused; 12 counts could not be sent before the end; hint"
    ]


@pytest.mark.parametrize("events", [0, 3])
def test_the_loss_after_an_outage_that_was_told_is_not_told(warnings_told, events):
    outage = Outage()
    outage.began(REFUSED)
    outage.tell()
    outage.tell_of_loss(events)

    assert len(warnings_told) == 1


def test_a_program_is_told_once_that_it_counts_in_memory_and_once_that_all_is_sent(warnings_told):
    store = FlakyStore()
    program = Program(store)
    store.is_away = True
    for _ in range(3):
        program.log("a")
        program.flush()
    store.is_away = False
    program.flush()
    program.flush()

    assert warnings_told == [
        "memory://: Connection refused; counting in memory",
        "the store is back after 0 s; what was counted meanwhile is being sent",
    ]
    assert program.stored() == {"a": 3}


def test_the_programs_random_numbers_are_its_own():
    """Our pauses once took numbers from a sequence that the program had seeded."""
    random.seed(4)
    expected = random.random()
    random.seed(4)

    Outage().began(StoreUnavailable("away"))

    assert random.random() == expected


def test_the_longest_pause_can_be_another(machine_time):
    outage = Outage()
    outage.longest_pause = 4.0
    for _ in range(5):
        outage.began(REFUSED)

    assert 3.0 <= outage.seconds_left() <= 5.0
    machine_time.now += 5.0
    assert outage.may_try()
