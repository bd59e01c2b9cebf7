"""Event IDs and names that would be markup, on the pages of ecl-web."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from ecl_logging import EventCountLogger
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.tools.command import Context
from ecl_logging.tools.group_tree import GroupTree
from ecl_logging.web import create_app

pytestmark = pytest.mark.once

IDS = [
    pytest.param("<script>alert(1)</script>", id="36-script"),
    pytest.param("</style><img src=x onerror=alert(1)>", id="36-end-of-a-style"),
    pytest.param("\" onmouseover=\"alert(1)' x='", id="36-quotes"),
    pytest.param("&lt;b&gt;&amp;amp;", id="36-entities"),
    pytest.param("javascript:alert(1)//", id="36-link"),
    pytest.param("../../../metrics", id="36-path"),
    pytest.param("]]><!--", id="36-comment"),
]


class Page(HTMLParser):
    """Which elements and attributes a page has, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attributes)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def get(app: Any, path: str, query: str = "") -> str:
    environ: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": query}
    setup_testing_defaults(environ)
    environ["HTTP_HOST"] = "localhost"
    statuses: list[str] = []
    content = b"".join(app(environ, lambda status, *_: statuses.append(status)))
    assert statuses == ["200 OK"]
    return content.decode()


def app_of(event_id: str) -> Any:
    """The pages of a store in which it was counted and measured."""
    store = MemoryStore()
    keys = {"auto_declare_events": True, "intervals": ["366d"]}
    with EventCountLogger({"g": keys}, store=store) as ecl:
        ecl["g"].log(event_id, 5)
        ecl["g"].observe(event_id, 1.0)
    return create_app("test", stats=GroupTree(Context(store, None)))


@pytest.mark.parametrize("event_id", IDS)
def test_markup_in_an_event_id_is_shown_as_text(event_id: str) -> None:
    app = app_of(event_id)
    plain, page = Page(get(app_of("plain"), "/status/")), Page(get(app, "/status/"))

    assert page.elements == plain.elements
    assert page.texts.count(event_id) == plain.texts.count("plain") == 3  # also as a measure
    tree = json.loads(get(app, "/status/", "format=json"))
    assert tree["g"]["366d"]["current"] == {event_id: 5}


@pytest.mark.parametrize("event_id", IDS)
def test_markup_in_an_event_id_is_found_at_its_path_and_shown_there(event_id: str) -> None:
    plain = Page(get(app_of("plain"), "/status/g/366d/current/plain"))
    page = Page(get(app_of(event_id), f"/status/g/366d/current/{event_id}"))

    assert page.elements == plain.elements
    assert sum(text.endswith(event_id) for text in page.texts) == 2  # title and heading
    assert page.texts.count("5") == 1
