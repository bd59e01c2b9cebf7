"""Which requests are answered: by host, method and path."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ecl_logging.web.gate import guarded, is_loopback, may_be_called_so


def page(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    assert environ["REQUEST_METHOD"] == "GET"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"con", b"tent"]


def ask(
    *,
    method: str = "GET",
    path: str = "/page",
    host: str = "localhost",
    names: tuple[str, ...] = (),
    on_loopback: bool = True,
) -> tuple[str, dict[str, str], bytes]:
    answers: list[tuple[str, dict[str, str]]] = []
    application = guarded({"/page": page}, may_be_called_so(names, on_loopback=on_loopback))
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": host}
    content = application(environ, lambda status, headers: answers.append((status, dict(headers))))
    body = b"".join(content)
    [(status, headers)] = answers
    return status[:3], headers, body


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:10325", "127.0.0.1", "127.0.0.1:80", "127.1.2.3", "[::1]", "[::1]:80"],
)
def test_on_loopback_the_names_of_loopback_are_served(host: str) -> None:
    assert ask(host=host)[0] == "200"


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1"),
        *("[2001:db8::1]:80", "[::1", "evil.example:10325", "localhost@evil.example", "0.0.0.0"),
    ],
)
def test_on_loopback_no_other_name_is_served(host: str) -> None:
    assert ask(host=host)[0] == "403"
    assert ask(host=host, names=("counts.example",))[0] == "403"


def test_a_name_that_was_given_is_served() -> None:
    assert ask(host="Counts.example:443", names=("counts.EXAMPLE",))[0] == "200"
    assert ask(host="localhost", names=("counts.example",))[0] == "200"


def test_elsewhere_any_name_is_served_unless_there_are_names() -> None:
    assert ask(host="192.0.2.1:10325", on_loopback=False)[0] == "200"
    assert ask(host="192.0.2.1", names=("counts.example",), on_loopback=False)[0] == "403"
    assert ask(host="counts.example", names=("counts.example",), on_loopback=False)[0] == "200"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"])
def test_other_methods_are_refused(method: str) -> None:
    status, headers, _ = ask(method=method)

    assert (status, headers["Allow"]) == ("405", "GET, HEAD")


@pytest.mark.parametrize("path", ["", "/", "/page/", "//page", "/page/../page", "/PAGE"])
def test_other_paths_are_not_there(path: str) -> None:
    assert ask(path=path)[0] == "404"


def test_head_is_answered_as_get_without_the_content() -> None:
    status, headers, body = ask(method="HEAD")

    assert (status, body) == ("200", b"")
    assert headers == {"Content-Type": "text/plain", "Content-Length": "7"}


def test_addresses_of_loopback_are_known() -> None:
    assert [is_loopback(host) for host in ("localhost", "127.0.0.9", "::1")] == [True] * 3
    assert [is_loopback(host) for host in ("", "0.0.0.0", "::", "x")] == [False] * 4
