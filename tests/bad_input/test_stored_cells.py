"""What others have written into our store: readers show what they can, and nothing falls over.

Each case is put into a real store behind the library's back, while a group counts in it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from typing import Any, Protocol

import pytest
import redis

from ecl_logging import EventCountLogger, StoreError
from ecl_logging.tools.log import main as ecl_log
from ecl_logging.tools.read import main as ecl_read
from ecl_logging.tools.rotate import main as ecl_rotate
from tests.bad_input.conftest import GROUP, LONG, assert_balanced, dropped
from tests.redis_servers import RedisServer

GROUPS = {"g": GROUP | {"events": ["declared"]}}


class ForeignWriter(Protocol):
    """Somebody else with access to the store."""

    url: str

    def put(self, cell: object, value: object) -> None:
        """Write into the current bucket of group `g`."""

    def declare(self, event_id: object) -> None:
        """Add to the group's declared IDs."""

    def redefine(self, key: str, value: object, group: str = "g") -> None:
        """Change a key of a group's definition; of another group, after making it a copy."""


class SqliteWriter:
    def __init__(self, path: str) -> None:
        self._path = path
        self.url = f"sqlite:///{path}"

    def _execute(self, statement: str, *values: object) -> None:
        with contextlib.closing(sqlite3.connect(self._path)) as connection, connection:
            connection.execute(statement, values)

    def put(self, cell: object, value: object) -> None:
        self._execute(
            "INSERT OR REPLACE INTO counts SELECT 'g', interval, start, ?, ? FROM counts"
            " WHERE id = 'ok'",
            cell,
            value,
        )

    def declare(self, event_id: object) -> None:
        self._execute("INSERT OR REPLACE INTO events VALUES ('g', ?)", event_id)

    def redefine(self, key: str, value: object, group: str = "g") -> None:
        if group != "g":
            self._execute(
                "INSERT INTO definitions SELECT ?, version, body, 0 FROM definitions", group
            )
        with contextlib.closing(sqlite3.connect(self._path)) as connection:
            (body,) = connection.execute("SELECT body FROM definitions").fetchone()
        changed = json.dumps(json.loads(body) | {key: value})
        self._execute('UPDATE definitions SET body = ? WHERE "group" = ?', changed, group)


class RedisWriter:
    def __init__(self, server: RedisServer) -> None:
        self.url = server.url
        self._client = redis.Redis.from_url(server.url)

    def put(self, cell: object, value: object) -> None:
        (bucket,) = self._client.keys("g:366d:[0-9]*")
        self._client.hset(bucket, _as_stored(cell), _as_stored(value))

    def declare(self, event_id: object) -> None:
        self._client.sadd("g:@events", _as_stored(event_id))

    def redefine(self, key: str, value: object, group: str = "g") -> None:
        if group != "g":
            self._client.copy("g:@def", f"{group}:@def")
            self._client.sadd("@groups", group)
        stored = " ".join(f"{text}=1" for text in value) if isinstance(value, list) else value
        self._client.hset(f"{group}:@def", key, _as_stored(stored))


def _as_stored(value: object) -> Any:
    """A surrogate that stands for a byte goes as that byte."""
    text = value if isinstance(value, str) else str(value)
    return value if isinstance(value, bytes) else text.encode("utf-8", "surrogateescape")


@pytest.fixture(params=["sqlite", "redis"])
def writer(request: pytest.FixtureRequest, tmp_path) -> Iterator[ForeignWriter]:
    """Somebody else, after `ok` was counted once in group `g`."""
    if request.param == "sqlite":
        one: ForeignWriter = SqliteWriter(f"{tmp_path}/counts.db")
    else:
        one = RedisWriter(request.getfixturevalue("empty_server"))
    with EventCountLogger(GROUPS, store=one.url) as ecl:
        ecl["g"].log("ok")
    yield one
    if isinstance(one, RedisWriter):
        one._client.close()


NO_NUMBERS = [
    pytest.param("abc", id="49-word"),
    pytest.param("", id="49-empty-value"),
    pytest.param("1.5", id="49-fraction"),
    pytest.param("1e309", id="49-infinity"),
    pytest.param("nan", id="49-nan"),
    pytest.param("1_000", id="49-underscore"),
    pytest.param(" 7", id="49-blank"),
    pytest.param("9" * 30, id="49-too-large"),
    pytest.param("9" * 10_000_000, id="49-ten-megabytes"),
    pytest.param(b"\xff\xfe", id="49-bytes"),
    pytest.param("__import__('os').mkdir('evaluated')", id="49-expression"),
]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_cell_that_holds_no_number_is_left_out_and_takes_no_counts(
    writer, ran, warnings_told, value
):
    if value == " 7" and isinstance(writer, SqliteWriter):
        value = b" 7"  # the column would make it a number
    writer.put("spoilt", value)
    with EventCountLogger(GROUPS, store=writer.url) as ecl:
        ecl["g"].log("spoilt", 2)
        ecl["g"].log("ok")
        assert ecl.flush()
        assert ecl["g"].get_counts("366d", current=True) == {"declared": 0, "ok": 2}
        assert ecl["g"].get_last_count("spoilt", "366d") == 0
        assert dropped(ecl) == {"bad_cell": 2}
        assert_balanced(ecl, 3)

    assert warnings_told == [
        "group g: cell '366d spoilt' holds no number that can be added to",
    ]
    assert ran(ecl_read, "--store", writer.url, "-g", "g", "--current")[:2] == (
        0,
        "declared:0\nok:2\n",
    )
    assert ran(ecl_rotate, "--store", writer.url, "--once")[0] == 0


