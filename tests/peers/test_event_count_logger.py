"""event_count_logger 1.1.3 from PyPI reads what is counted here: the same bytes as `ecl-read`.

Its programs run as they were released; what they read are the keys that the view is made of.
"""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ecl_logging.addresses import parse_address
from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import Definition
from ecl_logging.stores.redis.store import RedisStore
from ecl_logging.tools import command, munin, read
from tests.conftest import Clock
from tests.redis_servers import RedisServer
from tests.stores.programs import NOW, Program

# What is read are keys on a server, and how numbers are printed is the same on every Python.
pytestmark = pytest.mark.once

SCRIPTS = Path(sys.executable).parent

GROUPS: dict[str, dict[str, object]] = {
    "declared": {"events": ["req1", "req2", "a:b"], "intervals": ["5s", "1m"]},
    "mixed": {"events": ["req1"], "intervals": ["5s", "1m"], "auto_declare_events": True},
    "any": {"events": [], "intervals": ["5s"], "auto_declare_events": True},
}
IDS = {
    "declared": ["req1", "req2", "a:b"],
    "mixed": ["req1", "new", "x:cur:y", "*", "日本"],
    "any": ["new", "other", "last:z"],
}
QUESTIONS = [
    (group, interval, which)
    for group, keys in GROUPS.items()
    for interval in keys["intervals"]  # type: ignore[attr-defined]
    for which in ("--last", "--current", "--both")
]


def output_of(*words: object) -> str:
    """What a program prints that ends well."""
    ended = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def script(name: str) -> str:
    """The path of one of its programs, which pip has put beside Python."""
    path = SCRIPTS / name
    assert path.exists(), f"event-count-logger is not installed: {path} is missing"
    return str(path)


