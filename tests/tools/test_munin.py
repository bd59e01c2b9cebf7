"""ecl-munin: what a plugin says, and what it remembers, by a clock that stands still."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ecl_logging.errors import StoreUnavailable
from ecl_logging.tools import munin
from ecl_logging.tools.munin import main as ecl_munin
from ecl_logging.tools.read import main as ecl_read

LINK = ("--as", "/etc/munin/plugins/ecl_requests_5m")


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch) -> Path:
    """The plugin's folder; nothing in the environment speaks to it but what tests say."""
    for name in ("MUNIN_CAP_DIRTYCONFIG", "warning", "critical"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MUNIN_PLUGSTATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture(autouse=True)
def waits(commanded, monkeypatch) -> list[float]:
    """How long the plugin waited, in no time."""
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(munin, "_wait", wait)
    return waits


@pytest.fixture
def counted(commanded):
    """A finished bucket of 5m with req1 and an ID that nobody declared; a minute of the next."""
    commanded.count("requests", req1=54, error=2)
    commanded.clock.now += 300.0
    commanded.count("requests", req2=7)
    return commanded


@pytest.fixture
def away(commanded, monkeypatch):
    """Call it, and the store cannot be reached."""

    def refuse(*_: object) -> None:
        raise StoreUnavailable("redis://cache:6379/0: Connection refused")

    def leave() -> None:
        for name in ("groups", "definition", "read"):
            monkeypatch.setattr(commanded.store, name, refuse)

    return leave


def test_values_are_those_of_the_last_finished_bucket(counted, ran):
    assert ran(ecl_munin, *LINK) == (0, "req1.value 54\nreq2.value 0\nerror.value 2\n", "")


def test_values_are_those_that_ecl_read_prints(counted, ran):
    _, read, _ = ran(ecl_read, "-g", "requests", "-i", "5m")

    _, values, _ = ran(ecl_munin, *LINK)
    assert sorted(values.replace(".value ", ":").splitlines()) == sorted(read.splitlines())


def test_the_configuration_has_the_same_fields(counted, ran):
    status, out, err = ran(ecl_munin, *LINK, "config")

    assert (status, err) == (0, "")
    assert out.startswith("graph_title requests: events in 5m\n")
    assert [line for line in out.splitlines() if ".label" in line] == [
        "req1.label req1",
        "req2.label req2",
        "error.label error",
    ]
    assert ".value" not in out


def test_where_munin_can_take_them_the_values_come_with_the_configuration(
    counted, ran, monkeypatch
):
    _, config, _ = ran(ecl_munin, *LINK, "config")
    _, values, _ = ran(ecl_munin, *LINK)

    monkeypatch.setenv("MUNIN_CAP_DIRTYCONFIG", "1")
    assert ran(ecl_munin, *LINK, "config") == (0, config + values, "")


def test_an_id_that_is_silent_is_zero_and_stays(counted, ran):
    ran(ecl_munin, *LINK)
    counted.clock.now += 300.0

    assert ran(ecl_munin, *LINK)[1] == "req1.value 0\nreq2.value 7\nerror.value 0\n"
    assert "error.label error\n" in ran(ecl_munin, *LINK, "config")[1]
    assert "error" not in ran(ecl_read, "-g", "requests", "-i", "5m")[1]


def test_an_id_that_only_the_configuration_has_seen_is_remembered_too(counted, ran):
    ran(ecl_munin, *LINK, "config")
    counted.clock.now += 300.0

    assert "error.value 0\n" in ran(ecl_munin, *LINK)[1]


def test_each_link_remembers_its_own(counted, ran, state):
    ran(ecl_munin, *LINK)
    ran(ecl_munin, "--as", "ecl_errors_1h")

    assert {path.name for path in state.glob("*.ids")} == {
        "ecl_requests_5m.ids",
        "ecl_errors_1h.ids",
    }


def test_a_group_and_an_interval_are_told_apart_at_the_last_underscore(commanded, ran):
    commanded.define("shop_web.v-2", "5s", "1m", events=("ok",))

    assert ran(ecl_munin, "--as", "ecl_shop_web.v-2_60s")[:2] == (0, "ok.value 0\n")


def test_limits_come_from_the_environment(counted, ran, monkeypatch):
    monkeypatch.setenv("warning", "100")
    assert "error.warning 100\n" in ran(ecl_munin, *LINK, "config")[1]

    monkeypatch.setenv("warning", "many")
    assert ran(ecl_munin, *LINK, "config") == (
        1,
        "",
        "ecl-munin: error: env.warning: 'many' is no limit; write MAX, MIN:, :MAX or MIN:MAX\n",
    )


# --- a bucket that is just over


@pytest.mark.parametrize(
    ("seconds_after", "waited"), [(0.0, 2.0), (1.7, 1.0), (2.0, 0.0), (200.0, 0.0)]
)
def test_a_bucket_that_is_just_over_is_waited_for(counted, ran, waits, seconds_after, waited):
    counted.clock.now += 240.0 + seconds_after

    ran(ecl_munin, *LINK)
    assert waits == [waited]


def test_a_groups_own_sync_interval_is_waited_for_though_not_too_long(
    counted, ran, waits, tmp_path
):
    counted.clock.now += 240.0
    file = tmp_path / "ecl.yaml"
    for sync_interval in (4, 40):
        keys = f"{{intervals: [5m], sync_interval: {sync_interval}}}"
        file.write_text(f"ecl: {{groups: {{requests: {keys}}}}}")
        ran(ecl_munin, *LINK, "-c", str(file))

    assert waits == [5.0, 10.0]


def test_the_configuration_alone_waits_for_nothing(counted, ran, waits):
    counted.clock.now += 240.0

    ran(ecl_munin, *LINK, "config")
    assert waits == []


def test_no_bucket_is_waited_for_that_would_be_over_before(commanded, ran, waits):
    commanded.define("fast", "2s")

    ran(ecl_munin, "--as", "ecl_fast_2s")
    assert waits == [0.0]


# --- what goes wrong


def test_where_the_store_is_away_known_fields_are_unknown(counted, ran, away):
    ran(ecl_munin, *LINK)
    away()

    status, out, err = ran(ecl_munin, *LINK)
    assert (status, out) == (0, "req1.value U\nreq2.value U\nerror.value U\n")
    assert err == "ecl-munin: error: redis://cache:6379/0: Connection refused\n"


def test_where_the_store_is_away_the_configuration_is_what_it_was(counted, ran, away, monkeypatch):
    _, config, _ = ran(ecl_munin, *LINK, "config")
    away()
    assert ran(ecl_munin, *LINK, "config")[:2] == (0, config)

    monkeypatch.setenv("MUNIN_CAP_DIRTYCONFIG", "1")
    assert ran(ecl_munin, *LINK, "config")[1].endswith("\nerror.value U\n")


def test_a_file_tells_the_declared_ids_of_a_store_that_is_away(ran, away, tmp_path):
    file = tmp_path / "ecl.yaml"
    file.write_text("ecl: {groups: {requests: {events: [a], intervals: [5m]}}}")
    away()

    assert ran(ecl_munin, *LINK, "-c", str(file))[:2] == (0, "a.value U\n")


def test_where_the_store_is_away_and_nothing_is_known_it_fails(ran, away):
    away()

    status, out, err = ran(ecl_munin, *LINK)
    assert (status, out) == (3, "")
    assert err.startswith("ecl-munin: error: redis://cache:6379/0: Connection refused; choose")


def test_where_nothing_can_be_remembered_it_says_so_and_goes_on(counted, ran, monkeypatch):
    monkeypatch.setenv("MUNIN_PLUGSTATE", "/proc/self/none")

    assert ran(ecl_munin, *LINK) == (
        0,
        "req1.value 54\nreq2.value 0\nerror.value 2\n",
        "ecl-munin: cannot remember IDs in /proc/self/none: No such file or directory\n",
    )


def test_without_munin_it_remembers_in_a_folder_beside_our_store(counted, ran, monkeypatch, home):
    monkeypatch.delenv("MUNIN_PLUGSTATE")

    ran(ecl_munin, *LINK)
    assert [path.name for path in home.glob(".local/state/ecl_logging/munin/*.ids")] == [
        "ecl_requests_5m.ids"
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ecl_nothing_5m", "memory://commands knows no group 'nothing'; it has errors, requests"),
        ("ecl_requests_1m", "group requests has no interval '1m'; it has 5s, 5m"),
    ],
)
def test_a_link_to_what_is_not_there_is_an_error(ran, name, told):
    assert ran(ecl_munin, "--as", name) == (1, "", f"ecl-munin: error: {told}\n")