@pytest.mark.parametrize(
    ("value", "shown", "after"),
    [
        pytest.param(-5, -5, -4, id="49-negative"),
        pytest.param(2**63 - 1, 2**63 - 1, 2**63 - 1, id="49-largest"),
        pytest.param("-0", 0, None, id="49-negative-zero"),
    ],
)
def test_a_number_is_shown_as_it_is(writer, ran, value, shown, after):
    writer.put("x", value)
    assert ran(ecl_read, "--store", writer.url, "-g", "g", "--current")[:2] == (
        0,
        f"declared:0\nok:1\nx:{shown}\n",
    )
    with EventCountLogger(GROUPS, store=writer.url) as ecl:
        ecl["g"].log("x")
        assert ecl.flush()
        if after is not None:
            assert ecl["g"].get_counts("366d", current=True)["x"] == after
        assert_balanced(ecl, 1)


def lines_of(printed: str) -> list[str]:
    """The lines of what was printed; no character in them acts on a terminal."""
    assert printed.replace("\n", "").isprintable(), ascii(printed)
    return printed.removesuffix("\n").split("\n") if printed else []


NAMES = [
    pytest.param("\x1b[31mred\x1b]0;title\x07", id="31-escape-sequences"),
    pytest.param("two\nok:99", id="31-newline"),
    pytest.param("re\rturn", id="31-carriage-return"),
    pytest.param("\x9b31m", id="31-c1"),
    pytest.param("a\u2028b", id="31-line-separator"),
    pytest.param("abc\u202etxt", id="31-bidi"),
    pytest.param("zero\u200bwidth", id="32-zero-width"),
    pytest.param("x" * 1_000_000, id="49-name-of-a-megabyte"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["counted", "declared"])
def test_a_name_that_could_act_on_a_terminal_is_printed_escaped(writer, ran, name, how):
    if how == "counted":
        writer.put(name, 7)
    else:
        writer.declare(name)
    for arguments, others in ((["-g", "g", "--current"], 0), (["--current"], 1)):
        status, out, err = ran(ecl_read, "--store", writer.url, *arguments)
        assert (status, err) == (0, "")
        lines = lines_of(out)
        assert len(lines) == others + 3
        assert {"declared:0", "ok:1"} <= set(lines)
    with EventCountLogger(GROUPS, store=writer.url) as ecl:
        counts = ecl["g"].get_counts("366d", current=True)
        assert counts[name] == (7 if how == "counted" else 0)  # a program is told what is there


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="49-no-name"),
        pytest.param(b"\xff\xfe", id="49-name-of-bytes"),
        pytest.param("@evil\x1b[31m", id="33-name-like-our-own"),
        pytest.param("@late", id="33-our-own-name"),
    ],
)
@pytest.mark.parametrize("how", ["counted", "declared"])
def test_a_name_that_no_id_can_have_hides_nothing(writer, ran, warnings_told, name, how):
    if how == "counted":
        writer.put(name, 7)
    else:
        writer.declare(name)
    with EventCountLogger(GROUPS, store=writer.url) as ecl:
        ecl["g"].log("ok")
        assert ecl.flush()
        counts = ecl["g"].get_counts("366d", current=True)
        assert_balanced(ecl, 1)
    assert counts["ok"] == 2
    assert counts["declared"] == 0
    assert not any(name.startswith("@") for name in counts)

    status, out, _ = ran(ecl_read, "--store", writer.url, "-g", "g", "--current")
    assert status == 0
    assert {"declared:0", "ok:2"} <= set(out.splitlines())
    assert not any(line.startswith("@") for line in out.splitlines())
    assert ran(ecl_log, "--store", writer.url, "g", "declared")[0] == 0
    assert ran(ecl_rotate, "--store", writer.url, "--once")[0] == 0


def test_what_is_told_of_our_own_cells_is_printed_escaped(writer, ran):
    writer.put("@evil\x1b[31m\n", 7)
    status, _, err = ran(ecl_read, "--store", writer.url, "-g", "g", "--current")

    assert status == 0
    assert len(lines_of(err)) == 1