def run_in_process(path: str, *arguments: str) -> str:
    """What one of its programs prints. A process for each of thousands would take long."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(sys, "argv", [path, *arguments])
        namespace = runpy.run_path(path, run_name="__main__")
        namespace["ecl"].redis.close()
    return printed.getvalue()


class Counted:
    """Programs that count by a clock of the test's, and what both readers say of it."""

    def __init__(self, server: RedisServer, folder: Path) -> None:
        self.clock = Clock()
        address = parse_address(server.url)
        self.store = RedisStore(
            address.target, address.settings, shown=address.shown, clock=self.clock
        )
        self.client = server.client()
        self.client.flushall()
        self.file = folder / "ecl.yml"
        self.file.write_text(yaml.safe_dump({"groups": GROUPS, "redis": server.seed_config}))
        self.programs = {}
        for name, keys in GROUPS.items():
            intervals = tuple(map(Interval.parse, keys["intervals"]))  # type: ignore[call-overload]
            events = frozenset(keys["events"])  # type: ignore[call-overload]
            self.store.define(Definition(name, intervals, events, history=3))
            self.programs[name] = Program(self.store, group=name)

    def close(self) -> None:
        self.store.close()
        self.client.close()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, for the clock and for what lives for some time only."""
        self.clock.now += seconds
        for key in self.client.scan_iter():
            if (left := self.client.pttl(key)) > 0:
                self.client.pexpire(key, int(left - seconds * 1000))

    def log(self, group: str, event_id: str, n: int, age: int) -> None:
        """Apply a batch of events that are so many seconds old."""
        intervals = tuple(map(Interval.parse, GROUPS[group]["intervals"]))  # type: ignore[call-overload]
        start = int(self.clock.now) - age
        self.programs[group].send({event_id: n}, start=start // 5 * 5, intervals=intervals)

    def rotate(self, group: str) -> None:
        self.store.rotate(group)

    def assert_both_say_the_same(self, group: str) -> None:
        for name, interval, which in QUESTIONS:
            if name != group:
                continue
            arguments = (str(self.file), "-g", group, "-i", interval, which)
            assert self._read(*arguments) == run_in_process(script("ecl_reader"), *arguments)

    def _read(self, *arguments: str) -> str:
        printed = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
            patch.setattr(command, "open_chosen_store", lambda *_, **__: self.store)
            assert read.main(arguments) == 0
        return printed.getvalue()


@pytest.fixture
def counted(empty_server: RedisServer, tmp_path: Path) -> Iterator[Counted]:
    counted = Counted(empty_server, tmp_path)
    yield counted
    counted.close()


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("log"),
            st.sampled_from([(group, event_id) for group in IDS for event_id in IDS[group]]),
            st.integers(1, 2**53),
            st.sampled_from([0, 0, 0, 4, 6, 12, 60, 300, -3, -30]),
        ),
        st.tuples(st.just("rotate"), st.sampled_from(sorted(GROUPS))),
        st.tuples(st.just("wait"), st.sampled_from([1, 4, 5, 6, 11, 59, 61, 400, -7])),
        st.tuples(st.just("spoil"), st.sampled_from(sorted(GROUPS)), st.integers(0, 2**31)),
    ),
    min_size=1,
    max_size=25,
)


@settings(
    deadline=None,
    max_examples=30,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.target],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_its_reader_prints_the_same_bytes_after_any_applies_and_rotations(
    empty_server: RedisServer, tmp_path: Path, steps: list[tuple[object, ...]]
) -> None:
    """Its master, too, may have run by mistake: `spoil` sets the time of a view as that does."""
    counted = Counted(empty_server, tmp_path)
    try:
        for step in steps:
            take(step, counted)
    finally:
        counted.close()


def take(step: tuple[object, ...], counted: Counted) -> None:
    match step:
        case "log", (str(group), str(event_id)), int(n), int(age):
            counted.log(group, event_id, n, age)
            counted.assert_both_say_the_same(group)
        case "rotate", str(group):
            counted.rotate(group)
            counted.assert_both_say_the_same(group)
        case "wait", int(seconds):
            counted.pass_time(seconds)
        case "spoil", str(group), int(time):
            counted.client.set(f"{group}:5s:cur:@ts", time)


def test_the_comparison_is_of_something(counted: Counted) -> None:
    counted.log("mixed", "new", 7, 0)
    counted.pass_time(5)
    counted.log("mixed", "req1", 2, 0)

    assert counted._read(str(counted.file), "-g", "mixed", "-i", "5s", "--both") == (
        "Last:\nnew:7\nreq1:0\nCurrent:\nreq1:2\n"
    )
    assert run_in_process(
        script("ecl_reader"), str(counted.file), "-g", "mixed", "-i", "5s", "--both"
    ) == ("Last:\nnew:7\nreq1:0\nCurrent:\nreq1:2\n")


def test_both_readers_as_commands_print_the_same_bytes(
    empty_server: RedisServer, tmp_path: Path
) -> None:
    """By the server's clock, in processes of their own; 1h hardly ends while they run."""
    file = tmp_path / "ecl.yml"
    groups = {"requests": {"events": ["req1", "error"], "intervals": ["1h"]}}
    file.write_text(yaml.safe_dump({"groups": groups, "redis": empty_server.seed_config}))
    output_of(script("ecl-log"), file, "requests", "req1", "54")

    for which in ("--last", "--current", "--both"):
        question = (file, "-g", "requests", which)
        ours = output_of(script("ecl-read"), *question)
        assert ours == output_of(script("ecl_reader"), *question)
    assert output_of(script("ecl_reader"), file, "-g", "requests", "--current") == (
        "error:0\nreq1:54\n"
    )


def test_its_readme_example_runs_with_its_import_line_changed(empty_server: RedisServer) -> None:
    from ecl_logging import EventCountLogger

    groups = {"requests": {"events": ["req1", "req2", "req3", "error"], "intervals": ["5s", "5m"]}}
    ecl = EventCountLogger(groups, empty_server.seed_config)
    requests = ecl.get_group("requests")
    assert requests is not None
    requests.log("req1")
    requests.log("error")

    assert requests.get_current_counts("req1") in ({"5s": 1, "5m": 1}, {"5s": 0, "5m": 1})
    with contextlib.closing(empty_server.client()) as client:
        assert client.get("requests:5m:cur:req1") == "1"
        assert client.get("requests:5m:cur:req2") == "0"
    ecl.close()


