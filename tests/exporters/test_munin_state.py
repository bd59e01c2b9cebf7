from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecl_logging.exporters import munin_state
from ecl_logging.exporters.munin_state import MOST_FIELDS, SeenIds


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "state" / "ecl_requests_5m.ids"


@pytest.fixture
def seen(path) -> SeenIds:
    return SeenIds(str(path))


@pytest.fixture
def today(monkeypatch):
    """Call it for another day."""

    def be(day: int) -> None:
        monkeypatch.setattr(munin_state, "_today", lambda: day)

    be(20_000)
    return be


def test_an_id_that_occurred_is_known_from_then_on(seen):
    seen.remember(["req1"], {"error": 2})

    assert seen.remember(["req1"], {}) == {"req1": "req1", "error": "error"}
    assert seen.known(["req2"]) == {"req2": "req2", "req1": "req1", "error": "error"}


def test_declared_ids_come_first_and_others_as_they_were_seen(seen):
    seen.remember(["b", "a"], {"z": 1})

    assert list(seen.remember(["b", "a"], {"y": 1, "z": 1})) == ["a", "b", "z", "y"]


def test_an_id_at_zero_that_nobody_declared_is_not_one_that_occurred(seen):
    assert seen.remember([], {"x": 0}) == {}


def test_a_name_stays_when_another_id_would_have_the_same(seen):
    first = seen.remember([], {"a.b": 1})["a.b"]

    both = seen.remember([], {"a/b": 1})
    assert first == both["a.b"] == "a_b"
    assert both["a/b"].startswith("a_b_")


def test_a_name_stays_even_when_an_id_comes_that_is_that_name(seen):
    seen.remember([], {"a.b": 1})

    both = seen.remember(["a_b"], {})
    assert both["a.b"] == "a_b"
    assert both["a_b"].startswith("a_b_")


def test_a_name_is_short_enough_for_the_file_that_munin_names_after_it(seen):
    names = seen.remember([], {"é" * 200: 1, "é" * 199: 1})

    assert len(set(names.values())) == 2
    assert max(map(len, names.values())) <= 80


def test_what_no_program_can_have_counted_has_no_field(seen):
    assert seen.remember(["a\nb"], {"": 1, "@own": 1, "x" * 201: 1, "\ud800": 1, "y": 1}) == {
        "y": "y"
    }


def test_nothing_is_written_where_nothing_is_new(seen, path):
    seen.remember(["req1"], {"error": 2})
    written = path.stat()

    seen.remember(["req1"], {"error": 5})
    seen.known(["req3"])
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_the_file_is_for_its_user_only(seen, path):
    seen.remember([], {"x": 1})

    assert path.stat().st_mode & 0o077 == path.parent.stat().st_mode & 0o077 == 0


# --- bounds


def test_too_many_ids_push_out_those_that_were_silent_longest(seen, today):
    seen.remember(["declared"], {"old": 1, "lively": 1})
    today(20_001)
    seen.remember(["declared"], {"lively": 1})
    today(20_002)

    known = seen.remember(["declared"], {f"new{n}": 1 for n in range(MOST_FIELDS - 2)})
    assert len(known) == MOST_FIELDS
    assert {"declared", "lively"} <= known.keys()
    assert "old" not in known


def test_of_one_day_those_stay_that_were_there_first(seen, today):
    first = seen.remember([], {f"a{n}": 1 for n in range(MOST_FIELDS)})

    assert seen.remember([], {f"b{n}": 1 for n in range(10)} | {"a0": 1}) == first


# --- what others do to the file


def entries(**fields: object) -> str:
    return json.dumps({"ids": fields})


HOSTILE = {
    "empty": "",
    "no JSON": "{ids",
    "no text": b"\xff\xfe\x00",
    "a list": "[1]",
    "deep": "[" * 200_000,
    "no mapping": '{"ids": [["a", "a", 1]]}',
    "long number": entries(x=["x", 1]).replace("1", "1" * 5000),
    "large": entries(x=["x", 1]) + " " * 2**22,
    "no names": entries(a=["a b", 1], b=["b\nroot.value 1", 1], c=["1", 1], d=["root", 1]),
    "odd entries": entries(a=None, b=["b"], c=["c", "1"], d=["d", True], e=["e", 1, 2], f=[1, 1]),
    "no IDs": entries(**{"": ["x", 1], "a\nb": ["y", 1], "@own": ["z", 1]}),
    "long name": entries(a=["a" * 101, 1]),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_not_ours_is_passed_over_and_replaced(seen, path, content):
    path.parent.mkdir()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    assert seen.known([]) == {}
    assert seen.remember([], {"req1": 1}) == {"req1": "req1"}
    assert json.loads(path.read_text())["ids"].keys() == {"req1"}


def test_of_a_spoilt_file_what_is_right_counts(seen, path):
    path.parent.mkdir()
    path.write_text(entries(a=["x", 1], b=["x", 1], c=["c", 2**40], d=["", 1]))

    assert seen.known([]) == {"a": "x", "c": "c"}
    seen.remember([], {"a": 1})
    assert json.loads(path.read_text())["ids"]["c"][1] <= time.time() // 86400


def test_a_pipe_or_a_link_in_its_place_blocks_nobody_and_is_not_followed(seen, path, tmp_path):
    path.parent.mkdir()
    os.mkfifo(path)
    assert seen.known(["a"]) == {"a": "a"}
    assert seen.remember(["a"], {}) == {"a": "a"}

    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(entries(x=["x", 1]))
    path.unlink()
    path.symlink_to(elsewhere)
    Path(f"{path}.new").symlink_to(elsewhere)
    assert seen.remember(["a"], {}) == {"a": "a"}
    assert elsewhere.read_text() == entries(x=["x", 1])
    assert not path.is_symlink()


def test_where_nothing_can_be_kept_it_is_an_oserror_and_names_are_given_all_the_same(tmp_path):
    (tmp_path / "file").touch()
    seen = SeenIds(str(tmp_path / "file" / "x.ids"))

    with pytest.raises(OSError, match=r"exists|Not a directory"):
        seen.remember(["a"], {"b": 1})
    assert seen.without_memory(["a"], {"b": 1}) == {"a": "a", "b": "b"}


def test_a_lock_that_nobody_gives_back_is_not_waited_for_long(seen, path, monkeypatch):
    import fcntl

    monkeypatch.setattr(munin_state, "_LOCK_SECONDS", 0.05)
    path.parent.mkdir()
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            seen.remember([], {"a": 1})

    assert seen.remember([], {"a": 1}) == {"a": "a"}


REMEMBER = """
import sys
from ecl_logging.exporters.munin_state import SeenIds
seen = SeenIds(sys.argv[1])
for n in range(60):
    assert f"{sys.argv[2]}{n}" in seen.remember([], {f"{sys.argv[2]}{n}": 1})
"""


def test_what_two_runs_at_once_have_seen_is_remembered_of_both(seen, path):
    programs = [
        subprocess.Popen([sys.executable, "-c", REMEMBER, str(path), name]) for name in "ab"
    ]

    assert [program.wait(60) for program in programs] == [0, 0]
    assert seen.known([]).keys() == {f"{name}{n}" for name in "ab" for n in range(60)}