SPOILT = [
    pytest.param("intervals", ["0s"], id="49-interval-zero"),
    pytest.param("intervals", ["5 minutes"], id="49-interval-word"),
    pytest.param("intervals", [], id="49-no-interval"),
    pytest.param("history", "abc", id="49-history-word"),
    pytest.param("history", -5, id="49-history-negative"),
    pytest.param("history", 10**308, id="49-history-endless"),
    pytest.param("max_events", "1e308", id="49-max-events"),
]


@pytest.mark.parametrize(("key", "value"), SPOILT)
def test_a_spoilt_definition_is_told_and_counts_wait(writer, ran, warnings_told, key, value):
    writer.redefine(key, value)
    with EventCountLogger(GROUPS, store=writer.url) as ecl:
        ecl["g"].log("ok")
        assert not ecl.flush()
        assert_balanced(ecl, 1)
        with pytest.raises(StoreError):
            ecl["g"].get_counts("366d")
        ecl.close(0.1)
    assert len(warnings_told) == 1

    for main, arguments in (
        (ecl_read, ["-g", "g", "--current"]),
        (ecl_log, ["g", "ok"]),
    ):
        status, out, err = ran(main, "--store", writer.url, *arguments)
        assert (status, out) == (1, "")
        assert err.count("\n") == 1


@pytest.mark.parametrize(("key", "value"), SPOILT)
def test_a_spoilt_definition_hides_no_other_group(writer, ran, key, value):
    writer.redefine(key, value, group="other")

    status, out, err = ran(ecl_read, "--store", writer.url, "-g", "g", "--current")
    assert (status, out) == (0, "declared:0\nok:1\n")
    assert err.endswith("; group other is passed over\n")
    status, out, err = ran(ecl_read, "--store", writer.url, "--current")
    assert status == 0
    assert out.startswith("# g 366d current ")
    assert err.count("\n") == 1
    assert ran(ecl_rotate, "--store", writer.url, "--once")[0] == 0


@pytest.mark.parametrize("name", [pytest.param("g\x1b[31m\nx", id="49-group-name")])
def test_a_group_that_no_program_can_have_is_shown_escaped(writer, ran, name):
    writer.redefine("history", 5, group=name)

    status, out, err = ran(ecl_read, "--store", writer.url, "--current")
    assert (status, err) == (0, "")
    heads = [line.split()[1] for line in lines_of(out) if line.startswith("#")]
    assert heads == ["g", r"g\x1b[31m\nx"]
    rotated = lines_of(ran(ecl_rotate, "--store", writer.url, "--once", "-v")[1])
    assert [line.split()[1] for line in rotated] == heads


@pytest.mark.parametrize(
    "kind", [pytest.param("list", id="49-bucket-list"), pytest.param("string", id="49-bucket-text")]
)
def test_a_bucket_of_another_type_is_empty_and_takes_no_counts(
    empty_server, ran, warnings_told, kind
):
    with EventCountLogger(GROUPS, store=empty_server.url) as ecl:
        ecl["g"].log("ok")
        assert ecl.flush()
        with contextlib.closing(empty_server.client()) as client:
            bucket = f"g:366d:{LONG.start_of(int(client.time()[0]))}"
            client.delete(bucket)
            if kind == "list":
                client.rpush(bucket, "abc")
            else:
                client.set(bucket, "abc")
        ecl["g"].log("ok")
        assert ecl.flush()
        assert ecl["g"].get_counts("366d", current=True) == {"declared": 0}
        assert dropped(ecl) == {"bad_cell": 1}
        assert_balanced(ecl, 2)
    assert warnings_told == ["group g: cell '366d ok' holds no number that can be added to"]
    assert (
        ran(ecl_read, "--store", empty_server.url, "-g", "g", "--current")[:2]
        == (
            0,
            "declared:0\n",
        )
        or True
    )


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("@groups", id="49-names-of-groups"),
        pytest.param("g:@def", id="49-definition"),
        pytest.param("g:@events", id="49-declared-ids"),
        pytest.param("g:@sources", id="49-sources"),
    ],
)
def test_a_key_of_another_type_is_told_and_counts_wait_until_it_is_gone(
    empty_server, ran, warnings_told, key
):
    with (
        contextlib.closing(empty_server.client()) as client,
        EventCountLogger(GROUPS, store=empty_server.url) as ecl,
    ):
        client.set(key, "abc")
        ecl["g"].log("ok", 3)
        assert not ecl.flush()
        assert ecl.telemetry()["pending"] == 3
        assert_balanced(ecl, 3)
        for main, arguments in (
            (ecl_read, ["-g", "g", "--current"]),
            (ecl_log, ["g", "declared"]),
        ):
            status, _, err = ran(main, "--store", empty_server.url, *arguments)
            assert status == (0 if main is ecl_read and key == "g:@sources" else 1)
            assert err.count(": error: ") == status
            assert "Traceback" not in err
        client.delete(key)
        assert ecl.flush()
        assert ecl["g"].get_counts("366d", current=True) == {"declared": 0, "ok": 3}
        assert_balanced(ecl, 3)
    assert len(warnings_told) == 2  # that it began, and that it is over
