"""Records as lines of JSON: each entry once, whoever was killed in the midst of a line."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.records.destinations import json_lines, open_destination
from ecl_logging.records.destinations.json_lines import JsonLines
from tests.records.gathered_entries import entry

pytestmark = pytest.mark.once  # neither Python's version nor redis-py's changes it


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.jsonl"


@pytest.fixture
def lines(path: Path) -> Iterator[JsonLines]:
    lines = JsonLines(str(path))
    yield lines
    lines.close()


def written(path: Path) -> list[Any]:
    text = path.read_text("ascii")
    assert text == "" or text.endswith("\n")
    return [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]


def ids(path: Path) -> list[str]:
    return [one["id"] for one in written(path)]


def reopened(lines: JsonLines, path: Path) -> JsonLines:
    """As if its process had been killed."""
    lines.close()
    return JsonLines(str(path))


def test_an_entry_is_a_line(lines, path):
    lines.store([entry(repeats=3, message="größe", msg="x\n")])

    assert written(path) == [
        {
            "id": "id-1",
            "kind": f"{1:032x}",
            "time": "2026-11-22T12:01:00.250000Z",
            "last": "2026-11-22T12:01:00.500000Z",
            "repeats": 3,
            "record": {
                "name": "shop",
                "levelname": "INFO",
                "levelno": 20,
                "message": "größe",
                "msg": "x\n",
            },
        }
    ]


def test_what_was_written_is_not_written_again(lines, path):
    lines.store([entry(1), entry(2)])
    lines.store([entry(2), entry(3)])
    again = reopened(lines, path)
    again.store([entry(1), entry(2), entry(3), entry(4)])
    again.close()

    assert ids(path) == ["id-1", "id-2", "id-3", "id-4"]


def test_a_torn_line_is_cut_off_and_written_again(lines, path):
    """At every place at which its writer can have been killed."""
    lines.store([entry(1), entry(2)])
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        lines = reopened(lines, path)
        lines.store([entry(1), entry(2)])
        assert path.read_bytes() == whole
    lines.close()


@pytest.mark.parametrize("block", [1, 7, 100, 2**20])
def test_ids_are_found_in_whatever_pieces_the_file_is_read(lines, path, monkeypatch, block):
    monkeypatch.setattr(json_lines, "_BLOCK", block)
    entries = [entry(number, message="x" * number) for number in range(20)]
    lines.store(entries)
    with path.open("ab") as file:
        file.write(b'{"id": "torn"')
    again = reopened(lines, path)
    again.store([*entries, entry(20)])
    again.close()

    assert ids(path) == [f"id-{number}" for number in range(21)]


def test_the_last_ten_thousand_ids_are_known(lines, path, monkeypatch):
    monkeypatch.setattr(json_lines, "_KNOWN_IDS", 3)
    lines = reopened(lines, path)
    lines.store([entry(number) for number in range(5)])
    again = reopened(lines, path)
    again.store([entry(number) for number in range(5)])
    again.close()

    assert ids(path) == [f"id-{number}" for number in (0, 1, 2, 3, 4, 0, 1)]


@pytest.mark.parametrize("content", ['{"mine": 1}\nlast line', "a: b\n", "no end of a line", "\n"])
def test_a_file_of_others_is_left_alone(lines, path, content):
    path.write_text(content)
    for step in (lines.open, lambda: lines.store([entry()])):
        with pytest.raises(StoreError, match="has other lines than ours"):
            step()

    assert path.read_text() == content


@pytest.mark.parametrize("torn", ["", "{", '{"id', '{"id": "id-0", "kin'])
def test_a_torn_first_line_of_ours_is_cut_off(lines, path, torn):
    path.write_text(torn)
    lines.store([entry(1)])

    assert ids(path) == ["id-1"]


def test_a_second_gatherer_is_told(lines, path):
    lines.store([entry(1)])
    with pytest.raises(StoreError, match="another ecl-gather writes to it") as caught:
        JsonLines(str(path)).store([entry(2)])

    assert not isinstance(caught.value, StoreUnavailable)
    lines.store([entry(3)])
    assert ids(path) == ["id-1", "id-3"]


def test_when_the_first_one_has_ended_the_second_one_goes_on(lines, path):
    lines.store([entry(1)])
    second = JsonLines(str(path))
    with pytest.raises(StoreError):
        second.store([entry(2)])
    lines.close()
    second.store([entry(1), entry(2)])
    second.close()

    assert ids(path) == ["id-1", "id-2"]


def test_a_file_that_is_renamed_is_followed_by_a_new_one(lines, path):
    """As logrotate does. What is in the old one is known to who has written it."""
    lines.store([entry(1)])
    path.rename(path.with_suffix(".1"))
    lines.store([entry(1), entry(2)])

    assert ids(path) == ["id-2"]


def test_a_file_that_is_emptied_is_gone_on_with(lines, path):
    lines.store([entry(1)])
    os.truncate(path, 0)
    lines.store([entry(2)])

    assert ids(path) == ["id-2"]


def test_lines_are_on_the_disk_before_they_count_as_stored(lines, path, monkeypatch):
    synced = []
    monkeypatch.setattr(json_lines.os, "fsync", lambda file: synced.append(path.stat().st_size))
    lines.store([entry()])

    assert path.stat().st_size in synced


@pytest.mark.parametrize("after", [0, 1, 200])
def test_a_full_disk_is_waited_for_and_leaves_whole_lines(lines, path, monkeypatch, after):
    lines.store([entry(1)])
    write, room = os.write, after

    def write_what_fits(file: int, content: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = write(file, content[:room])
        room -= done
        return done

    monkeypatch.setattr(json_lines.os, "write", write_what_fits)
    with pytest.raises(StoreUnavailable, match="No space left on device"):
        lines.store([entry(2), entry(3)])
    monkeypatch.undo()
    lines.store([entry(2), entry(3)])

    assert ids(path) == ["id-1", "id-2", "id-3"]


def test_a_folder_that_is_missing_is_told():
    with pytest.raises(StoreError, match=r"jsonl:/nowhere/a\.jsonl: No such file or directory"):
        JsonLines("/nowhere/a.jsonl").store([entry()])


@pytest.mark.parametrize(
    "text", ["no JSON", "[" * 100_000, "\0\ud800", '{"a": NaN, "b": "\\ud800"}']
)
def test_whatever_is_in_a_record_is_a_line(lines, path, text):
    lines.store([entry(1, record=text), entry(2)])

    assert ids(path) == ["id-1", "id-2"]


@pytest.mark.parametrize("url", ["jsonl:records.jsonl", "jsonl:records", "records.jsonl"])
def test_a_path_is_named_with_or_without_the_scheme(url):
    destination = open_destination(url)
    destination.store([entry()])
    destination.close()

    assert ids(Path(url.removeprefix("jsonl:"))) == ["id-1"]


def test_stdout_takes_lines_too(capsys):
    destination = open_destination("jsonl:-")
    destination.store([entry(1), entry(2)])
    destination.close()

    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [
        "id-1",
        "id-2",
    ]
