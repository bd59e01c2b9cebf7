"""ecl-read: which IDs are shown, and the formats beside text."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecl_logging.tools.read import _parser
from ecl_logging.tools.read import main as ecl_read

PRAGUE = "CET-1CEST,M3.5.0,M10.5.0/3"  # its rules, which need no database

ERRORS_AS_JSON = """\
[
{"group": "errors", "interval": "1h", "bucket": "last", "start": "2026-11-22T11:00:00Z", \
"seconds": 3600, "counts": {"error": 0}, "own": {}, "measures": {}},
{"group": "errors", "interval": "1h", "bucket": "current", "start": "2026-11-22T12:00:00Z", \
"seconds": 3600, "counts": {"error": 3, "x\\u001b\\u65e5": 1}, "own": {"@invalid": 2}, \
"measures": {}}
]
"""


@pytest.fixture
def counted(commanded):
    """Five IDs in the current bucket of `requests`."""
    commanded.count("requests", req1=7, req3=7, error=20, Req4=1)
    return commanded


@pytest.fixture
def prague(monkeypatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", PRAGUE)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


CURRENT = ("-g", "requests", "-i", "5m", "--current")

# --- which IDs


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (["req*"], ["req1:7", "req2:0", "req3:7"]),
        (["*[34]", "error"], ["Req4:1", "error:20", "req3:7"]),
        (["REQ1", "req2"], ["req2:0"]),
        (["--nonzero"], ["Req4:1", "error:20", "req1:7", "req3:7"]),
        (["--top", "3"], ["error:20", "req1:7", "req3:7"]),
        (["--top", "9"], ["error:20", "req1:7", "req3:7", "Req4:1", "req2:0"]),
        (["--top", "2", "r*"], ["req1:7", "req3:7"]),
        (["--top", "9", "--nonzero", "r*"], ["req1:7", "req3:7"]),
    ],
)
def test_ids_are_chosen_by_pattern_and_by_size(counted, ran, options, lines):
    status, out, _ = ran(ecl_read, *CURRENT, *options)

    assert (status, out.splitlines()) == (0, lines)


def test_each_block_has_its_own_largest(commanded, ran):
    commanded.count("errors", fatal=2, error=1)

    _, out, _ = ran(ecl_read, "--top", "1", "--current")

    assert [line for line in out.splitlines() if ":" in line and "#" not in line] == [
        "fatal:2",
        "req1:0",
        "req1:0",
    ]


def test_a_pattern_without_any_match_is_told(counted, ran):
    status, out, err = ran(ecl_read, *CURRENT, "lgging.yam", "req1", "x*")

    assert (status, out) == (0, "req1:7\n")
    assert err == (
        "ecl-read: no ID matches 'lgging.yam' or 'x*' (capitals matter; a first word is CONFIG where"
        " it is a file, or ends in .yaml or .yml)\n"
    )


def test_a_pattern_that_matches_in_another_block_is_not_told(counted, ran):
    assert ran(ecl_read, "Req4", "--json")[2] == ""


def test_the_first_word_is_a_file_where_there_is_one(counted, ran):
    Path("req1").write_text("groups: {mine: {intervals: [1m], events: [mine]}}")
    Path("req3").mkdir()

    assert "mine:0" in ran(ecl_read, "req1")[1]
    assert ran(ecl_read, *CURRENT, "req3")[1] == "req3:7\n"
    assert ran(ecl_read, *CURRENT, "req3", "req1")[1] == "req1:7\nreq3:7\n"
    assert ran(ecl_read, "req1", *CURRENT, "req1")[1] == "req1:7\n"


def test_words_behind_two_dashes_are_patterns(commanded, ran):
    commanded.count("errors", **{"--json": 1})

    assert ran(ecl_read, "-g", "errors", "--current", "--", "--j*")[1] == "--json:1\n"


# --- JSON


def test_json_is_one_document_in_ascii(commanded, ran):
    commanded.count("errors", **{"error": 3, "x\x1b日": 1, "@invalid": 2})

    assert ran(ecl_read, "-i", "1h", "--json") == (
        0,
        ERRORS_AS_JSON,
        "ecl-read: errors 1h current: also @invalid 2\n",
    )


def test_json_of_an_empty_store_is_an_empty_list(ran):
    status, out, err = ran(ecl_read, "--json", "--store", "memory://")

    assert (status, json.loads(out)) == (0, [])
    assert err.startswith("ecl-read: nothing counted in memory://")


def test_json_of_a_group_has_all_its_intervals(counted, ran):
    _, out, _ = ran(ecl_read, "--json", "-g", "requests", "--both", "req1")

    assert [(one["interval"], one["bucket"], one["counts"]) for one in json.loads(out)] == [
        ("5s", "last", {"req1": 0}),
        ("5s", "current", {"req1": 7}),
        ("5m", "last", {"req1": 0}),
        ("5m", "current", {"req1": 7}),
    ]


def test_json_keeps_the_order_of_the_largest(counted, ran):
    _, out, _ = ran(ecl_read, "--json", *CURRENT, "--top", "3")

    assert list(json.loads(out)[0]["counts"]) == ["error", "req1", "req3"]


@pytest.mark.parametrize("option", ["--json", "--csv", "--history", "--sources", "--top=1"])
def test_an_unreachable_store_prints_nothing_in_any_format(ran, option):
    Path("folder.db").mkdir()
    Path("folder.db", "file").write_text("")

    status, out, err = ran(ecl_read, "--store", "sqlite:///folder.db", option)

    assert (status, out) == (3, "")
    assert err.count("\n") == 1


# --- CSV


def test_csv_has_a_row_for_each_id_and_quotes_texts(counted, ran):
    rows = """\
