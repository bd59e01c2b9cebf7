"""Records in a SQL database: a row for each kind and second, and each entry counted once."""

from __future__ import annotations

import datetime
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ecl_logging.errors import ConfigError, StoreError, StoreUnavailable
from ecl_logging.records import destinations
from ecl_logging.records.destinations import open_destination
from ecl_logging.records.destinations.sql import SqlDestination
from ecl_logging.stores.keeping import AT_ONCE
from tests.canary import CANARY
from tests.postgres_servers import PostgresServer
from tests.records.gathered_entries import SECOND, entry

pytestmark = pytest.mark.once  # neither Python's version nor redis-py's changes it


class Database:
    """A database, and a look into it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))

    def run(self, statement: str) -> Sequence[Any]:
        with self._engine.begin() as connection:
            result = connection.exec_driver_sql(statement)
            return result.fetchall() if result.returns_rows else []

    def rows(self, columns: str) -> list[tuple[Any, ...]]:
        found = self.run(f"SELECT {columns} FROM ecl_records ORDER BY kind, second")
        return [tuple(row) for row in found]

    def records(self) -> list[Any]:
        """The records of all rows."""
        found = [row for (row,) in self.rows("record")]
        return [json.loads(one) if isinstance(one, str) else one for one in found]

    def ids(self, where: str = "1 = 1") -> list[str]:
        found = self.run(f"SELECT id FROM ecl_gathered WHERE {where} ORDER BY id")
        return [row[0] for row in found]

    def close(self) -> None:
        self._engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/records.db")
    else:
        database = Database(request.getfixturevalue("empty_postgres").url)
    yield database
    database.close()


@pytest.fixture
def opened() -> Iterator[Callable[[str], SqlDestination]]:
    """Opens destinations, which are closed at the end."""
    everything: list[SqlDestination] = []

    def open_one(url: str) -> SqlDestination:
        destination = open_destination(url)
        assert isinstance(destination, SqlDestination)
        everything.append(destination)
        return destination

    yield open_one
    for one in everything:
        one.close()


@pytest.fixture
def destination(database: Database, opened: Callable[[str], SqlDestination]) -> SqlDestination:
    return opened(database.url)


# --- rows


def test_a_record_is_a_row_with_what_one_asks_for(destination, database):
    record = {
        "msg": "%s is late",
        "message": "train is late",
        "pathname": "/app/trains.py",
        "lineno": 7,
        "funcName": "wait",
        "exc_text": "Traceback ...",
        "hostname": "web1",
        "process": 77,
    }
    assert destination.store([entry(repeats=3, **record)]).refused == ()

    assert database.rows(
        "kind, second, repeats, logger, level, levelno, message, template, path, line, function,"
        " exc_text, host, process"
    ) == [
        (
            *(f"{1:032x}", SECOND, 3, "shop", "INFO", 20, "train is late", "%s is late"),
            *("/app/trains.py", 7, "wait", "Traceback ...", "web1", 77),
        )
    ]
    assert database.records() == [
        record | {"name": "shop", "levelname": "INFO", "levelno": 20},
    ]
    [(first, last)] = database.rows("time, last")
    assert [utc(first), utc(last)] == ["2026-11-22 12:01:00.250000", "2026-11-22 12:01:00.500000"]


def utc(time: Any) -> str:
    if isinstance(time, str):  # as SQLite has it
        return time
    return str(time.astimezone(datetime.UTC).replace(tzinfo=None))


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("turned", [True, False])
def test_entries_of_one_kind_and_second_are_one_row(destination, database, together, turned):
    entries = [
        entry(1, first=0.5, last=0.9, repeats=2, message="second"),
        entry(2, first=0.25, last=0.6, repeats=3, message="first"),
        entry(3, kind=2, message="other"),
        entry(4, second=SECOND + 1, message="later"),
    ]
    if turned:
        entries.reverse()
    for some in [entries] if together else [[one] for one in entries]:
        destination.store(some)

    assert database.rows("second, repeats, message") == [
        (SECOND, 5, "first"),
        (SECOND + 1, 1, "later"),
        (SECOND, 1, "other"),
    ]
    [(first, last), *_] = database.rows("time, last")
    assert (utc(first)[-9:], utc(last)[-9:]) == ("00.250000", "00.900000")
    assert database.records()[0]["message"] == "first"


def test_an_entry_that_is_stored_again_counts_once(destination, database, opened):
    entries = [entry(number, kind=number % 3, repeats=number) for number in range(1, 10)]
    destination.store(entries)
    for again in (destination, opened(database.url)):
        again.store([*entries, entry(10, kind=0, repeats=100)])

    assert database.rows("repeats") == [(3 + 6 + 9 + 100,), (1 + 4 + 7,), (2 + 5 + 8,)]


def test_an_id_that_comes_twice_at_once_counts_once(destination, database):
    destination.store([entry(repeats=5), entry(repeats=5)])

    assert database.rows("repeats") == [(5,)]


def test_gatherers_that_store_the_same_at_the_same_time_count_it_once(database, opened):
    """They also meet where the tables are created, and on rows in another order."""
    entries = [entry(number, kind=number % 50, repeats=2) for number in range(AT_ONCE)]
    failures = []

    def store(destination: SqlDestination, seen: list[Any]) -> None:
        for start in range(0, AT_ONCE, 50):
            for _ in range(20):
                try:
                    destination.store(seen[start : start + 50])
                    break
                except StoreUnavailable as error:  # as a gatherer, it tries again
                    problem = error
            else:
                failures.append(problem)

    threads = [
        threading.Thread(target=store, args=[opened(database.url), some])
        for some in (entries, entries[::-1], entries[25:] + entries[:25])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert database.rows("repeats") == [(20,)] * 50


def test_the_largest_claim_is_stored(destination, database):
    destination.store([entry(number, kind=number) for number in range(AT_ONCE)])

    assert len(database.rows("kind")) == AT_ONCE


def test_what_one_asks_by_has_an_index(destination, database):
    destination.store([entry()])
    found = {
        (tuple(index["column_names"]))
        for index in sa.inspect(database._engine).get_indexes("ecl_records")
    }

    assert found == {("time",), ("logger", "time"), ("level", "time")}
    key = sa.inspect(database._engine).get_pk_constraint("ecl_records")["constrained_columns"]
    assert key == ["kind", "second"]


def test_the_queries_of_the_manual_run(opened, empty_postgres: PostgresServer):
    page = (Path(__file__).parents[2] / "docs" / "gathering.md").read_text("utf-8")
    [block] = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    opened(empty_postgres.url).store([entry(1, second=int(time.time()), message="m", user="ann")])
    with empty_postgres.connect() as connection:
        found = [connection.execute(one) for one in block.split(";") if one.strip()]

        assert [one.rowcount for one in found] == [1, 0, 1, 1, 0]


# --- IDs


def test_ids_are_noted_as_acknowledged_and_forgotten_a_day_later(destination, database):
    destination.store([entry(1), entry(2), entry(3)])
    destination.acknowledged(["id-1", "id-2"])
    destination.tidy()
    assert database.ids("acknowledged") == ["id-1", "id-2"]
    age(database, "id-1", days=2)
    age(database, "id-3", days=2)
    destination._next_tidy = 0.0
    destination.tidy()

    assert database.ids() == ["id-2", "id-3"]


def test_ids_that_were_never_acknowledged_are_kept_for_ninety_days(destination, database):
    destination.store([entry(1), entry(2)])
    age(database, "id-1", days=91)
    age(database, "id-2", days=89)
    destination.tidy()

    assert database.ids() == ["id-2"]


def test_old_ids_are_forgotten_some_at_a_time(destination, database, monkeypatch):
    monkeypatch.setattr("ecl_logging.records.destinations.sql._TIDIED_AT_ONCE", 2)
    destination.store([entry(number) for number in range(5)])
    database.run("UPDATE ecl_gathered SET at = '2020-01-01 00:00:00.000000'")
    left = []
    for _ in range(4):
        destination.tidy()
        left.append(len(database.ids()))

    assert left == [3, 1, 0, 0]


def age(database: Database, one: str, *, days: int) -> None:
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)
    database.run(
        f"UPDATE ecl_gathered SET at = '{then:%Y-%m-%d %H:%M:%S}.000000' WHERE id = '{one}'"
    )


# --- what may be in a record


HOSTILE = {
    "nul": {"message": "a\0b", "msg": "a\0b", "more": {"k\0": ["\0"]}},
    "half a surrogate pair": {"message": "a\ud800b", "x": "\udfff"},
    "no number in JSON": {"message": "m", "x": [float("nan"), float("inf")]},
    "long names": {"name": "ü" * 5000, "levelname": "日" * 5000, "message": "m"},
    "names of other types": {"name": 7, "levelname": None, "message": ["m"], "exc_text": {}},
    "numbers of other types": {"levelno": "x", "lineno": 2**80, "process": True, "message": "m"},
    "a large number": {"x": 10**300, "message": "m"},
    "quotes": {"message": "'; DROP TABLE ecl_records; -- %s %(x)s :x {", "x": 'a"\\'},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_record_is_stored(destination, database, kind):
    assert destination.store([entry(1, **HOSTILE[kind]), entry(2, kind=2)]).refused == ()

    assert len(database.rows("message, logger, level")) == 2
    assert database.ids() == ["id-1", "id-2"]


def test_what_a_database_refuses_is_stored_escaped(destination, database):
    destination.store([entry(1, message="a\0b\ud800", msg="a\0b", k=["\0", "\ud800"])])

    assert database.rows("message, template") == [("a\\x00b\\ud800", "a\\x00b")]
    assert database.records()[0]["k"] == ["\\x00", "\\ud800"]


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[1]", "7", "[" * 100_000, '{"a": ' + "9" * 5000 + "}", "\0\ud800"]
)
def test_what_is_no_record_is_stored_as_text(destination, database, text):
    assert destination.store([entry(1, record=text)]).refused == ()

    shown = text.replace("\0", "\\x00").replace("\ud800", "\\ud800")
    assert database.rows("message") == [(shown,)]
    assert database.records() == [{"unreadable": shown}]


@pytest.mark.parametrize("first", [-1e18, 1e18, -SECOND, 1e11])
def test_a_time_beyond_the_calendar_is_its_edge(destination, database, first):
    assert destination.store([entry(first=first, last=first)]).refused == ()

    assert len(database.rows("kind")) == 1


def test_an_entry_that_is_refused_holds_up_no_other(destination, database):
    """Such as one with a number that no column takes: who could know what else there is?"""
    entries = [entry(1), entry(2, kind=2, second=2**70, first=-(2.0**70)), entry(3, kind=3)]
    [refused] = destination.store(entries).refused

    assert refused.entry == entries[1]
    assert refused.reason != ""
    assert "\n" not in refused.reason
    assert database.ids() == ["id-1", "id-3"]
    assert len(database.rows("kind")) == 2


def test_rules_that_somebody_adds_to_the_table_refuse_single_entries(destination, database):
    destination.store([entry(1)])
    database.run("CREATE UNIQUE INDEX mine ON ecl_records (message)")

    refused = destination.store([entry(2, kind=2, message="a"), entry(3, kind=3, message="a")])
    assert [one.entry.id for one in refused.refused] == ["id-3"]


# --- databases that are away, or others'


def test_a_table_of_the_same_name_is_told(destination, database):
    database.run("CREATE TABLE ecl_records (mine INTEGER)")

    with pytest.raises(StoreError) as caught:
        destination.store([entry()])
    assert not isinstance(caught.value, StoreUnavailable)
    assert destination.shown in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ecl:{CANARY}@/postgres?host=/nowhere",
        f"postgresql://ecl:{CANARY}@127.0.0.1:1/postgres",
        f"postgresql://ecl@127.0.0.1:1/postgres?password={CANARY}",
        "sqlite:////nowhere/records.db",
    ],
)
def test_a_database_that_is_away_is_told_without_its_password(opened, url):
    destination = opened(url)
    with pytest.raises(StoreUnavailable) as caught:
        destination.store([entry()])

    assert CANARY not in str(caught.value) + destination.shown
    assert "\n" not in str(caught.value)


def test_a_wrong_password_is_told(opened, empty_postgres: PostgresServer):
    destination = opened(empty_postgres.url.replace(CANARY, "wrong-7Yq3"))
    with pytest.raises(StoreUnavailable, match="password authentication failed") as caught:
        destination.store([entry()])

    assert "wrong-7Yq3" not in str(caught.value)


def test_a_user_who_may_not_create_tables_writes_to_those_that_are_there(
    opened, empty_postgres: PostgresServer
):
    with empty_postgres.connect() as connection:
        connection.execute(
            "DROP ROLE IF EXISTS clerk;"
            f" CREATE ROLE clerk LOGIN PASSWORD '{CANARY}';"
            " GRANT USAGE ON SCHEMA public TO clerk"
        )
    url = empty_postgres.url.replace("//ecl:", "//clerk:")
    with pytest.raises(StoreError, match="permission denied") as caught:
        opened(url).store([entry()])
    assert not isinstance(caught.value, StoreUnavailable)

    opened(empty_postgres.url).store([entry()])
    with empty_postgres.connect() as connection:
        connection.execute(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ecl_records, ecl_gathered TO clerk"
        )
    destination = opened(url)
    destination.store([entry(2)])
    destination.acknowledged(["id-2"])
    destination.tidy()


def test_it_goes_on_with_a_connection_that_was_cut(opened, empty_postgres: PostgresServer):
    destination = opened(empty_postgres.url)
    destination.store([entry(1)])
    with empty_postgres.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    with pytest.raises(StoreUnavailable):
        destination.store([entry(2)])
    destination.store([entry(2)])

    assert (
        destination._in_transaction(
            lambda one: one.exec_driver_sql("SELECT sum(repeats) FROM ecl_records").scalar()
        )
        == 2
    )


# --- URLs


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"mysql://me:{CANARY}@host/db", "records go to sqlite and postgresql only"),
        (f"postgresql+asyncpg://me:{CANARY}@host/db", "its driver is not installed"),
        (f"nothing+at+all://me:{CANARY}@host/db", "records go to sqlite and postgresql only"),
        (f"postgresql://me:{CANARY}@host:x/db", "not the URL of a database"),
        ("sqlite://", "the path of a file follows the third slash"),
        ("sqlite:///:memory:", "the path of a file follows the third slash"),
        (f"sqlite://me:{CANARY}@host/db", "the path of a file follows the third slash"),
        ("nowhere", "names no place for records"),
        (f"http:me:{CANARY}@host", "names no place for records"),
        ("logging:", "there is no configuration file"),
    ],
)
def test_a_url_that_means_nothing_is_an_error(url, problem):
    with pytest.raises(ConfigError) as caught:
        open_destination(url)

    assert problem in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_way_to_write_postgresql_is_psycopg(opened, scheme):
    destination = opened(f"{scheme}://me:{CANARY}@db.example/logs?sslmode=require")

    assert destination._engine.dialect.driver == "psycopg"
    assert destination.shown == "postgresql://***@db.example/logs"


@pytest.mark.parametrize(
    ("missing", "url", "command"),
    [
        ("sqlalchemy", "sqlite:///a.db", "pip install 'ecl-logging[sql]'"),
        ("psycopg", "postgresql+psycopg://host/db", "pip install 'psycopg[binary]'"),
    ],
)
def test_a_package_that_is_missing_is_told_with_the_command_to_install_it(
    monkeypatch, missing, url, command
):
    for name in [one for one in sys.modules if one.startswith(destinations.__name__ + ".sql")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(ConfigError) as caught:
        open_destination(url)
    assert command in str(caught.value)
