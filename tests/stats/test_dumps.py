"""The tree in a file."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ecl_logging import stats
from ecl_logging.stats import dumps


class Counters:
    hits = stats.IntStat("hits")

    def __init__(self, path: str) -> None:
        stats.init(self, path)


@pytest.fixture
def counters() -> Counters:
    made = Counters("/web")
    made.hits = 3
    return made


def dumped(path: Path) -> Any:
    return json.loads(path.read_text("ascii"))


@pytest.mark.parametrize("kind", [str, Path])
def test_a_dump_has_the_tree_and_the_time(counters: Counters, tmp_path: Path, kind: Any):
    before = time.time()
    stats.dump_stats_to(kind(tmp_path / "stats.json"))
    dump = dumped(tmp_path / "stats.json")
    assert before <= dump.pop("last-updated") <= time.time()
    assert dump == {"web": {"hits": counters.hits}}
    assert "last-updated" not in stats.get_stats()


def test_a_dump_goes_to_an_open_file(counters: Counters):
    file = io.StringIO()
    stats.dump_stats_to(file)
    assert json.loads(file.getvalue())["web"] == {"hits": counters.hits}
    assert file.getvalue().endswith("\n")


def test_collapsed_containers_are_in_a_dump(counters: Counters, tmp_path: Path):
    stats.set_collapsed("/web")
    stats.dump_stats_to(tmp_path / "stats.json")
    assert dumped(tmp_path / "stats.json")["web"] == {"hits": counters.hits}


def test_no_store_is_asked_for_a_dump(tmp_path: Path):
    """Not after a crash, and not in a signal handler; what is mounted is left out."""
    group = Group()
    stats.mount("/fleet", group)
    stats.dump_stats_to(tmp_path / "dump.json")

    assert "fleet" not in dumped(tmp_path / "dump.json")
    assert group.asked == 0


class Group:
    """Notes that it is read."""

    intervals = ("1m",)
    asked = 0

    def get_counts(self, interval: str, *, current: bool = False) -> dict[str, int]:
        self.asked += 1
        return {"e": 1}


def test_a_stat_gives_way_to_the_time(tmp_path: Path):
    own = stats.collection("/", stats.Stat("last-updated"))
    setattr(own, "last-updated", "never")
    stats.dump_stats_to(tmp_path / "stats.json")
    assert isinstance(dumped(tmp_path / "stats.json")["last-updated"], float)


def test_a_dump_takes_the_place_of_the_one_before(counters: Counters, tmp_path: Path):
    for hits in (1, 2):
        counters.hits = hits
        stats.dump_stats_to(tmp_path / "stats.json")
    assert dumped(tmp_path / "stats.json")["web"] == {"hits": 2}
    assert os.listdir(tmp_path) == ["stats.json"]


def test_a_dump_that_is_broken_off_leaves_the_one_before(
    counters: Counters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    stats.dump_stats_to(tmp_path / "stats.json")

    def interrupted(*paths: str) -> None:
        raise KeyboardInterrupt

    counters.hits = 4
    monkeypatch.setattr(dumps.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stats.dump_stats_to(tmp_path / "stats.json")
    assert dumped(tmp_path / "stats.json")["web"] == {"hits": 3}
    assert os.listdir(tmp_path) == ["stats.json"]


def test_a_file_that_cannot_be_written_is_told_to_the_caller(counters: Counters, tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        stats.dump_stats_to(tmp_path / "absent" / "stats.json")
    with pytest.raises(OSError, match=r"directory|denied"):
        stats.dump_stats_to(tmp_path)
    assert counters.hits == 3


@pytest.mark.skipif(sys.platform == "win32", reason="no permissions of this kind")
def test_the_permissions_are_what_the_umask_leaves(counters: Counters, tmp_path: Path):
    before = os.umask(0o027)
    try:
        stats.dump_stats_to(tmp_path / "stats.json")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "stats.json").stat().st_mode) == 0o640
    assert counters.hits == 3


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_stays_one(counters: Counters, tmp_path: Path):
    (tmp_path / "link.json").symlink_to(tmp_path / "stats.json")
    stats.dump_stats_to(tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert dumped(tmp_path / "stats.json")["web"] == {"hits": counters.hits}


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names")
def test_what_is_no_regular_file_is_written_to(counters: Counters, tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    stats.dump_stats_to(tmp_path / "pipe")
    reader.join(10)
    assert json.loads(read[0])["web"] == {"hits": counters.hits}


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no such signal there")
def test_a_dump_from_a_signal_handler_in_the_middle_of_a_change(counters: Counters, tmp_path: Path):
    before = signal.signal(signal.SIGUSR1, lambda *_: stats.dump_stats_to(tmp_path / "stats.json"))
    try:
        from ecl_logging.stats.tree import tree

        with tree.lock:
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert dumped(tmp_path / "stats.json")["web"] == {"hits": counters.hits}


def test_a_dump_while_another_thread_holds_the_tree(counters: Counters):
    from ecl_logging.stats.tree import tree

    file = io.StringIO()
    with tree.lock:
        thread = threading.Thread(target=stats.dump_stats_to, args=[file])
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
    assert json.loads(file.getvalue())["web"] == {"hits": counters.hits}


def test_dumps_while_names_come_and_go():
    is_over = threading.Event()

    def come_and_go() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            Counters(f"/thread/{number % 50}").hits += 1

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(100):
            file = io.StringIO()
            stats.dump_stats_to(file)
            assert "last-updated" in json.loads(file.getvalue())
    finally:
        is_over.set()
        thread.join()
