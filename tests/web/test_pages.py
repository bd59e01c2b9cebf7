"""The status pages as a WSGI application: what is found, in which format, and with which headers."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from ecl_logging import stats
from ecl_logging.stats import formats
from ecl_logging.web import create_app
from ecl_logging.web.pages import Unavailable
from tests.web.asking import TREE, ask
from tests.web.served import NAMES

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]


# --- what is found


def test_the_root_leads_to_the_tree() -> None:
    answer = ask("/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/status/")


@pytest.mark.usefixtures("empty_tree")
def test_the_tree_is_that_of_the_process() -> None:
    counted = stats.collection("/web", stats.IntStat("errors"))
    counted.errors = 5
    application = create_app()

    answer = Client(application).get("/status/?format=json", headers={"Host": "localhost"})

    assert json.loads(answer.text) == {"web": {"errors": 5}}
    page = Client(application).get("/status/", headers={"Host": "localhost"}).text
    assert f"<h1>{socket.gethostname()}</h1>" in page


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/status", TREE),
        ("/status/", TREE),
        ("/status/web", TREE["web"]),
        ("/status/web/", TREE["web"]),
        ("//status/web", TREE["web"]),
        ("/status/web/errors", 7),
        ("/status/web/errors/", 7),
        ("/status/w%65b/errors", 7),
        ("/status/up", True),
        ("/status/none", None),
        ("/status/web/by_path/%2Fx", 3),
        ("/status/web/by_path/%2Fx%2Fy", {"n": 1}),
        ("/status/web/by_path//x/y/n", 1),
    ],
)
def test_a_path_leads_to_what_is_there(path: str, found: object) -> None:
    answer = ask(f"{path}?format=json")

    assert (answer.status_code, json.loads(answer.text)) == (200, found)
    page = ask(path)
    assert page.status_code == 200
    assert isinstance(found, dict) or f">{found}</span></p>" in page.text


@pytest.mark.parametrize("name", [*NAMES, "a//b", "/", "//", "\n", "\ud800", "ü", "5", "+", "%2F"])
def test_any_name_has_a_page_to_which_its_link_leads(name: str) -> None:
    tree = {name: {"n": 1}}
    [link] = re.findall(
        r'<a class="key open" href="([^"]*)"', ask("/status/", stats=lambda: tree).text
    )

    answer = ask(f"{link}?format=json", stats=lambda: tree)

    assert link == f"/status/{quote(name, safe='', errors='surrogatepass')}"
    assert json.loads(answer.text) == {"n": 1}


@pytest.mark.parametrize(
    "path", ["/status/no", "/status/web/errors/x", "/status//web", "/status/web//"]
)
def test_where_nothing_is_that_is_said(path: str) -> None:
    page = ask(path)

    assert page.status_code == 404
    assert '<p role="alert">there is nothing at this path</p>' in page.text
    assert "<form" in page.text
    line = ask(f"{path}?format=json")
    assert (line.status_code, line.text) == (404, "404 Not Found: there is nothing at this path\n")


@pytest.mark.parametrize("path", ["/x", "/statusx", "/status.json", "/static/x", "/metrics/x"])
def test_there_is_no_other_page(path: str) -> None:
    answer = ask(path)

    assert (answer.status_code, answer.text) == (404, "404 Not Found: there is no such page\n")


def test_an_icon_is_none_and_no_error() -> None:
    assert (ask("/favicon.ico").status_code, ask("/favicon.ico").text) == (204, "")


ODD = st.lists(st.sampled_from([b"/", b"//", b"status", b"web", b"..", b"%2e", b"\xff", b"\n"]))


APPLICATION = create_app("shop", stats=lambda: TREE)


@settings(deadline=None)
@given(st.binary() | ODD.map(b"".join), st.binary(), st.text())
def test_whatever_is_asked_for_is_no_error_of_the_page(
    path: bytes, query: bytes, host: str
) -> None:
    environ = {
        "PATH_INFO": f"/{path.decode('latin-1')}",
        "QUERY_STRING": f"format=html&query={query.decode('latin-1')}",
        "HTTP_HOST": f"localhost:{host}",
    }
    answer = Client(APPLICATION).open(environ_overrides=environ)

    assert answer.status_code in {200, 302, 400, 404}


# --- formats and filter


def test_json_can_be_pretty() -> None:
    answer = ask("/status/web?format=prettyjson")

    assert answer.content_type == "application/json; charset=utf-8"
    assert (json.loads(answer.text), answer.text.count("\n") > 5) == (TREE["web"], True)
    assert ask("/status/web?format=json").text.count("\n") == 1


def test_a_query_chooses() -> None:
    assert json.loads(ask("/status/?format=json&query=errors > 5").text) == {"web": {"errors": 7}}
    assert json.loads(ask("/status/?format=json&query=errors > 7").text) == {}
    assert json.loads(ask("/status/?format=json&query=+").text) == TREE
    page = ask("/status/web?query=errors+%3E+5").text
    assert ("errors</span>" in page, "success</span>" in page) == (True, False)
    assert 'value="errors &gt; 5"' in page
    assert 'href="?format=prettyjson&amp;query=errors%20%3E%205"' in page


def test_a_query_that_finds_nothing_says_how_names_are_compared() -> None:
    page = ask("/status/?query=Errors")

    assert page.status_code == 200
    assert '<p class="none">nothing matches; names match as a whole' in page.text
    assert "nothing matches" not in ask("/status/?query=errors").text
    assert "nothing matches" not in ask("/status/", stats=dict).text


def test_a_wrong_query_is_told_in_one_line_and_stays_in_the_form() -> None:
    line = ask("/status/?format=json&query=>5")
    page = ask("/status/?query=>5")

    assert (line.status_code, line.content_type) == (400, "text/plain; charset=utf-8")
    assert line.text.startswith("400 Bad Request: '>5' is no query")
    assert line.text.count("\n") == 1
    assert (page.status_code, page.content_type) == (400, "text/html; charset=utf-8")
    assert '<p role="alert">&#x27;&gt;5&#x27; is no query' in page.text
    assert 'value="&gt;5"' in page.text


def test_an_unknown_format_is_told() -> None:
    answer = ask("/status/?format=xml")

    assert (answer.status_code, answer.text.count("\n")) == (400, 1)
    assert "html, json, prettyjson" in answer.text


# --- who may ask for what


@pytest.mark.parametrize("path", ["/", "/status/", "/status/web?format=json", "/metrics", "/no"])
def test_head_is_answered_as_get(path: str) -> None:
    got, head = ask(path), ask(path, method="HEAD")

    assert (head.status_code, head.data) == (got.status_code, b"")
    length = {"Content-Length": str(len(got.data))}
    assert dict(head.headers) == dict(got.headers) | length


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_nothing_else_is_answered(method: str) -> None:
    answer = ask("/status/", method=method)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_hosts_are_names_of_loopback_and_those_given() -> None:
    assert ask("/status/", host="evil.example").status_code == 403
    assert "create_app(hosts=[...])" in ask("/metrics", host="evil.example:80").text
    assert ask("/status/", host="127.0.0.1:80").status_code == 200
    assert ask("/status/", host="Shop.example:80", hosts=["shop.example"]).status_code == 200
    assert ask("/status/", host="localhost", hosts=["shop.example"]).status_code == 200
    assert ask("/status/", host="evil.example", hosts=["shop.example"]).status_code == 403
    assert ask("/status/", host="any.example", hosts=["*"]).status_code == 200


@pytest.mark.parametrize(
    ("path", "host", "method"),
    [
        *(("/", "localhost", "GET"), ("/status/", "localhost", "GET"), ("/no", "localhost", "GET")),
        *(("/status/no", "localhost", "HEAD"), ("/status/?query=>", "localhost", "GET")),
        *(("/metrics", "localhost", "GET"), ("/favicon.ico", "localhost", "GET")),
        *(("/status/", "evil.example", "GET"), ("/status/", "localhost", "POST")),
    ],
)
def test_each_answer_says_what_a_browser_may_do(path: str, host: str, method: str) -> None:
    headers = ask(path, host=host, method=method).headers
    digest = base64.b64encode(hashlib.sha256(formats.STYLE.encode()).digest()).decode()

    [policy] = headers.getlist("Content-Security-Policy")
    assert policy.split("; ") == [
        *("default-src 'none'", f"style-src 'sha256-{digest}'", "img-src data:"),
        *("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"),
    ]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in headers


def test_what_comes_from_the_program_and_from_the_url_is_escaped() -> None:
    hostile = "</style><script>alert(1)</script>\"'"
    application = create_app(hostile, stats=lambda: {hostile: {hostile: hostile}})
    url = f"/status/{quote(hostile, safe='')}?query={quote(hostile)}"
    for path in (url, "/status/", f"/status/no{quote(hostile)}", f"{url}>"):
        page = Client(application).get(path, headers={"Host": "localhost"}).text
        assert "<script" not in page
        assert page.count("</style>") == 1
        assert "&lt;script&gt;" in page


# --- metrics


class Collector:
    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        yield GaugeMetricFamily("shop_open", "Whether it is.", value=1)


def test_metrics_are_those_of_the_collectors() -> None:
    answer = ask("/metrics", collectors=[Collector()])

    assert answer.content_type.startswith("text/plain; version=")
    assert "\nshop_open 1.0\n" in answer.text


def test_metrics_are_the_numbers_of_the_tree_where_nothing_else_is_said() -> None:
    text = ask("/metrics").text

    assert 'ecl_stat{path="/web/errors"} 7.0' in text
    assert 'ecl_stat{path="/web/success"} 1234.0' in text


def test_without_prometheus_client_that_is_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("ecl_logging.web.metrics", "ecl_logging.exporters.stats_collector"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    for module in [name for name in sys.modules if name.startswith("prometheus_client")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    answer = ask("/metrics")

    assert answer.status_code == 501
    assert answer.text == (
        "501 Not Implemented: needs prometheus_client: pip install 'ecl-logging[prometheus]'\n"
    )
    assert ask("/status/").status_code == 200


@pytest.mark.parametrize(
    ("missing", "name"),
    [
        ("flask", "create_app"),
        ("flask", "serve_in_background"),
        ("waitress", "serve_in_background"),
    ],
)
def test_a_missing_extra_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, missing: str, name: str
) -> None:
    for module in list(sys.modules):
        if module.startswith(("ecl_logging.web", missing)):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, missing, None)
    web = importlib.import_module("ecl_logging.web")

    with pytest.raises(ModuleNotFoundError) as told:
        getattr(web, name)

    assert str(told.value) == f"ecl_logging.web needs {missing}: pip install 'ecl-logging[web]'"
    with pytest.raises(AttributeError):
        web.nothing  # noqa: B018
    assert "create_app" in dir(web)


def test_importing_it_loads_no_server() -> None:
    program = "import sys, ecl_logging.web; print({'flask', 'waitress'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)

    assert (done.stdout, done.stderr) == ("set()\n", "")


# --- failures


def test_what_cannot_be_shown_is_told_to_the_operator_and_little_of_it_to_the_page(
    warnings_told: list[str],
) -> None:
    def broken() -> Mapping[str, Any]:
        raise RuntimeError("of /home/me/secret")

    answer = ask("/status/", stats=broken)

    assert (answer.status_code, answer.text.count("\n")) == (500, 1)
    assert "RuntimeError" in answer.text
    assert "secret" not in answer.text
    assert warnings_told == ["a status page could not be made: RuntimeError: of /home/me/secret"]


def test_why_there_is_no_tree_is_told_on_the_page(warnings_told: list[str]) -> None:
    def away() -> Mapping[str, Any]:
        raise Unavailable("redis://cache/0: Connection refused")

    answer = ask("/status/", stats=away)

    assert (answer.status_code, warnings_told) == (503, [])
    assert "redis://cache/0: Connection refused" in answer.text
