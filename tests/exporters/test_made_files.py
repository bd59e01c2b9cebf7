"""The files for Grafana and Prometheus: what is in them, and that a real Prometheus takes them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from ecl_logging.config import config_from
from ecl_logging.exporters.__main__ import main
from ecl_logging.exporters.grafana import UID, dashboard, expressions
from ecl_logging.exporters.scrape import TARGET
from ecl_logging.measures import counted, sum_cells
from ecl_logging.settings import DEFAULT_GROUPS
from ecl_logging.stores import open_store
from ecl_logging.tools import web
from tests.exporters.exporting import Web
from tests.prometheus_servers import PrometheusServer
from tests.stores.programs import Program
from tests.waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "monitoring"
HOSTILE = ('say "hi"', "C:\\new", "größe", "{a=b}", "le")


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main(list(map(str, words))) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def titles(made: dict) -> list[str]:
    return [panel["title"] for panel in made["panels"]]


# --- the dashboard


@pytest.mark.parametrize(
    ("file", "kind"), [("dashboard.json", "grafana"), ("prometheus.yml", "scrape")]
)
def test_the_files_of_the_example_are_what_the_command_prints(capsys, file, kind):
    assert printed(capsys, kind, EXAMPLE / "logging.yaml") == (EXAMPLE / file).read_text("utf-8")


def test_each_group_has_a_row_with_its_intervals_and_measures():
    made = dashboard(config_from(EXAMPLE / "logging.yaml").groups)

    assert titles(made) == [
        *("orders", "Events per second", "Events in this time"),
        *("Events in the last 5m", "Events in the last 1h"),
        *("requests", "Events per second", "Events in this time"),
        *("Events in the last 10s", "Events in the last 5m", "Events in the last 1h"),
        *("latency, about", "latency in the last 10s", "latency in the last 5m"),
        "latency in the last 1h",
        *("What the counting says of itself", "Whether stores can be read"),
        *("Events dropped, by reason", "Seconds since counts were sent", "Who counts"),
    ]


def test_grafana_knows_it_again_and_asks_for_a_data_source():
    made = dashboard(DEFAULT_GROUPS)

    assert (made["uid"], made["schemaVersion"]) == (UID, 42)
    [variable] = made["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    sources = {panel["datasource"]["uid"] for panel in made["panels"] if panel["type"] != "row"}
    assert sources == {f"${{{variable['name']}}}"}


def test_panels_have_numbers_of_their_own_and_none_covers_another():
    made = dashboard(config_from(EXAMPLE / "logging.yaml").groups)
    covered: set[tuple[int, int]] = set()
    for panel in made["panels"]:
        x, y, width, height = (panel["gridPos"][key] for key in "xywh")
        cells = {(x + right, y + down) for right in range(width) for down in range(height)}
        assert not cells & covered
        assert x + width <= 24
        covered |= cells

    numbers = [panel["id"] for panel in made["panels"]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_where_there_may_be_many_events_the_largest_are_shown():
    few = config_from({"groups": {"g": {"events": ["a"], "intervals": ["1m"]}}}).groups
    many = config_from({"groups": {"g": {"intervals": ["1m"], "auto_declare_events": True}}}).groups

    assert not any("topk" in one for one in expressions(dashboard(few)))
    assert sum("topk(20, " in one for one in expressions(dashboard(many))) == 3


# --- the command


def test_without_a_file_the_groups_are_those_that_are_there_by_default(capsys):
    assert json.loads(printed(capsys, "grafana")) == dashboard(DEFAULT_GROUPS)


def test_a_file_that_the_environment_names_is_taken(capsys, monkeypatch):
    monkeypatch.setenv("ECL_CONFIG", str(EXAMPLE / "logging.yaml"))

    assert printed(capsys, "grafana") == (EXAMPLE / "dashboard.json").read_text("utf-8")


def test_it_is_scraped_as_often_as_the_shortest_interval_turns(capsys, tmp_path):
    file = tmp_path / "ecl.yaml"
    for interval, seconds in (("1m", "15s"), ("5s", "5s"), ("1s", "1s")):
        file.write_text(f"groups: {{g: {{intervals: [1h, {interval}]}}}}")
        made = yaml.safe_load(printed(capsys, "scrape", file))
        assert made["global"] == {"scrape_interval": seconds}


@pytest.mark.parametrize("target", ["metrics.example:80", "[::1]:10325"])
def test_the_target_is_where_ecl_web_listens_or_what_is_given(capsys, target):
    def targets(*words: str) -> list[str]:
        [job] = yaml.safe_load(printed(capsys, "scrape", *words))["scrape_configs"]
        return job["static_configs"][0]["targets"]

    assert targets() == [TARGET] == [web._ADDRESS]
    assert targets("--target", target) == [target]


@pytest.mark.parametrize("target", ["host", "host:", ":80", "host:0", "host:65536", "http://h:80"])
def test_what_is_no_target_is_wrong_usage(capsys, target):
    with pytest.raises(SystemExit) as ended:
        main(["scrape", "--target", target])

    assert ended.value.code == 2
    assert f"{target!r} is not HOST:PORT" in capsys.readouterr().err


def test_a_file_that_is_wrong_is_an_error(capsys, tmp_path):
    file = tmp_path / "ecl.yaml"
    file.write_text("groups: {g: {intervals: [soon]}}")

    assert main(["grafana", str(file)]) == 1
    assert capsys.readouterr().err.startswith("ecl_logging.exporters: error: ecl.yaml: groups.g")


# --- a real Prometheus


@pytest.mark.once
def test_promtool_accepts_the_scrape_configuration(capsys, tmp_path):
    program = shutil.which("promtool")
    if program is None:
        pytest.fail("promtool is not installed; it comes with Debian's prometheus")
    for number, words in enumerate([("--target", "[::1]:80"), (EXAMPLE / "logging.yaml",)]):
        file = tmp_path / f"{number}.yml"
        file.write_text(printed(capsys, "scrape", *words))
        checked = subprocess.run(
            [program, "check", "config", file], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "SUCCESS" in checked.stdout


def asked(expression: str) -> str:
    """The expression as Grafana sends it."""
    return expression.replace("$__rate_interval", "1m").replace("$__range", "6h")


@pytest.mark.once
def test_prometheus_finds_all_that_the_dashboard_asks_for(programs, tmp_path):
    keys = {"intervals": ["2s", "1h"], "events": ["ok"]}
    groups = {
        "shop.web_1-a": keys | {"measures": list(HOSTILE)},
        "many": keys | {"auto_declare_events": True},
    }
    config = tmp_path / "ecl.json"  # which is YAML, too
    config.write_text(json.dumps({"groups": groups, "store": f"sqlite:///{tmp_path}/counts.db"}))
    wanted = expressions(dashboard(config_from(config).groups))
    exporter = Web(programs, "-c", str(config), "--metrics-only").start()
    exporter.get()
    store = open_store(f"sqlite:///{tmp_path}/counts.db")
    counting = []
    for name, group in groups.items():
        cells = {"ok": 5}
        for measure in group.get("measures", ()):
            cells |= counted(measure, [0.1, 0.2]) | sum_cells(measure, [0.1, 0.2])
        program, intervals = Program(store, group=name), store.definition(name).intervals
        program.send(cells, start=int(time.time()) - 3600, intervals=intervals)
        counting.append((program, cells, intervals))

    with PrometheusServer(tmp_path, {"web": exporter.address}).running() as prometheus:
        # What was dropped is known to a program that counts; here none does.
        [elsewhere] = [one for one in wanted if "ecl_dropped_total" in one]
        assert not prometheus.finds(asked(elsewhere))
        missing = {asked(one) for one in wanted if one != elsewhere}

        def find() -> bool:
            # What two seconds had, is shown in the two seconds after.
            for program, cells, intervals in counting:
                program.send(cells, start=int(time.time()), intervals=intervals)
            missing.difference_update([one for one in missing if prometheus.finds(one)])
            return not missing

        wait_until(find)
        quantiles = [one for one in wanted if one.startswith("histogram_quantile(0.5, ")]
        assert len(quantiles) == len(HOSTILE)
    store.close()
    exporter.end()


def test_what_grafana_puts_in_is_put_in_here(capsys):
    """So that no other variable is sent to Prometheus as it stands."""
    wanted = expressions(json.loads((EXAMPLE / "dashboard.json").read_text("utf-8")))

    assert [one for one in wanted if re.search(r"\$", asked(one))] == []
