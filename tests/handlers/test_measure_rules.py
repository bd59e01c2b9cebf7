"""Rules with a measure, through a handler: what is measured, and what it costs."""

from __future__ import annotations

import json
import logging

import pytest

from ecl_logging.handlers import CountingHandler
from tests.faults.hanging import TRIES
from tests.faults.programs import Programs

GROUPS = {"requests": {"events": ["ok"], "intervals": ["1d"], "sync_interval": 3600}}
MEASURING = {"group": "requests", "measure": {"latency": "duration"}}


def distributions(rules: list[dict[str, object]], *extras: dict[str, object], names=("latency",)):
    handler = CountingHandler(store="memory://", groups=GROUPS, rules=rules)
    logger = logging.getLogger("web.access")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        for extra in extras:
            logger.info("answered", extra=extra)
        group = handler.ecl["requests"]
        found = [group.get_distribution(name, "1d", current=True) for name in names]
        return group.get_counts("1d", current=True), *found, handler.ecl.telemetry()
    finally:
        logger.removeHandler(handler)
        handler.close()


def test_a_measure_stands_beside_the_events_of_other_rules():
    counts, latency, telemetry = distributions(
        [{"group": "requests"}, MEASURING],
        *({"event": "ok", "duration": value} for value in (0.5, 1, "2.5")),
        {"event": "ok"},
        {"duration": 4.0},
    )

    assert counts == {"ok": 4}
    assert (latency.count, latency.sum) == (4, 8.0)
    assert telemetry["counted"] == 8


def test_several_measures_may_be_of_one_attribute_and_of_several():
    rules = [
        {"group": "requests", "event": "ok", "measure": {"s": "duration", "again": "duration"}}
    ]
    rules += [{"group": "requests", "measure": {"size": "bytes"}}]
    extras = [{"duration": 0.5, "bytes": 7}] * 3 + [{"bytes": 1}]

    counts, *found, _ = distributions(rules, *extras, names=("s", "again", "size"))

    assert counts == {"ok": 3}
    assert [(one.count, one.sum) for one in found] == [(3, 1.5), (3, 1.5), (4, 22.0)]


@pytest.mark.parametrize("value", [None, "soon", True, float("nan"), object()])
def test_what_is_no_number_is_told_and_the_event_counts(value, warnings_told):
    counts, latency, telemetry = distributions(
        [{"group": "requests"}, MEASURING],
        *({"event": "ok", "duration": one} for one in (0.5, value, value)),
    )

    assert counts == {"ok": 3}
    assert (latency.count, telemetry["dropped"]["invalid"]) == (1, 2)
    [told] = warnings_told
    assert told.startswith("group requests: an event has a value of 'latency' that is ")


COSTS = """
import json, logging, statistics, time
from ecl_logging.handlers import CountingHandler

GROUPS = {"sales": {"events": ["sale"], "intervals": ["1m", "1h"]}}
RULE = {"group": "sales", "logger": "shop", "level": "INFO", "event": "{event}"}

def logger_with(handler):
    logger = logging.Logger("shop")
    logger.addHandler(handler)
    return logger

def counting(**also):
    return CountingHandler(store="memory://", groups=GROUPS, rules=[RULE | also])

def seconds_of(logger):
    began = time.process_time()  # of all threads, and of no other process
    for n in range(2000):
        logger.info("sold %s", n, extra={"event": "sale", "seconds": 0.12})
    return time.process_time() - began

handlers = logging.NullHandler(), counting(), counting(measure={"latency": "seconds"})
loggers = [logger_with(handler) for handler in handlers]
rounds = [[seconds_of(logger) for logger in loggers] for _ in range(60)]
nothing, without, measured = map(statistics.median, zip(*rounds))
print(json.dumps([(measured - nothing) / nothing, (without - nothing) / nothing]))
"""


@pytest.mark.alone
@pytest.mark.once
def test_a_measure_adds_to_the_log_call_at_most_as_much_again(programs: Programs) -> None:
    """All that is worked out later is in it: it is done in the same seconds."""
    for _ in range(TRIES):
        ended = programs.run(COSTS)
        assert (ended.status, ended.err) == (0, "")
        measured, without = json.loads(ended.out)
        print(f"a measure adds {measured:.1%} to a NullHandler's call, counting {without:.1%}")
        # The little that counting adds can vanish in what everything varies.
        if measured <= 2 * max(without, 0.06):
            return
    raise AssertionError(f"in {TRIES} tries it added more")
