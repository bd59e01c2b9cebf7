"""The protocol against a model of the design: whatever happens, every bucket and every sum is right."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from ecl_logging.deadlines import elapsed
from ecl_logging.stores import steps
from tests.conftest import Clock
from tests.faults.protocol_machine import ProtocolMachine
from tests.stores.kinds import KINDS

EXAMPLES = {"memory": 100, "sqlite": 20, "redis": 30}
STORES = [
    pytest.param("memory", marks=pytest.mark.once),
    pytest.param("sqlite", marks=pytest.mark.once),
    "redis",
]


def original_master(kind: Any) -> Callable[[str], None]:
    """Have event_count_logger's master move its keys of an interval on, where there are any."""
    if not hasattr(kind, "_server"):
        return lambda interval: None
    from event_count_logger import EventCountLoggerMaster

    groups = {"g": {"events": ["a", "b"], "intervals": [], "auto_declare_events": True}}
    master = EventCountLoggerMaster(groups, kind._server.seed_config, log_level="ERROR")

    def process(interval: str) -> None:
        with contextlib.suppress(redis.ResponseError):  # a key has gone in between
            master._process("g", interval)

    return process


@pytest.fixture
def run(
    request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch, warnings_told
):
    """Run the machine on a kind of store."""

    def run(name: str, examples: int, steps: int = 40, **options: Any) -> None:
        kind, days = KINDS[name](request), [0]
        for module in ("numbered", "sender"):
            monkeypatch.setattr(
                f"ecl_logging.{module}.elapsed", lambda: elapsed() + 86401 * days[0]
            )
        store = kind.open(clock)
        attributes = {
            "kind": kind,
            "clock": clock,
            "store": store,
            "days": days,
            "kept_less": 1 if name == "redis" else 0,  # its keys expire by the server's clock, too
            "master": staticmethod(original_master(kind)),
        }
        machine = type("Machine", (ProtocolMachine,), attributes)
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=steps,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                    **options,
                ),
            )
        finally:
            store.close()

    return run


@pytest.mark.fault("A1", "A2", "A5", "B2", "B13", "C2", "C4", "C6", "C7")
@pytest.mark.parametrize("name", STORES)
def test_whatever_happens_every_bucket_and_every_sum_is_right(run, name, request):
    run(name, EXAMPLES[name] * request.config.getoption("--depth"))


# --- controls: without its protections the machine finds what goes wrong


def without_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that counts whatever comes, as a plain counter does."""
    original = steps.apply

    def apply(tables: Any, batch: Any, *, now: float) -> Any:
        if batch.counts and tables.definition(batch.group) is not None:
            known = tables.source(batch.group, batch.source)
            batch_as_next = dataclasses.replace(batch, number=known.number + 1 if known else 1)
            reply = original(tables, batch_as_next, now=now)
            return dataclasses.replace(reply, number=batch.number)
        return original(tables, batch, now=now)

    monkeypatch.setattr(steps, "apply", apply)


def with_gaps_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that applies whatever is newer than the last."""
    original = steps.apply

    def apply(tables: Any, batch: Any, *, now: float) -> Any:
        known = tables.source(batch.group, batch.source)
        number = known.number if known else 0
        if batch.counts and tables.definition(batch.group) and batch.number > number + 1:
            before = known or steps.Source(batch.source, 0, 0, now, steps.Reply(steps.APPLIED))
            tables.save_source(batch.group, dataclasses.replace(before, number=batch.number - 1))
        return original(tables, batch, now=now)

    monkeypatch.setattr(steps, "apply", apply)


@pytest.mark.once
@pytest.mark.fault("A1", "A2", "A5", "B2", "B13", control=True)
@pytest.mark.parametrize("unprotected", [without_numbers, with_gaps_accepted])
def test_without_the_check_of_numbers_the_machine_finds_a_wrong_count(
    run, monkeypatch, unprotected
):
    unprotected(monkeypatch)
    with pytest.raises(AssertionError, match="buckets: "):
        run("memory", 300, derandomize=True, phases=[Phase.generate])
