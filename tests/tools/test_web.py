"""ecl-web: a process that serves what is counted."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecl_logging import EventCountLogger
from ecl_logging.tools.web import main
from tests.exporters.exporting import OPENMETRICS, Web, named, parse_openmetrics, samples_of
from tests.faults.programs import Programs
from tests.redis_servers import RedisServer
from tests.tools.conftest import Ran
from tests.waiting import wait_until

pytestmark = pytest.mark.once

GROUPS = {"requests": {"events": ["req1", "req2"], "intervals": ["5s", "5m"]}}


@pytest.fixture
def web(programs: Programs) -> Iterator[Web]:
    """It serves a store that knows the group `requests`."""
    with EventCountLogger(GROUPS, store=programs.url) as ecl:
        ecl["requests"].log("req1")
    return Web(programs, "--metrics-only").start()


def status_of(web: Web, method: str, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection(web.address, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers)
        return connection.getresponse().status


def test_it_serves_metrics_and_ends_with_sigterm(web: Web) -> None:
    assert named("ecl_events_total", web.samples()) == {"req1,requests": 0, "req2,requests": 0}
    assert 'href="metrics"' in web.get("/")
    openmetrics = samples_of(parse_openmetrics(web.get(accept=OPENMETRICS)))
    assert named("ecl_up", openmetrics) == {"": 1}
    assert "ecl_pending" not in web.get()  # it counts nothing itself
    assert status_of(web, "HEAD", "/metrics") == 200
    assert status_of(web, "POST", "/metrics") == 405
    assert status_of(web, "GET", "/metric") == 404
    assert status_of(web, "GET", "/metrics", Host="evil.example") == 403
    assert status_of(web, "GET", "/metrics", Host="localhost:1") == 200

    assert web.end() == ""


# --- pages


def test_it_serves_pages_of_the_groups_of_its_file_and_of_the_store(programs: Programs) -> None:
    file = programs.folder / "ecl.yaml"
    file.write_text("groups:\n  jobs: {events: [done], intervals: [1m]}\n")
    with EventCountLogger(GROUPS, store=programs.url) as ecl:
        ecl["requests"].log("req1", 3)
    web = Web(programs, str(file), "--server-name", "the fleet").start()

    page = web.get("/")  # leads to /status/
    assert "the fleet" in page
    names = re.findall(r">(jobs|requests|5s|5m|1m|last|current|history)<", page)
    of_an_interval = ("current", "last", "history")
    assert names == [
        *("jobs", "1m", *of_an_interval),
        *("requests", "5m", *of_an_interval, "5s", *of_an_interval),
    ]
    tree = json.loads(web.get("/status/?format=json"))
    assert tree["jobs"] == {"1m": {"last": {"done": 0}, "current": {"done": 0}}}
    assert tree["requests"]["5m"]["current"] == {"req1": 3, "req2": 0}
    found = json.loads(web.get("/status/?format=json&query=req1%20%3E%202"))
    assert found["requests"]["5m"] == {"current": {"req1": 3}}
    assert json.loads(web.get("/status/requests/5m/current/req1?format=json")) == 3
    assert named("ecl_up", web.samples()) == {"": 1}
    assert status_of(web, "GET", "/status/none") == 404
    assert status_of(web, "GET", "/status/", Host="evil.example") == 403
    assert status_of(web, "POST", "/status/") == 405

    assert web.end() == ""


def test_pages_say_that_the_store_is_away_and_the_server_goes_on(programs: Programs) -> None:
    web = Web(programs, "--store", "redis://127.0.0.1:1/0", "--host", "fleet.example").start()

    for path in ("/status/", "/status/?format=json", "/status/requests"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            web.get(path)
        with caught.value as answer:
            assert (answer.code, answer.read()) == (
                503,
                b"503 Service Unavailable: redis://127.0.0.1:1/0: Connection refused\n",
            )
    assert status_of(web, "GET", "/status/", Host="fleet.example") == 503
    assert named("ecl_up", web.samples()) == {"": 0}


def test_what_is_too_large_is_refused(web: Web) -> None:
    assert status_of(web, "GET", "/metrics", X="x" * 20_000) == 431
    assert web.samples()


def test_ctrl_c_ends_it_amid_connections(web: Web) -> None:
    host, _, port = web.address.rpartition(":")
    with socket.create_connection((host, int(port))) as idle:
        idle.sendall(b"GET /metrics HT")
        assert web.samples()
        assert web.started is not None
        web.started.send(signal.SIGINT)
        ended = web.started.end()

    assert (ended.status, ended.out) == (130, "")
    assert ended.err.count("\n") == 1  # where it listened


def test_it_ends_without_a_word_amid_requests_that_wait(
    own_server: RedisServer, tmp_path: Path
) -> None:
    """More than there are threads, for a store that hangs."""
    programs = Programs(tmp_path, own_server)
    with EventCountLogger(GROUPS, store=programs.url) as ecl:
        ecl["requests"].log("req1")
    web = Web(programs, "--metrics-only").start()
    own_server.pause()
    try:
        with contextlib.ExitStack() as waiting:
            for _ in range(8):
                one = waiting.enter_context(socket.create_connection(web.address.split(":")))
                one.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(0.5)  # in which they come in
            assert web.end() == ""
    finally:
        own_server.go_on()
        programs.kill_all()


def test_without_a_store_it_starts_and_says_so(programs: Programs) -> None:
    web = Web(programs, "--metrics-only", "--store", "redis://127.0.0.1:1/0").start()

    assert named("ecl_up", web.samples()) == {"": 0}
    wait_until(lambda: "ecl_up is 0 meanwhile" in web.started.err())
    assert named("ecl_up", web.samples()) == {"": 0}

    assert web.end() == (
        "ecl-web: redis://127.0.0.1:1/0: Connection refused; ecl_up is 0 meanwhile\n"
    )


def test_groups_bounds_and_names_are_taken_from_the_command_line(programs: Programs) -> None:
    file = programs.folder / "ecl.yaml"
    file.write_text("groups:\n  jobs: {events: [done], intervals: [1m], measures: [seconds]}\n")
    options = ("--bounds", "seconds=0.5,2", "--bounds", "1,10", "--host", "counts.example")
    web = Web(programs, str(file), "--metrics-only", *options).start()

    samples = web.samples()
    assert named("ecl_events_total", samples) == {"done,jobs": 0}
    assert [key.partition(",")[0] for key in named("ecl_measure_bucket", samples)] == ["jobs"] * 3
    assert {dict(labels).get("le") for _, labels in samples} >= {"0.5", "2.0", "+Inf"}
    assert status_of(web, "GET", "/metrics", Host="counts.example") == 200

    assert web.end() == ""


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6")
def test_it_listens_on_ipv6(programs: Programs) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no address of IPv6")
    web = Web(programs, "--metrics-only", address="[::1]:0").start()

    assert status_of(web, "GET", "/metrics") == 200
    assert web.end() == f"ecl-web: nothing is counted in {programs.url} so far\n"


# --- errors


def test_a_port_that_is_taken_is_an_error(ran: Callable[..., Ran]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        status, out, err = ran(main, "--metrics-only", "--listen", address)

    assert (status, out) == (1, "")
    assert err == f"ecl-web: error: cannot listen on {address}: Address already in use\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--listen", "10325"], "'10325' is not HOST:PORT, such as 127.0.0.1:10325"),
        (["--listen", ":10325"], "is not HOST:PORT"),
        (["--listen", "localhost:70000"], "is not HOST:PORT"),
        (["--listen", "::1:80"], "is not HOST:PORT"),
        (["--bounds", "latency=1,x"], "is not [MEASURE=]N,N,..."),
        (["a.yaml", "-c", "b.yaml", "--metrics-only"], "give one"),
    ],
)
def test_wrong_usage_is_told(ran: Callable[..., Ran], words: list[str], told: str) -> None:
    status, out, err = ran(main, *words)

    assert (status, out) == (2, "")
    assert told in err


def test_bounds_that_are_none_are_an_error(ran: Callable[..., Ran]) -> None:
    status, _, err = ran(main, "--metrics-only", "--bounds", "nan")

    assert (status, err) == (1, "ecl-web: error: bounds: nan is no finite number\n")


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("prometheus_client", ["--metrics-only"]),
        ("waitress", ["--metrics-only"]),
        ("prometheus_client", []),
        ("waitress", []),
        ("flask", []),
    ],
)
def test_a_missing_extra_is_told_in_one_line(
    ran: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, missing: str, words: list[str]
) -> None:
    import sys

    for module in list(sys.modules):
        if module.startswith(("ecl_logging.web", "ecl_logging.exporters", missing)):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, missing, None)

    status, _, err = ran(main, *words)

    assert status == 1
    assert err == f"ecl-web: error: needs {missing}: pip install 'ecl-logging[prometheus,web]'\n"
