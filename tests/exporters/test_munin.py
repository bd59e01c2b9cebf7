import re

import pytest

from ecl_logging.errors import ConfigError
from ecl_logging.exporters.munin import REST, Graph, Limits, config_lines, value_lines

FIELDS = {"req1": "req1", "404": "_404"}
INFO = (
    "graph_info How often each event of the group requests was logged in the last 5m that were"
    " over, in all processes together."
)


def labels(*ids: str) -> list[str]:
    graph = Graph("g", "5m", {event_id: f"f{at}" for at, event_id in enumerate(ids)})
    lines = config_lines(graph, Limits())
    return [line.partition(" ")[2] for line in lines if ".label " in line]


def test_a_graph_has_a_title_and_a_gauge_for_each_id():
    assert list(config_lines(Graph("requests", "5m", {"404": "_404"}), Limits())) == [
        "graph_title requests: events in 5m",
        "graph_category ecl",
        "graph_vlabel events in 5m",
        "graph_args --base 1000 --lower-limit 0",
        "graph_scale no",
        INFO,
        "_404.label 404",
        "_404.type GAUGE",
        "_404.min 0",
        "_404.info 404",
    ]


def test_values_are_counts_and_silent_ids_are_zero():
    graph = Graph("g", "5m", FIELDS)

    assert list(value_lines(graph, {"404": 7})) == ["req1.value 0", "_404.value 7"]


def test_without_counts_all_values_are_unknown():
    graph = Graph("g", "5m", FIELDS, has_rest=True)

    assert list(value_lines(graph, None)) == ["req1.value U", "_404.value U", "_rest.value U"]


def test_events_of_ids_without_a_field_are_the_rest():
    graph = Graph("g", "5m", FIELDS, has_rest=True)

    assert list(value_lines(graph, {"req1": 1, "x": 2, "y": 3})) == [
        "req1.value 1",
        "_404.value 0",
        f"{REST}.value 5",
    ]
    assert f"{REST}.label (rest)" in config_lines(graph, Limits())


@pytest.mark.parametrize(
    ("event_id", "label"),
    [
        ("GET /a:b", "GET /a:b"),
        ("größe", "größe"),
        ("#1", "_1"),
        ("a\\", "a_"),
        ("${graph_period}", "_{graph_period}"),
        ("a\"b'c`d", "a_b_c_d"),
        (" a ", "a"),
        (" ", "_"),
        ("a\nb\x1b[2J", "a_b_[2J"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 57 + "..."),
    ],
)
def test_a_label_is_a_line_of_text_that_means_nothing_else(event_id, label):
    assert labels(event_id) == [label]


def test_limits_are_those_of_the_environment_and_a_fields_own_go_before():
    limits = Limits({"warning": "100", "req1_warning": ":10", "critical": " 5:200 ", "x": "1"})
    lines = [
        line
        for line in config_lines(Graph("g", "5m", FIELDS), limits)
        if re.search(r"\.(warning|critical) ", line)
    ]

    assert lines == [
        "req1.warning :10",
        "req1.critical 5:200",
        "_404.warning 100",
        "_404.critical 5:200",
    ]


@pytest.mark.parametrize("limit", ["ten", "1 2", "1:2:3", ":", "1\nreq1.label x", "٣"])
def test_a_limit_that_munin_cannot_read_is_an_error(limit):
    with pytest.raises(ConfigError, match=r"^env.warning: .* is no limit; write MAX, MIN:, :MAX"):
        list(config_lines(Graph("g", "5m", FIELDS), Limits({"warning": limit})))
