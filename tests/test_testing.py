"""ecl_logging.testing: what a test of a user's program sees of what that counts."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from ecl_logging import ConfigError, EventCountLogger, open_store
from ecl_logging.handlers import CountingHandler
from ecl_logging.processors import CountingProcessor
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.testing import capture_counts
from tests.faults.programs import Programs, assert_silent
from tests.faulty_stores import FlakyStore, HangingStore

REQUESTS = {"requests": {"events": ["req1", "req2"], "intervals": ["5s", "5m"]}}
ANY = {"g": {"intervals": ["1m"], "auto_declare_events": True}}


def log(event: str, **extra: object) -> None:
    logging.getLogger("tests.shop").warning("x", extra={"event": event} | extra)


# --- what is captured


def test_the_fixture_gives_ids_and_counts_of_a_group(ecl_counts):
    ecl = EventCountLogger(REQUESTS, store="redis://nowhere.invalid")

    ecl["requests"].log("req1")
    ecl["requests"].log("req1")

    assert ecl_counts("requests") == {"req1": 2}
    assert ecl_counts() == {"requests": {"req1": 2}}


def test_it_can_be_asked_again_and_again(ecl_counts):
    requests = EventCountLogger(REQUESTS)["requests"]

    for n in range(1, 4):
        requests.log("req2")
        assert ecl_counts("requests") == {"req2": n}


def test_handlers_processors_and_loggers_of_any_store_count_in_one_place(ecl_counts, tmp_path):
    handler = CountingHandler(groups=ANY, store=f"sqlite:///{tmp_path}/counts.db")
    processor = CountingProcessor(groups=ANY, store="memory://")
    logging.getLogger("tests.shop").addHandler(handler)
    try:
        log("paid")
    finally:
        logging.getLogger("tests.shop").removeHandler(handler)
    processor(None, "info", {"event": "paid"})
    with EventCountLogger(ANY, store=FlakyStore()) as ecl:
        ecl["g"].log("paid", 3)

    assert ecl_counts("g") == {"paid": 5}
    assert list(tmp_path.iterdir()) == []


def test_it_does_not_matter_what_time_a_record_has(ecl_counts):
    handler = CountingHandler(groups=ANY)
    for created in (0.0, 1e9, 4e9):
        one = logging.makeLogRecord({"event": "old", "created": created})
        handler.handle(one)

    assert ecl_counts("g") == {"old": 3}


def test_nothing_was_counted_in_a_group_that_there_is(ecl_counts):
    ecl = EventCountLogger(REQUESTS)

    assert ecl_counts("requests") == {}
    assert ecl.groups


def test_a_group_whose_logger_is_closed_has_nothing_counted(ecl_counts):
    with EventCountLogger({"closed": ANY["g"]}) as ecl:
        pass

    assert ecl_counts("closed") == {}
    assert ecl.groups


def test_a_group_that_nobody_has_is_an_error(ecl_counts):
    ecl = EventCountLogger(REQUESTS | ANY)

    with pytest.raises(ConfigError, match="nobody counts in a group 'reqests'") as error:
        ecl_counts("reqests")
    assert {"g", "requests"} <= set(str(error.value).partition("there are ")[2].split(", "))
    assert ecl.groups


def test_what_is_dropped_is_not_there(ecl_counts, warnings_told):
    requests = EventCountLogger(REQUESTS)["requests"]

    requests.log("unknown")
    requests.log(None)

    assert ecl_counts("requests") == {}


def test_threads_count_too(ecl_counts):
    requests = EventCountLogger(REQUESTS)["requests"]
    threads = [
        threading.Thread(target=lambda: [requests.log("req1") for _ in range(100)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ecl_counts("requests") == {"req1": 400}


# --- what was there before, and what comes afterwards


def test_a_handler_that_was_made_before_counts_in_the_block_and_goes_on_afterwards():
    store = MemoryStore()
    handler = CountingHandler(groups=ANY, store=store)
    handler.handle(logging.makeLogRecord({"event": "before"}))
    with capture_counts() as counted:
        handler.handle(logging.makeLogRecord({"event": "in between"}))
        assert counted("g") == {"in between": 1}
    handler.handle(logging.makeLogRecord({"event": "after"}))
    handler.flush()

    [cells] = [bucket.cells for bucket in store.read("g", _minute(store), [0]) if bucket.cells]
    assert cells == {"before": 1, "after": 1}
    telemetry = handler.ecl.telemetry()
    assert (telemetry["counted"], telemetry["applied"], telemetry["pending"]) == (2, 2, 0)
    handler.close()


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("ecl-")}


def _minute(store: MemoryStore):
    definition = store.definition("g")
    assert definition is not None
    return definition.intervals[0]


def test_a_store_for_which_there_is_nothing_is_not_touched():
    """Also when the block is over: it may be the one that serves customers."""
    store = FlakyStore()
    store.is_away = True
    touched: list[str] = []
    store._reach = lambda: touched.append("touched")  # type: ignore[method-assign]
    ecl = EventCountLogger(ANY, store=store)
    handler = CountingHandler(ecl)
    before = threads()
    for _ in range(3):
        with capture_counts() as counted:
            handler.handle(logging.makeLogRecord({"event": "in between"}))
            assert counted("g") == {"in between": 1}
        assert threads() == before  # so nobody is there who would do it later
    ecl.close()

    assert touched == []


def test_it_can_be_asked_when_the_block_is_over():
    handler = CountingHandler(groups=ANY, store="memory://")
    with capture_counts() as counted:
        for _ in range(5):
            handler.handle(logging.makeLogRecord({"event": "paid"}))

    assert counted("g") == {"paid": 5}
    handler.close()


def test_what_was_pending_is_sent_where_a_handler_is_closed_in_the_block():
    """As when a program configures logging, and a test configures it once more."""
    store = MemoryStore()
    handler = CountingHandler(groups=ANY, store=store, sync_interval=3600)
    handler.handle(logging.makeLogRecord({"event": "before"}))
    handler.flush()
    for _ in range(4):
        handler.handle(logging.makeLogRecord({"event": "before"}))
    with capture_counts() as counted:
        handler.handle(logging.makeLogRecord({"event": "in between"}))
        handler.close()
    handler.handle(logging.makeLogRecord({"event": "after"}))

    assert counted("g") == {"in between": 1}
    assert store.read("g", _minute(store), [0])[0].cells["before"] == 5
    telemetry = handler.ecl.telemetry()
    assert (telemetry["applied"], telemetry["dropped"]["closed"]) == (5, 1)
    assert telemetry["pending"] == 0


def test_a_child_that_leaves_the_block_has_nothing_of_its_parents(programs: Programs):
    ended = programs.run(
        """
        import os
        from ecl_logging import EventCountLogger
        from ecl_logging.testing import capture_counts

        groups = {"g": {"events": ["paid"], "intervals": ["366d"], "sync_interval": 3600}}
        ecl = EventCountLogger(groups)
        ecl["g"].log("paid")
        ecl.flush()
        ecl["g"].log("paid", 10)
        with capture_counts():
            child = os.fork()
        ecl.close()
        if child:
            os.waitpid(child, 0)
            print(EventCountLogger(groups)["g"].get_counts("366d", current=True))
        """
    )

    assert_silent(ended)
    assert ended.out == "{'paid': 11}\n"


def test_blocks_can_be_nested():
    requests = EventCountLogger(REQUESTS, store="memory://")["requests"]
    with capture_counts() as outer:
        requests.log("req1")
        with capture_counts() as inner:
            requests.log("req2")
            assert inner("requests") == {"req2": 1}
        requests.log("req1")
        assert outer("requests") == {"req1": 2}


def test_each_block_begins_empty():
    requests = EventCountLogger(REQUESTS, store="memory://")["requests"]
    for _ in range(3):
        with capture_counts() as counted:
            requests.log("req1")
            assert counted("requests") == {"req1": 1}


def test_a_store_that_hangs_keeps_nobody_waiting():
    """As when the tests of a program run where its server does not answer."""
    store = HangingStore()
    ecl = EventCountLogger(ANY, store=store)
    handler = CountingHandler(ecl)
    handler.handle(logging.makeLogRecord({"event": "before"}))
    assert store.is_waiting.wait(30)
    with capture_counts() as counted:
        handler.handle(logging.makeLogRecord({"event": "in between"}))
        assert counted("g") == {"in between": 1}

    store.let_go.set()
    ecl.close()
    assert [dict(batch.counts) for batch in store.applied] == [{"before": 1}]


def test_after_the_block_stores_are_what_they_were(tmp_path):
    with capture_counts():
        assert open_store("memory://x") is open_store(f"sqlite:///{tmp_path}/y.db")
    assert open_store("memory://x") is not open_store("memory://y")


def test_it_works_where_a_test_fails():
    requests = EventCountLogger(REQUESTS, store="memory://")["requests"]

    def fail() -> None:
        with capture_counts():
            requests.log("req1")
            int("no number")

    with pytest.raises(ValueError, match="no number"):
        fail()

    requests.log("req2")
    assert requests.get_counts("5m", current=True) == {"req1": 0, "req2": 1}


# --- as users have it: the plugin in a project of their own

CONFTEST = """
import logging
from ecl_logging import count_logs