@pytest.mark.parametrize("name", ["ecl-munin", "ecl_", "ecl_requests", "ecl__5m", "requests_5m"])
def test_a_name_without_group_and_interval_is_wrong_usage(ran, name):
    status, out, err = ran(ecl_munin, "--as", name, "config")

    assert (status, out) == (2, "")
    assert err.startswith("ecl-munin: error: link it as ecl_GROUP_INTERVAL, such as")


# --- whether, and as what


def test_autoconf_says_yes_where_there_are_groups(ran):
    assert ran(ecl_munin, "autoconf") == (0, "yes\n", "")


def test_autoconf_says_why_not(ran, monkeypatch, away):
    monkeypatch.setenv("ECL_STORE", "memory://")
    assert ran(ecl_munin, "autoconf") == (0, "no (nothing is counted in memory://)\n", "")

    monkeypatch.setenv("ECL_STORE", "memory://commands")
    away()
    refused = "no (redis://cache:6379/0: Connection refused)\n"
    assert ran(ecl_munin, "autoconf") == (0, refused, "")

    monkeypatch.setenv("ECL_CONFIG", "/nowhere.yaml")
    status, out, err = ran(ecl_munin, "autoconf")
    assert (status, err) == (0, "")
    assert out.startswith("no (/nowhere.yaml: ")


def test_suggest_prints_each_group_and_interval(ran):
    assert ran(ecl_munin, "suggest") == (0, "errors_1h\nrequests_5s\nrequests_5m\n", "")


def test_suggest_fails_where_the_store_is_away(ran, away):
    away()

    assert ran(ecl_munin, "suggest")[:2] == (3, "")


# --- the plugin as a file


def test_the_script_is_a_plugin_by_this_interpreter(ran, tmp_path):
    status, out, err = ran(ecl_munin, "script")
    script = tmp_path / "ecl_"
    script.write_text(out)
    script.chmod(0o755)
    root = Path(munin.__file__).parents[2]
    environment = {"PYTHONPATH": str(root), "ECL_STORE": f"sqlite:///{tmp_path}/none.db"}

    done = subprocess.run(
        [script, "autoconf"], capture_output=True, text=True, env=environment, timeout=60
    )
    assert (status, err) == (0, "")
    assert {"#%# family=auto", "#%# capabilities=autoconf suggest"} <= set(out.splitlines())
    assert sys.executable in out
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"no (nothing is counted in sqlite:///{tmp_path}/none.db)")
