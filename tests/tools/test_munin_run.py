"""Debian's munin-run and munin-node-configure run our plugin; it says what ecl-read says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from ecl_logging.stores.protocols import Definition
from ecl_logging.stores.sqlite.store import SqliteStore
from ecl_logging.tools.munin import main as ecl_munin
from tests.conftest import Clock
from tests.munin_nodes import ROOT, MuninNode, environment_of, write_program
from tests.redis_servers import free_port
from tests.stores.programs import BOTH, FIVE_MINUTES, NOW, Program

# What runs is beside the package; of it, only what it prints matters.
pytestmark = pytest.mark.once


class Counted:
    """A group whose IDs come and go, in a file; a node with a link to it, at the clock's time."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock = clock
        self.store = SqliteStore(str(folder / "counts.db"), clock=clock)
        self.store.define(Definition("requests", BOTH, frozenset({"req1", "404"})))
        self.program = Program(self.store)
        self.url = f"sqlite:///{folder}/counts.db"
        self.node = MuninNode(folder, ECL_STORE=self.url)
        self.node.link("ecl_requests_5m")
        self.node.link("ecl_")
        self.reader = write_program(folder / "ecl-read", "read")

    def count(self, **counts: int) -> None:
        """Count so much in a bucket of 5m, and be a minute in the next one."""
        start = FIVE_MINUTES.start_of(int(self.clock.now))
        self.program.send(counts, start=start, intervals=(FIVE_MINUTES,))
        self.clock.now = start + 360.0

    def run(self, *words: str, **environment: str) -> str:
        """What munin-run prints, when all is well."""
        done = self.node.run(*words, NOW=str(self.clock.now), **environment)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def read(self) -> dict[str, int]:
        """What ecl-read prints."""
        done = subprocess.run(
            [self.reader, "--store", self.url, "-g", "requests", "-i", "5m"],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment_of(NOW=str(self.clock.now)),
        )
        assert (done.returncode, done.stderr) == (0, "")
        counts = (line.rpartition(":") for line in done.stdout.splitlines())
        return {event_id: int(n) for event_id, _, n in counts}


@pytest.fixture
def counted(tmp_path, monkeypatch):
    for name in ("MUNIN_CAP_DIRTYCONFIG", "warning", "critical"):
        monkeypatch.delenv(name, raising=False)
    counted = Counted(tmp_path, Clock(NOW))
    yield counted
    counted.store.close()


def labels(config: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)\.label (.*)$", config, re.MULTILINE))


def values(printed: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)\.value (.*)$", printed, re.MULTILINE))


def test_in_each_bucket_it_shows_what_ecl_read_does_and_silent_ids_at_zero(counted):
    known = {"req1", "404"}
    buckets = []
    for counts in (
        {"req1": 54, "login failed": 3},
        {"req1": 1, "größe": 2**40, "404": 5},
        {"a.b": 1, "a/b": 2},
    ):
        counted.count(**counts)
        known = known | counts.keys()
        read = counted.read()
        assert read == {"req1": 0, "404": 0} | counts
        buckets.append((known, read, values(counted.run("ecl_requests_5m"))))

    named = labels(counted.run("ecl_requests_5m", "config"))
    assert set(named.values()) == known
    for known, read, shown in buckets:
        by_id = {named[field]: int(n) for field, n in shown.items()}
        assert by_id == dict.fromkeys(known, 0) | read


def test_values_come_with_the_configuration_where_munin_can_take_them(counted):
    counted.count(req1=54, error=3)

    config = counted.run("ecl_requests_5m", "config")
    both = counted.run("ecl_requests_5m", "config", MUNIN_CAP_DIRTYCONFIG="1")
    assert both == config + counted.run("ecl_requests_5m")
    assert config.splitlines()[:2] == ["graph_title requests: events in 5m", "graph_category ecl"]


def test_without_a_group_it_says_what_it_may_be_linked_as(counted):
    assert counted.run("ecl_", "autoconf") == "yes\n"
    assert counted.run("ecl_", "suggest") == "requests_5s\nrequests_5m\n"


def test_of_a_store_that_is_away_all_values_are_unknown(counted):
    counted.count(req1=54, error=3)
    known = values(counted.run("ecl_requests_5m"))
    configuration = counted.node.folder / "conf" / "ecl"
    away = f"redis://127.0.0.1:{free_port()}/0"
    configuration.write_text(configuration.read_text().replace(counted.url, away))

    done = counted.node.run("ecl_requests_5m")
    assert done.returncode == 0
    assert values(done.stdout) == dict.fromkeys(known, "U")
    assert done.stderr.startswith(f"ecl-munin: error: {away}: ")


def test_munin_node_configure_finds_the_script_and_links_it(counted, ran):
    counted.count(req1=54)
    status, script, _ = ran(ecl_munin, "script")
    library = counted.node.library / "ecl_"
    library.write_text(script)
    library.chmod(0o755)
    (counted.node.plugins / "ecl_requests_5m").unlink()

    done = counted.node.configure("--shell", "--families", "auto")
    assert (status, done.returncode, done.stderr) == (0, 0, "")
    commands = [line for line in done.stdout.splitlines() if line]
    places = {"requests_5s", "requests_5m"}
    assert set(commands) == {
        f"ln -s '{library}' '{counted.node.plugins}/ecl_{place}'" for place in places
    }
    subprocess.run(["sh", "-e"], input="\n".join(commands), text=True, check=True)
    linked = counted.node.run("ecl_requests_5m", "config")
    assert (linked.returncode, linked.stderr) == (0, "")
    assert linked.stdout.startswith("graph_title requests: events in 5m\n")


def test_the_page_shows_what_it_prints(counted):
    counted.count(req1=54, **{"404": 3, "login failed": 2})
    page = (ROOT / "docs" / "munin.md").read_text("utf-8")
    block = re.findall(r"```console\n(.*?)```", page, re.DOTALL)[0]

    shown = re.findall(r"^\$ munin-run (.*)\n((?:[^$].*\n)+)", block, re.MULTILINE)
    assert [words for words, _ in shown] == ["ecl_requests_5m", "ecl_requests_5m config"]
    for words, printed in shown:
        assert counted.run(*words.split()) == printed
