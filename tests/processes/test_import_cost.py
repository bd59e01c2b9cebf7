"""Configuring logging with our handlers stays as cheap as the standard library's own."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from benchmarks.import_time import import_microseconds
from ecl_logging.stores import open_store
from tests.faults.programs import Programs, assert_silent
from tests.processes.imports import imported_by
from tests.processes.needed import unneeded_share
from tests.redis_servers import RedisServer
from tests.stores.programs import REQUESTS

pytestmark = pytest.mark.timed

PROCESSES = 15
MOST = 1.5  # times logging.config
UNNEEDED = {"sqlite": 0.15, "redis": 0.3}  # of a command's time, for imports


def test_importing_the_handlers_costs_little_more_than_logging_config(
    tmp_path: Path,
) -> None:
    ours, theirs = [], []
    for _ in range(PROCESSES):  # in turn, so that a busy machine is busy for both
        ours.append(import_microseconds("ecl_logging.handlers", tmp_path))
        theirs.append(import_microseconds("logging.config", tmp_path))

    assert statistics.median(ours) <= MOST * statistics.median(theirs)


def test_importing_the_handlers_loads_nothing_large(programs: Programs) -> None:
    ended = programs.run(
        "import sys, ecl_logging.handlers\n"
        "large = {'redis', 'yaml', 'structlog', 'sqlite3', 'msgspec', 'packaging', 'venusian'}\n"
        "print(large & set(sys.modules), [m for m in sys.modules if m.startswith('ecl_logging.ev')])"
    )

    assert_silent(ended)
    assert ended.out == "set() []\n"


def test_building_a_handler_that_publishes_loads_nothing_of_other_queues(
    tmp_path: Path,
) -> None:
    """Nor what makes loggers, or finds consumers; the store's own modules are there at once."""
    build = "from ecl_logging.handlers import PublishHandler; PublishHandler()"
    loaded = imported_by("-c", build, folder=tmp_path, store="memory://").importer.keys()

    assert "msgspec" in loaded
    assert not loaded & {"boto3", "confluent_kafka", "redis", "structlog", "venusian", "yaml"}


@pytest.mark.parametrize("store", ["", "memory://", "sqlite:///counts.db"])
def test_building_a_handler_loads_nothing_that_its_store_does_not_need(
    tmp_path: Path, store: str
) -> None:
    """The store's own modules are loaded: later it would be in a thread, amid which a fork may come."""
    build = "from ecl_logging.handlers import CountingHandler; CountingHandler()"
    loaded = imported_by("-c", build, folder=tmp_path, store=store).importer.keys()

    assert (
        loaded & {"asyncio", "hashlib", "redis", "ssl", "structlog", "urllib.parse", "yaml"}
        == set()
    )
    assert ("sqlite3" in loaded) == (store != "memory://")


def test_building_a_handler_touches_neither_disk_nor_network(
    programs: Programs, tmp_path: Path
) -> None:
    ended = programs.run(
        """
        import sys, threading
        import ecl_logging.handlers, ecl_logging.stores.sqlite.store  # reads files of Python's

        touched = []
        WATCHED = ("open", "os.", "socket.", "sqlite3.", "subprocess.")
        sys.addaudithook(lambda event, _: touched.append(event) if event.startswith(WATCHED) else 0)
        handler = ecl_logging.handlers.CountingHandler(
            groups={"requests": {"events": ["ok"], "intervals": ["1m"]}}
        )
        found = [event for event in touched if event not in {"os.listdir", "open"}]
        print(found, threading.active_count())
        """,
        ECL_STORE=f"sqlite:///{tmp_path}/not/there/counts.db",
    )

    assert_silent(ended)
    assert ended.out == "[] 1\n"
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_reading_spends_most_of_its_time_on_what_it_needs(
    tmp_path: Path, redis_server: RedisServer, store: str
) -> None:
    """Measured: 0.08 and 0.22 at most. redis-py's package as a whole, it was a third."""
    url = redis_server.url if store == "redis" else f"sqlite:///{tmp_path}/counts.db"
    opened = open_store(url)
    opened.define(REQUESTS)
    opened.close()

    share = unneeded_share("read", "-g", "requests", "-i", "5m", folder=tmp_path, store=url)

    assert 0 < share < UNNEEDED[store]