EXAMPLE = """
# The groups of its example configuration, with their options.
redis: {host: localhost, port: 6379, db: 0}
groups:
  group1:
    events: ['event1', 'event2']
    intervals: ['10s', '1m']
    sync_interval: 2
    sync_limit: 5
  group2:
    events: []
    auto_declare_events: true
    intervals: ['30s']
"""


def test_its_example_configuration_loads(tmp_path: Path) -> None:
    from ecl_logging import EventCountLogger

    file = tmp_path / "ecl_config.yml"
    file.write_text(EXAMPLE)
    ecl = EventCountLogger.from_file(file)

    assert ecl.store.shown == "redis://localhost:6379/0"
    assert sorted(ecl.groups) == ["group1", "group2"]
    ecl.close()


# A Munin plugin in the manner of its two examples: the reader's lines as values, and for IDs
# that come and go, a file of all that were ever seen.
PLUGIN = """#!/bin/sh
reader() {{ {reader} {file} -g requests -i 5m --last; }}
seen={seen}
if [ "$1" = config ]; then
    touch "$seen"
    reader | sed -E 's/^(.*):[0-9]+$/\\1/' | sort -u - "$seen" > "$seen.new"
    mv "$seen.new" "$seen"
    echo "graph_title Events in requests"
    sed 's/.*/&.label &/' "$seen"
    exit
fi
lines=$(reader)
echo "$lines" | sed -E 's/:([0-9]+)$/.value \\1/'
echo "$lines" | sed -E 's/:[0-9]+$//' | sort | comm -13 - "$seen" | sed 's/$/.value 0/'
"""


def said_by_ours(store: RedisStore, *words: str) -> set[str]:
    """The lines of our plugin that its plugins print, too."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(command, "open_chosen_store", lambda *_, **__: store)
        patch.setattr(munin, "_wait", lambda seconds: None)
        assert munin.main(["--as", "ecl_requests_5m", *words]) == 0
    return {
        line for line in printed.getvalue().splitlines() if re.search(r"\.(label|value) ", line)
    }


def test_a_munin_plugin_on_its_reader_shows_what_is_counted_here(
    empty_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And ours shows the same."""
    monkeypatch.setenv("MUNIN_PLUGSTATE", str(tmp_path / "state"))
    monkeypatch.delenv("MUNIN_CAP_DIRTYCONFIG", raising=False)
    file = tmp_path / "ecl.yml"
    groups = {
        "requests": {"events": ["req1"], "intervals": ["5m"], "auto_declare_events": True},
    }
    file.write_text(yaml.safe_dump({"groups": groups, "redis": empty_server.seed_config}))
    clock = Clock()
    address = parse_address(empty_server.url)
    store = RedisStore(address.target, address.settings, shown=address.shown, clock=clock)
    five_minutes = Interval.parse("5m")
    store.define(Definition("requests", (five_minutes,), frozenset({"req1"})))
    program = Program(store)
    plugin = tmp_path / "plugin"
    plugin.write_text(PLUGIN.format(reader=script("ecl_reader"), file=file, seen=tmp_path / "seen"))

    program.send({"req1": 54, "error": 3}, intervals=(five_minutes,))
    clock.now += 300
    store.rotate("requests")
    assert output_of("sh", plugin, "config") == (
        "graph_title Events in requests\nerror.label error\nreq1.label req1\n"
    )
    assert said_by_ours(store, "config") == {"error.label error", "req1.label req1"}
    assert output_of("sh", plugin) == "error.value 3\nreq1.value 54\n"
    assert said_by_ours(store) == {"error.value 3", "req1.value 54"}
    program.send({"req1": 2}, start=NOW + 300, intervals=(five_minutes,))
    clock.now += 300
    store.rotate("requests")
    assert output_of("sh", plugin) == "req1.value 2\nerror.value 0\n"
    assert said_by_ours(store) == {"req1.value 2", "error.value 0"}
    store.close()


def test_its_programs_were_not_changed() -> None:
    """What is compared with is the release, not something of ours that has its name."""
    import importlib.metadata

    assert importlib.metadata.version("event-count-logger") == "1.1.3"
    reader = Path(script("ecl_reader")).read_text()
    assert "ecl_logging" not in reader
    assert shutil.which("ecl_reader", path=str(SCRIPTS)) is not None
