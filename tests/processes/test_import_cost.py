"""Configuring logging with our handlers stays as cheap as the standard library's own."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from benchmarks.import_time import import_microseconds
from tests.faults.programs import Programs, assert_silent

pytestmark = pytest.mark.alone

PROCESSES = 15
MOST = 1.5  # times logging.config


def test_importing_the_handlers_costs_little_more_than_logging_config() -> None:
    ours, theirs = [], []
    for _ in range(PROCESSES):  # in turn, so that a busy machine is busy for both
        ours.append(import_microseconds("ecl_logging.handlers"))
        theirs.append(import_microseconds("logging.config"))

    assert statistics.median(ours) <= MOST * statistics.median(theirs)


def test_importing_the_handlers_loads_nothing_large(programs: Programs) -> None:
    ended = programs.run(
        "import sys, ecl_logging.handlers\n"
        "print({'redis', 'yaml', 'structlog', 'sqlite3'} & set(sys.modules))"
    )

    assert_silent(ended)
    assert ended.out == "set()\n"


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