group,interval,bucket,start,event,count
"requests","5m","current","2026-11-22T12:00:00Z","Req4",1
"requests","5m","current","2026-11-22T12:00:00Z","error",20
"requests","5m","current","2026-11-22T12:00:00Z","req1",7
"requests","5m","current","2026-11-22T12:00:00Z","req3",7
"""

    assert ran(ecl_read, "-i", "5m", "--csv", "--current", "--nonzero") == (0, rows, "")


def test_csv_of_an_empty_store_has_the_names_of_the_columns(ran):
    assert ran(ecl_read, "--csv", "--store", "memory://")[1] == (
        "group,interval,bucket,start,event,count\n"
    )


def test_csv_drives_no_terminal(commanded, ran, monkeypatch):
    commanded.count("errors", **{"\x1b[2J": 1})
    command = ("-g", "errors", "--current", "--csv")

    assert '"\x1b[2J",1' in ran(ecl_read, *command)[1]
    monkeypatch.setattr("ecl_logging.tools.read.sys.stdout.isatty", lambda: True, raising=False)
    assert '"\\x1b[2J",1' in ran(ecl_read, *command)[1]


# --- notes


def test_one_note_tells_of_all_cells_of_our_own(commanded, ran):
    commanded.count("requests", **{"@invalid": 2, "@other": 3})
    commanded.count("errors", **{"@invalid": 4})

    assert ran(ecl_read, "--current", "--csv")[2] == (
        "ecl-read: errors 1h current: also @invalid 4; requests 5s current: also @invalid 2, "
        "@other 3; requests 5m current: also @invalid 2, @other 3\n"
    )


def test_a_note_of_many_places_ends(commanded, ran):
    for n in range(9):
        commanded.define(f"g{n}", "1h")
        commanded.count(f"g{n}", **{"@invalid": 1})

    note = ran(ecl_read, "--current")[2]

    assert note.count("also") == 5
    assert note.endswith("; and in 4 more (see `own` in --json)\n")


# --- times


@pytest.mark.parametrize("options", [[], ["--json"], ["--csv"], ["--history", "1"]])
def test_local_times_have_their_offset(commanded, ran, prague, options):
    _, out, _ = ran(ecl_read, "-g", "errors", "--local", "--json")
    assert json.loads(out)[0]["start"] == "2026-11-22T12:00:00+01:00"

    commanded.clock.now = 1_784_981_000.0  # in summer
    _, out, _ = ran(ecl_read, "-i", "1h", "--local", *options)

    assert "2026-07-25T13:00:00+02:00" in out
    assert "Z" not in out


# --- wrong usage


@pytest.mark.parametrize(
    "words",
    [
        "--json --csv",
        "--history --current",
        "--history 3 --both",
        "--history --last",
        "--history --watch",
        "--csv --watch",
        "--watch 1 --sources",
        "--sources --history 2",
        "--sources --csv",
        "--sources --current",
        "--sources -i 5m",
        "--sources --top 3",
        "--sources --nonzero",
        "--sources req*",
        "--check -g requests",
        "--check --json",
        "--check req*",
        "--check --watch",
        "--check --local",
        "--measures --sources",
        "--check --measures",
    ],
)
def test_what_makes_no_sense_together_is_wrong_usage(commanded, ran, words):
    status, out, err = ran(ecl_read, *words.split())

    assert (status, out) == (2, "")
    assert err.startswith("ecl-read: error: ")
    assert err.endswith(" cannot be combined\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        *("--history 0", "--history -3", "--history 1.5", "--history=x", "--top 0", "--top x"),
        *("--watch 0", "--watch -1", "--watch=x", "--watch 1e999", "--watch=", "--top"),
    ],
)
def test_a_number_that_means_nothing_is_wrong_usage(commanded, ran, words):
    status, out, err = ran(ecl_read, *words.split())

    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("ecl-read: error: argument --")


# --- the page about it


def test_every_option_is_in_its_page():
    page = (Path(__file__).parents[2] / "docs/reading.md").read_text("utf-8")
    options = {name for action in _parser()._actions for name in action.option_strings}
    of_every_command = {"-h", "--help", "--version", "-c", "--store"}

    named = {name for name in options if re.search(rf"(?<!\S)`?{name}\b", page)}

    assert options - named == of_every_command | {"--check"}
