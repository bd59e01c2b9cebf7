"""The status pages below any path of another application."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from ecl_logging.errors import ConfigError
from ecl_logging.web import create_app
from tests.web.asking import TREE, ask

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("mounted_at", "prefix", "page"),
    [
        ("/internal", "/status/", "/internal/status/"),
        ("/in ternal/ü", "/stats", "/in%20ternal/%C3%BC/stats/"),
        ("/status", "/", "/status/"),
        ("/status", "", "/status/"),
        ("", "/a/b//", "/a/b/"),
    ],
)
def test_links_are_right_below_any_path(mounted_at: str, prefix: str, page: str) -> None:
    pages = create_app("shop", stats=lambda: TREE, prefix=prefix)
    where = mounted_at.encode().decode("latin-1")
    application = DispatcherMiddleware(create_app(), {where: pages})  # type: ignore[arg-type]
    client = Client(application if mounted_at else pages)
    headers = {"Host": "localhost"}

    assert client.get(f"{page}web/errors", headers=headers).status_code == 200
    assert f'href="{page}web"' in client.get(page, headers=headers).text
    assert (
        f'<a href="{page}">/</a> <a href="{page}web">web</a> / errors'
        in client.get(f"{page}web/errors", headers=headers).text
    )
    if prefix.strip("/"):
        answer = client.get(page.removesuffix(prefix.strip("/") + "/"), headers=headers)
        assert answer.headers["Location"] == page


def test_at_the_root_there_is_no_other_page_that_a_name_could_have() -> None:
    tree = {"metrics": 1, "favicon.ico": 2}
    answers = [ask(f"/{name}?format=json", prefix="/", stats=lambda: tree) for name in tree]

    assert [json.loads(answer.text) for answer in answers] == [1, 2]


def test_a_strange_mount_does_not_lead_to_another_host() -> None:
    seen: list[Any] = []
    environ = Client(create_app()).open("/", headers={"Host": "localhost"}).request.environ
    application = create_app(stats=lambda: TREE)

    page = b"".join(
        application(environ | {"SCRIPT_NAME": "//evil.example"}, lambda *told: seen.append(told))  # type: ignore[arg-type,return-value]
    )

    assert page == b""
    assert ("Location", "/evil.example/status/") in seen[0][1]


@pytest.mark.parametrize("prefix", ["/<x>/", "/a b", "/ü", "/a?b"])
def test_a_prefix_that_is_no_path_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match="is no path"):
        create_app(prefix=prefix)
