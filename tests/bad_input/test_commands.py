"""Command lines that mean nothing, and places that cannot show what is printed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ecl_logging import EventCountLogger
from ecl_logging.tools.log import main as ecl_log
from ecl_logging.tools.read import main as ecl_read
from ecl_logging.tools.rotate import main as ecl_rotate
from tests.bad_input.conftest import GROUP

MAINS = {"ecl-read": ecl_read, "ecl-log": ecl_log, "ecl-rotate": ecl_rotate}


@pytest.fixture
def store(tmp_path) -> str:
    """A store in which the group `g` was counted."""
    url = f"sqlite:///{tmp_path}/counts.db"
    with EventCountLogger({"g": GROUP}, store=url) as ecl:
        ecl["g"].log("größe")
        ecl["g"].log("日本", 2)
    return url


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("ecl-read --since yesterday", id="50-unknown-option"),
        pytest.param("ecl-read --last --current", id="50-contradiction"),
        pytest.param("ecl-read -g", id="50-nothing-after-an-option"),
        pytest.param("ecl-read a.yaml -c b.yaml", id="50-two-files"),
        pytest.param("ecl-read --check", id="50-nothing-to-check"),
        pytest.param("ecl-rotate --sometimes", id="50-unknown-option-of-rotate"),
        pytest.param("ecl-rotate a.yaml b.yaml", id="50-two-arguments"),
        pytest.param("ecl-log", id="50-nothing"),
        pytest.param("ecl-log g", id="50-no-event"),
        pytest.param("ecl-log g x 1 2", id="50-too-many-words"),
        pytest.param("ecl-log g x 1e3", id="50-count"),
    ],
)
def test_wrong_usage_is_told_and_ends_with_2(ran, store, words):
    command, *arguments = words.split()
    status, out, err = ran(MAINS[command], *arguments, "--store", store)

    assert (status, out) == (2, "")
    assert f"{command}: error: " in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        pytest.param(
            ["ecl-read", "-g", "nowhere"], "knows no group 'nowhere'; it has g", id="50-group"
        ),
        pytest.param(
            ["ecl-read", "-g", "g", "-i", "1 fortnight"],
            "group g has no interval '1 fortnight'; it has 366d",
            id="50-interval",
        ),
        pytest.param(
            ["ecl-read", "-g", "g", "-i", "9" * 1000 + "s"],
            f"group g has no interval '{'9' * 56}...; it has 366d",
            id="50-long-interval",
        ),
        pytest.param(
            ["ecl-read", "-i", "\x1b[31m"],
            "no group has an interval '\\x1b[31m'",
            id="50-interval-of-no-group",
        ),
        pytest.param(
            ["ecl-read", "-g", "\x1b[31m"],
            "knows no group '\\x1b[31m'; it has g",
            id="50-escape-sequence",
        ),
        pytest.param(
            ["ecl-log", "nowhere", "x"], "knows no group 'nowhere'; it has g", id="50-log-group"
        ),
        pytest.param(
            ["ecl-log", "g", "x"],
            "group g has no event 'x', and declares none by itself; where its program's file says"
            " otherwise, name that (-c)",
            id="50-undeclared",
        ),
    ],
)
def test_what_there_is_not_is_told_in_a_line_and_ends_with_1(ran, store, words, problem):
    command, *arguments = words
    status, out, err = ran(MAINS[command], "--store", store, *arguments)

    assert (status, out) == (1, "")
    assert err.startswith(f"{command}: error: ")
    assert err.endswith(f"{problem}\n")
    assert err.removesuffix("\n").isprintable()


def started(*words: str, **options: object) -> subprocess.Popen[bytes]:
    module = f"ecl_logging.tools.{words[0].removeprefix('ecl-')}"
    command = [sys.executable, "-m", module, *words[1:]]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    ("variables", "printed"),
    [
        pytest.param(
            {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
            b"gr\\xf6\\xdfe:1\n\\u65e5\\u672c:2\n",
            id="50-ascii-terminal",
        ),
        pytest.param(
            {"PYTHONIOENCODING": "latin-1"},
            b"gr\xf6\xdfe:1\n\\u65e5\\u672c:2\n",
            id="50-latin-1-terminal",
        ),
    ],
)
def test_a_terminal_that_lacks_a_character_is_shown_an_escape(store, variables, printed):
    reading = started(
        *("ecl-read", "--store", store, "-g", "g", "--current"),
        stdout=subprocess.PIPE,
        env=os.environ | variables,
    )

    assert reading.communicate() == (printed, b"")
    assert reading.returncode == 0


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("ecl-read --current", id="50-closed-pipe"),
        pytest.param("ecl-read -g g --both", id="50-closed-pipe-of-a-group"),
        pytest.param("ecl-rotate --once -v", id="50-closed-pipe-of-rotate"),
    ],
)
def test_a_closed_pipe_ends_it_quietly(store, words):
    reader, writer = os.pipe()
    os.close(reader)
    printing = started(*words.split(), "--store", store, stdout=writer)
    os.close(writer)

    assert printing.communicate()[1] == b""
    assert printing.returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
@pytest.mark.parametrize("words", [pytest.param("ecl-read --current", id="50-full-disk")])
def test_a_full_disk_is_told_in_a_line(store, words):
    with open("/dev/full", "wb") as full:
        printing = started(*words.split(), "--store", store, stdout=full)

    assert printing.communicate()[1] == (
        b"ecl-read: error: cannot write: No space left on device\n"
    )
    assert printing.returncode == 1


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("ecl-read --current", id="50-no-terminal"),
        pytest.param("ecl-log events started", id="50-no-terminal-of-log"),
    ],
)
def test_nothing_is_needed_to_print_to(tmp_path, words):
    """As a daemon is started by some: without any of the three streams."""
    module = f"ecl_logging.tools.{words.split()[0].removeprefix('ecl-')}"
    store = f"sqlite:///{tmp_path}/other.db"
    command = f'exec "$0" -m {module} {words.partition(" ")[2]} --store "{store}" <&- >&- 2>&-'

    assert subprocess.run(["/bin/sh", "-c", command, sys.executable]).returncode == 0
