"""Requests to ecl-web that mean nothing, or that some other page has made a browser send."""

from __future__ import annotations

import http.client
import re

import pytest

from tests.faults.programs import Programs
from tests.waiting import wait_until

pytestmark = pytest.mark.once


@pytest.fixture
def port(programs: Programs) -> int:
    web = programs.start_command(
        *("-m", "ecl_logging.tools.web", "--metrics-only", "--listen", "127.0.0.1:0")
    )
    wait_until(lambda: "listening on" in web.err())
    [port] = re.findall(r"http://127\.0\.0\.1:(\d+)/", web.err())
    return int(port)


REQUESTS = [
    pytest.param("GET", "/../../etc/passwd", {}, 404, id="51-path-traversal"),
    pytest.param("GET", "/metrics/%00", {}, 404, id="51-zero-byte"),
    pytest.param("GET", "/metrics", {"Host": "evil.example"}, 403, id="51-foreign-host"),
    pytest.param("DELETE", "/metrics", {}, 405, id="51-other-method"),
    pytest.param("POST", "/metrics", {"Content-Length": "1000000"}, 413, id="51-large-content"),
    pytest.param("GET", "/?" + "a" * 100_000, {}, 431, id="51-long-query"),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), REQUESTS)
def test_a_request_that_means_nothing_is_refused_and_the_next_one_answered(
    port: int, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    for what, expected in (((method, path, None, headers), status), (("GET", "/metrics"), 200)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request(*what)
        assert connection.getresponse().status == expected
        connection.close()
