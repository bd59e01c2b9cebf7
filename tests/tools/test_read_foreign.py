"""ecl-read on a store into which anybody may have written: it is read, and drives nothing."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sqlite3
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecl_logging.intervals import Interval
from ecl_logging.stores import open_store
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.protocols import MAX_CELL, Batch, Definition
from ecl_logging.tools import command
from ecl_logging.tools.read import main as ecl_read
from tests.conftest import Clock

pytestmark = pytest.mark.once

NOW = 1_795_348_860

IDS = st.one_of(
    st.text(max_size=30),
    st.text(st.sampled_from(",\"'=+-@\r\n\t\0\x1b \\日\u202e\udc80;|"), max_size=8),
)
CELLS = st.dictionaries(IDS, st.one_of(st.integers(1, 9), st.integers(-MAX_CELL, MAX_CELL)))
INTERVALS = st.lists(
    st.sampled_from(["1s", "5s", "1m", "1d", "366d"]), min_size=1, max_size=3, unique=True
)
GROUPS = st.dictionaries(IDS, st.tuples(INTERVALS, st.sets(IDS, max_size=3), CELLS), max_size=3)


def stored(groups) -> MemoryStore:
    """A store with these groups, and cells in their current buckets: written by anybody."""
    store = MemoryStore(clock=Clock(NOW))
    for name, (texts, events, cells) in groups.items():
        intervals = tuple(map(Interval.parse, texts))
        store.define(Definition(name, intervals, frozenset(events), history=3))
        for interval in intervals:
            store._tables.add(name, [(interval.text, interval.start_of(NOW), cells)])
    return store


def printed(store: MemoryStore, *arguments: str) -> str:
    out = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        patch.setattr(command, "open_chosen_store", lambda *_, **__: store)
        assert ecl_read(arguments) == 0
    return out.getvalue()


def cells_in(store: MemoryStore) -> list[tuple[str, str, str, int]]:
    """Group, interval, ID and count of each cell of the current buckets; declared IDs, too."""
    found = []
    for name in store.groups():
        definition = store.definition(name)
        for interval in definition.intervals:
            [bucket] = store.read(name, interval, [0])
            counts = dict.fromkeys(definition.events, 0) | dict(bucket.cells)
            ids = sorted(i for i in counts if not i.startswith("@"))
            found += [(name, interval.text, i, counts[i]) for i in ids]
    return found


@settings(deadline=None)
@given(GROUPS, st.sampled_from([(), ("--local",), ("--nonzero",), ("--top", "2"), ("a*", "*")]))
def test_json_is_valid_whatever_is_stored(groups, options):
    store = stored(groups)

    for arguments in ((), ("--current",), ("--history", "2")):
        out = printed(store, "--json", *arguments, *options)
        assert out.isascii()
        assert {one["group"] for one in json.loads(out)} == set(groups)


@settings(deadline=None)
@given(GROUPS)
def test_json_has_every_count_as_it_is_stored(groups):
    store = stored(groups)

    objects = json.loads(printed(store, "--json", "--current"))

    assert cells_in(store) == [
        (one["group"], one["interval"], event_id, n)
        for one in objects
        for event_id, n in one["counts"].items()
    ]


@settings(deadline=None)
@given(GROUPS)
def test_csv_comes_back_as_it_was_stored(groups):
    store = stored(groups)

    head, *rows = csv.reader(io.StringIO(printed(store, "--csv", "--current"), newline=""))

    assert head == ["group", "interval", "bucket", "start", "event", "count"]
    assert cells_in(store) == [(row[0], row[1], row[4], int(row[5])) for row in rows]


@settings(deadline=None)
@given(GROUPS, st.sampled_from([(), ("--history", "2"), ("--history",), ("--sources",)]))
def test_text_drives_no_terminal_whatever_is_stored(groups, options):
    assert printed(stored(groups), *options).replace("\n", "").isprintable()


def test_what_stderr_says_drives_no_terminal(ran, monkeypatch):
    store = stored({"a\x1b[2J": (["5s", "1m"], (), {"@x\x1b": 1})})
    monkeypatch.setattr(command, "open_chosen_store", lambda *_, **__: store)

    for arguments in ((), ("-g", "missing\x1b"), ("-g", "a\x1b[2J"), ("x\x1b",)):
        lines = ran(ecl_read, *arguments)[2].splitlines()
        assert lines
        assert all(line.isprintable() for line in lines)


def test_fields_that_others_have_set_in_redis_are_read(empty_server, ran):
    with contextlib.closing(open_store(empty_server.url)) as store:
        store.define(Definition("g", (Interval("366d", 366 * 86400),)))
        [bucket] = store.read("g", Interval("366d", 366 * 86400), [0])
    with contextlib.closing(empty_server.client()) as client:
        fields = {"": 1, "a\nb": 2, b"\xff\xfe": 3, "text": "no number", "x" * 10_000: 4}
        client.hset(f"g:366d:{bucket.start}", mapping=fields)

    status, out, err = ran(ecl_read, "--store", empty_server.url, "--json", "--current")

    assert (status, err) == (0, "")
    assert json.loads(out)[0]["counts"] == {"": 1, "a\nb": 2, "\ufffd\ufffd": 3, "x" * 10_000: 4}


def test_rows_that_others_have_put_into_the_file_are_read(ran):
    with contextlib.closing(open_store("sqlite:///counts.db")) as store:
        definition = store.define(Definition("g", (Interval("366d", 366 * 86400),)))
        start = int(time.time()) // (366 * 86400) * 366 * 86400
        batch = Batch("g", "00", 1, 1, definition.version, start, definition.intervals, {"x": 1})
        store.apply(batch)
    with contextlib.closing(sqlite3.connect("counts.db")) as connection, connection:
        for event_id, n in (("", 2), (b"\xff", 3), ("a\x1b", 4), ("text", "no number")):
            row = ("g", "366d", start, event_id, n)
            connection.execute("INSERT INTO counts VALUES (?, ?, ?, ?, ?)", row)

    status, out, err = ran(ecl_read, "--store", "sqlite:///counts.db", "--json", "--current")

    assert (status, err) == (0, "")
    assert json.loads(out)[0]["counts"] == {"": 2, "a\x1b": 4, "x": 1}
