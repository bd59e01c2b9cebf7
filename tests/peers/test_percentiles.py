"""Percentiles beside NumPy's, of what four processes log and of what one observes."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from ecl_logging import Distribution, EventCountLogger
from tests.faults.programs import Programs, assert_silent
from tests.redis_servers import RedisServer

MANY = 1_000_000
PARTS = 4
PERCENTS = (50, 90, 99, 99.9)
NAMES = ("lognormal", "uniform", "bimodal")
GROUP = {"intervals": ["1d"], "measures": list(NAMES)}

# Logs its share of the values in the files, each kind to a logger of its name. Made is one record
# only: to make one takes ten times as long as to count it.
PROGRAM = """
import array, logging, time
from ecl_logging import EventCountLogger
from ecl_logging.handlers import CountingHandler

names, group, stores, first, step = {arguments}
rules = [{{"logger": name, "measure": {{name: "value"}}}} for name in names]
for store in stores:
    handler = CountingHandler(store=store, groups={{"measured": group}}, rules=rules)
    handler.ecl.exit_timeout = 60.0
    logging.getLogger().addHandler(handler)
for name in names:
    log, values = logging.getLogger(name), array.array("d")
    log.setLevel(logging.INFO)
    with open(f"{folder}/{{name}}", "rb") as file:
        values.frombytes(file.read())
    record = log.makeRecord(name, logging.INFO, __file__, 0, "measured", (), None)
    for value in values[first::step]:
        record.created, record.value = time.time(), value
        log.handle(record)
"""


@pytest.fixture(scope="module")
def values() -> dict[str, numpy.ndarray]:
    random = numpy.random.default_rng(20261127)
    low, high = random.normal(10, 1, MANY // 2), random.normal(1000, 50, MANY - MANY // 2)
    return {
        "lognormal": random.lognormal(-3, 1.5, MANY),
        "uniform": random.uniform(0, 250, MANY),
        "bimodal": random.permutation(numpy.concatenate([low, high])),
    }


def read(ecl: EventCountLogger) -> dict[str, Distribution]:
    group = ecl["measured"]
    # The UTC day may have turned meanwhile.
    return {
        name: group.get_distribution(name, "1d") + group.get_distribution(name, "1d", current=True)
        for name in NAMES
    }


def observed_by_one(values: dict[str, numpy.ndarray]) -> dict[str, Distribution]:
    groups = {"measured": GROUP | {"sync_interval": 1}}
    with EventCountLogger(groups, store="memory://") as ecl:
        for name, some in values.items():
            for value in some.tolist():
                ecl["measured"].observe(name, value)
        return read(ecl)


@pytest.mark.once
def test_percentiles_are_numpys_and_four_processes_have_those_of_one(
    programs: Programs, empty_server: RedisServer, tmp_path: Path, values
) -> None:
    for name, some in values.items():
        (programs.folder / name).write_bytes(some.tobytes())
    shared = (f"sqlite:///{tmp_path}/four.db", empty_server.url)
    arguments = [(NAMES, GROUP, shared, first, PARTS) for first in range(PARTS)]
    started = [
        programs.start(PROGRAM.format(arguments=one, folder=programs.folder)) for one in arguments
    ]
    for program in started:
        assert_silent(program.end(seconds=240))

    of_one = observed_by_one(values)
    for name, distribution in of_one.items():
        assert distribution.count == MANY
        assert distribution.sum == pytest.approx(values[name].sum(), rel=1e-12)
        found = [distribution.percentile(percent) for percent in PERCENTS]
        assert found == pytest.approx(numpy.percentile(values[name], PERCENTS), rel=0.011)
    for store in shared:
        with EventCountLogger(store=store) as ecl:
            of_four = read(ecl)
        for name, distribution in of_four.items():
            one = of_one[name]
            assert distribution.count == one.count
            assert list(distribution.buckets()) == list(one.buckets())
            assert [distribution.percentile(percent) for percent in PERCENTS] == [
                one.percentile(percent) for percent in PERCENTS
            ]
            assert distribution.sum == pytest.approx(one.sum, rel=1e-15)
