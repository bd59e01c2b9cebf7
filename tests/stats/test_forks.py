"""Forked children have the tree and a lock of their own; nothing is said at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import ecl_logging
from tests.faults.held_locks import forking_amid_locks
from tests.stats.families import Alone, shown

ROOT = str(Path(ecl_logging.__file__).parent.parent)

_BEGIN = """
from ecl_logging import stats
class Held:
    number = stats.IntStat("number")
    def __init__(self, path):
        stats.init(self, path)
counted = Held("/a")
def log_records(many):
    for n in range(many):
        counted.number += 1
        stats.add(counted, "number")
        Held("/b/%d" % n).number += 1
    assert dict(stats.get_stats()) == {"a": {"number": 2 * many}}
"""


def said_by(program: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_child_counts_whoever_holds_the_lock_as_it_is_forked():
    done = said_by(forking_amid_locks(_BEGIN, seconds=20))

    lines = done.stdout.splitlines()
    assert any("stats/tree.py" in line for line in lines), done.stderr
    assert [line for line in lines if not line.endswith(" 0")] == []


def test_a_child_has_what_its_parent_had_counted():
    held = Alone("/a")
    held.number = 3
    read, write = os.pipe()
    if sys.version_info >= (3, 12):
        pytest.importorskip("warnings").simplefilter("ignore", DeprecationWarning)
    child = os.fork()
    if child == 0:
        held.number += 1
        os.write(write, str(shown()).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 1000) == b"{'a': {'number': 4}}"
    assert shown() == {"a": {"number": 3}}
    os.close(read)
    os.close(write)


_MAKING = """
import itertools, threading, time, gc, sys, atexit
from ecl_logging import stats
class Held:
    number = stats.IntStat("number")
    text = stats.Stat("text")
    def __init__(self, path):
        stats.init(self, path)
        self.text = lambda: self.number
    def __del__(self):
        self.number += 1
kept = [Held("/kept/%d" % n) for n in range(20)]
cycle = Held("/cycle"); cycle.me = cycle
collected = stats.collection("/c", stats.IntStat("i"))
"""

_COUNTING = """
def count(name):
    for n in itertools.count():
        collected.i += 1
        held = Held("/%s/%d" % (name, n % 50))
        held.number += 1
        held.me = held
for name in "ab":
    threading.Thread(target=count, args=(name,), daemon=True).start()
time.sleep(0.05)
"""


@pytest.mark.parametrize(
    "ending",
    [
        "",
        "import builtins; builtins.kept = Held('/last')",
        "sys.kept_too = Held('/last')",
        "del sys.modules['ecl_logging.stats.tree']; gc.collect()",
        "atexit.register(kept.clear)",
        "sys.exit(3)",
        "import ecl_logging.stats.tree as t; t.tree = None; kept.clear()",
        "import ecl_logging.stats.tree as t; vars(t).clear(); kept.clear()",
    ],
)
@pytest.mark.parametrize("threads", ["", _COUNTING])
def test_the_end_of_a_program_is_silent(ending, threads):
    if "vars(t)" in ending or "t.tree" in ending:
        making = _MAKING.replace("        self.number += 1\nkept", "        pass\nkept")
        threads = ""
    else:
        making = _MAKING
    done = said_by(making + threads + ending)

    assert done.stderr == ""
    assert done.returncode == (3 if "exit(3)" in ending else 0)
