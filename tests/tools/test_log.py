"""ecl-log: counting by hand."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ecl_logging.counter import GroupCounter
from ecl_logging.errors import StoreUnavailable
from ecl_logging.tools import command, log
from ecl_logging.tools.log import main as ecl_log
from ecl_logging.tools.read import main as ecl_read
from tests.faulty_stores import FlakyStore

FILE = """
ecl:
  store: sqlite:///counts.db
  groups:
    requests: {events: [req1], intervals: [1d]}
    any: {intervals: [1d], auto_declare_events: true}
"""


@pytest.fixture
def file() -> str:
    Path("logging.yaml").write_text(FILE)
    return "logging.yaml"


def test_an_event_is_counted(file, ran):
    assert ran(ecl_log, "requests", "req1") == (0, "", "")
    assert ran(ecl_log, "requests", "req1", "53") == (0, "", "")

    assert ran(ecl_read, "-g", "requests", "--current") == (0, "req1:54\n", "")


@pytest.mark.parametrize("count", [[], ["5"]])
def test_the_file_comes_first_or_by_option(ran, count):
    Path("some.yaml").write_text(FILE)

    assert ran(ecl_log, "some.yaml", "requests", "req1", *count)[0] == 0
    assert ran(ecl_log, "-c", "some.yaml", "requests", "req1", *count)[0] == 0
    total = 2 * int(count[0]) if count else 2
    assert ran(ecl_read, "some.yaml", "-g", "requests", "--current")[1] == f"req1:{total}\n"


def test_any_event_counts_where_the_group_declares_it(file, ran):
    assert ran(ecl_log, "any", "größe:1") == (0, "", "")

    assert ran(ecl_read, "-g", "any", "--current")[1] == "größe:1:1\n"


def test_a_group_that_only_the_store_knows_is_counted_in(file, ran):
    ran(ecl_log, "requests", "req1")
    Path("logging.yaml").unlink()

    assert ran(ecl_log, "--store", "sqlite:///counts.db", "requests", "req1") == (0, "", "")


def test_a_count_of_0_counts_nothing(file, ran):
    assert ran(ecl_log, "requests", "req1", "0") == (0, "", "")

    assert ran(ecl_read, "-g", "requests", "--current")[1] == "req1:0\n"


def test_an_unknown_event_is_an_error(file, ran):
    assert ran(ecl_log, "requests", "typo") == (
        1,
        "",
        "ecl-log: error: group requests has no event 'typo', and declares none by itself\n",
    )


def test_an_unknown_group_is_an_error(file, ran):
    status, out, err = ran(ecl_log, "reqests", "req1")

    assert (status, out) == (1, "")
    assert "'reqests'" in err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["requests"],
        ["requests", "req1", "1", "2"],
        ["requests", ""],
        ["requests", "@late"],
        ["requests", "req1", "many"],
        ["requests", "req1", "-1"],
        ["requests", "req1", "1.5"],
    ],
)
def test_wrong_usage_is_status_2(file, ran, arguments):
    status, out, err = ran(ecl_log, *arguments)

    assert (status, out) == (2, "")
    assert "ecl-log: error: " in err
    assert not Path("counts.db").exists()


def test_a_file_without_an_event_is_wrong_usage(ran):
    assert ran(ecl_log, "some.yaml", "requests") == (
        2,
        "",
        "ecl-log: error: expected GROUP EVENT [COUNT]\n",
    )


def test_a_group_that_the_store_knows_may_be_one_that_its_program_declares(commanded, ran):
    status, _, err = ran(ecl_log, "requests", "new")

    assert status == 1
    assert err.endswith("; where its program's file says otherwise, name that (-c)\n")


class Losing(FlakyStore):
    """Loses each reply."""

    def apply(self, batch, **options):
        self.lose_replies = 1
        return super().apply(batch, **options)


def test_a_count_whose_reply_was_lost_is_found_to_be_counted(file, ran, monkeypatch):
    store = FlakyStore()
    store.lose_replies = 2
    monkeypatch.setattr(command, "open_chosen_store", lambda *_, **__: store)

    assert ran(ecl_log, "requests", "req1") == (0, "", "")
    assert [batch.counts for batch in store.applied] == [{"req1": 1}] * 3
    definition = store.definition("requests")
    assert definition is not None
    assert store.read("requests", definition.intervals[0], [0])[0].cells == {"req1": 1}


def test_what_may_have_been_counted_is_not_said_not_to_be(file, ran, monkeypatch):
    """Nor with the status after which it is safe to try again."""
    monkeypatch.setattr(log, "STEP_SECONDS", 0.6)
    store = Losing()
    monkeypatch.setattr(command, "open_chosen_store", lambda *_, **__: store)

    status, out, err = ran(ecl_log, "requests", "req1")

    assert (status, out) == (1, "")
    assert err == (
        "ecl-log: error: not known whether it was counted: memory://: Connection reset by peer\n"
    )
    assert len(store.applied) > 1


def test_after_it_has_said_that_it_was_not_counted_nothing_is_sent(file, ran, monkeypatch):
    class Away(FlakyStore):
        def apply(self, batch, **options):
            raise StoreUnavailable("memory://: Connection refused")

    monkeypatch.setattr(command, "open_chosen_store", lambda *_, **__: Away())
    monkeypatch.setattr(GroupCounter, "is_unsure", lambda _: False)
    before = set(threading.enumerate())

    status, _, err = ran(ecl_log, "requests", "req1")

    assert status == 3
    assert err.startswith("ecl-log: error: not counted: memory://: Connection refused;")
    assert set(threading.enumerate()) == before
