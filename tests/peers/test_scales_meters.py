"""scales 1.0.9 from PyPI, ticked by hand, finds the same rates as ours, which nothing ticks."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecl_logging.stats.meters import MeterValues

pytestmark = pytest.mark.once

TICK = 5

# Seconds until something comes, and how much of it.
EVENTS = st.lists(st.tuples(st.integers(0, 40) | st.integers(0, 3000), st.integers(0, 1000)))


@pytest.fixture
def make_theirs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its code is of 2015
        import greplin.scales.timer

        # What imports its meters starts a thread that ticks, which here the test does.
        monkeypatch.setattr(greplin.scales.timer, "RepeatTimer", lambda *_: None)
        monkeypatch.delitem(sys.modules, "greplin.scales.meter", raising=False)
        import greplin.scales.meter
    yield greplin.scales.meter.MeterStatDict
    del sys.modules["greplin.scales.meter"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(EVENTS, st.integers(0, 60))
def test_rates_are_those_that_scales_has(make_theirs, events, seconds_after):
    now = began = 1000
    ours, theirs = MeterValues(lambda: now), make_theirs()
    ticks = 0

    for seconds, number in [*events, (seconds_after, 0)]:
        now += seconds
        while ticks < (now - began) // TICK:
            theirs.tick()
            ticks += 1
        ours.mark(number)
        theirs.mark(number)

        found = ours.snapshot()
        assert found["count"] == theirs["count"]
        for name in ("m1", "m5", "m15"):
            assert found[name] == pytest.approx(theirs[name], rel=1e-9, abs=1e-12)


def test_they_have_the_same_names_and_unit(make_theirs):
    now = 1000
    ours, theirs = MeterValues(lambda: now), make_theirs()
    ours.mark(10)
    theirs.mark(10)
    now += TICK
    theirs.tick()

    assert ours.snapshot() == dict(theirs)