count_logs(
    groups={"orders": {"events": ["paid", "refused"], "intervals": ["5s"]}},
    store="redis://nowhere.invalid:6379/0",
)
"""
TESTS = """
import logging
import pytest

@pytest.mark.parametrize("n", range(8))
def test_a_sale_is_counted(ecl_counts, n):
    for _ in range(n):
        logging.getLogger("shop").warning("sold", extra={"event": "paid"})

    assert ecl_counts("orders") == ({"paid": n} if n else {})


def test_this_one_fails(ecl_counts):
    logging.getLogger("shop").warning("sold", extra={"event": "refused"})

    assert ecl_counts("orders") == {"paid": 1}
"""


@pytest.mark.once
@pytest.mark.parametrize("arguments", [[], ["--numprocesses", "2"]], ids=["alone", "xdist"])
def test_the_fixture_is_there_without_a_word_of_configuration(tmp_path: Path, arguments):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_shop.py").write_text(TESTS)

    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert "8 passed" in done.stdout, done.stdout + done.stderr
    assert "1 failed" in done.stdout
    assert "{'refused': 1} == {'paid': 1}" in done.stdout


def test_the_plugin_loads_nothing_large(programs: Programs):
    ended = programs.run(
        """
        import sys
        import pytest
        before = set(sys.modules)
        import ecl_logging.pytest_plugin
        print(sorted(m for m in set(sys.modules) - before if not m.startswith("ecl_logging")))
        print(sorted(m for m in sys.modules if m.startswith("ecl_logging")))
        """
    )

    assert_silent(ended)
    assert ended.out == textwrap.dedent(
        """\
        []
        ['ecl_logging', 'ecl_logging.lazy_names', 'ecl_logging.pytest_plugin']
        """
    )


def test_capture_counts_works_without_pytest(programs: Programs):
    ended = programs.run(
        """
        import logging, sys
        sys.modules["pytest"] = None
        from ecl_logging import count_logs
        from ecl_logging.testing import capture_counts

        count_logs(store="redis://nowhere.invalid")
        with capture_counts() as counted:
            logging.warning("x", extra={"event": "paid"})
            print(counted("events"), counted("levels"))
        """
    )

    assert ended.out == "{'paid': 1} {'WARNING': 1}\n", ended.err
