"""The status pages in a real browser, from each server that the docs name."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_until
from tests.web.served import NAMES, WAYS

pytest.importorskip("selenium", reason="what is tested on one Python only is not installed")
from selenium import webdriver
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
OPTIONS = (
    *("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
    *("disable-background-networking", "disable-component-update", "disable-sync"),
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    if not (Path(CHROMIUM).exists() and Path(DRIVER).exists()):
        pytest.skip("there is no Chromium of the system's packages")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*OPTIONS, f"user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(f"--{option}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module", params=WAYS)
def served(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a program is served: the beginning of its URLs."""
    command = [sys.executable, "-m", "tests.web.served", request.param]
    started = subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert started.stdout is not None
    try:
        port = started.stdout.readline().strip()
        assert port, started.communicate()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        started.kill()
        started.communicate()


class Page:
    """What the browser shows. Nothing may be on its console, and no alert be open."""

    def __init__(self, chromium: webdriver.Chrome, root: str) -> None:
        self.chromium, self.root = chromium, root

    def open(self, path: str) -> None:
        self.chromium.get(f"{self.root}{path}")
        self.check()

    def check(self) -> None:
        with contextlib.suppress(NoAlertPresentException):
            pytest.fail(f"an alert: {self.chromium.switch_to.alert.text}")
        assert self.chromium.get_log("browser") == []

    def click(self, text: str) -> None:
        [link] = [one for one in self.elements("ul a, p a") if one.text == text]
        link.click()
        self.check()

    def elements(self, css: str) -> list[Any]:
        return self.chromium.find_elements(By.CSS_SELECTOR, css)

    def texts(self, css: str) -> list[str]:
        """What is read there, found in one step."""
        return self.all_of(css, "innerText")

    def all_of(self, css: str, what: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e[arguments[1]])"
        return self.chromium.execute_script(script, css, what)


@pytest.fixture
def page(chromium: webdriver.Chrome, served: str) -> Page:
    return Page(chromium, served)


def as_shown(text: str) -> str:
    return text.replace("\u202e", "\\u202e")


def test_the_tree_is_shown(page: Page) -> None:
    page.open("/status/")

    assert page.chromium.title == "shop - Status"
    assert page.texts("h1") == ["shop"]
    assert page.texts("body > ul > li > .key") == ["folded", "hostile", "web", "workers"]
    assert "errors 7" in page.texts("li")
    assert "errors 3" not in page.texts("li")  # it is in a branch that is collapsed
    [name, *_] = page.elements(".key")
    assert name.value_of_css_property("font-weight") == "700"  # its digest let the style in


def test_what_is_typed_into_the_filter_is_looked_for(page: Page) -> None:
    page.open("/status/")
    page.elements("input")[0].send_keys("errors > 5", Keys.ENTER)
    wait_until(lambda: "query=" in page.chromium.current_url)
    page.check()

    assert page.texts(".key") == ["web", "errors"]
    assert page.texts(".number") == ["7"]
    assert page.elements("input")[0].get_attribute("value") == "errors > 5"


def test_a_collapsed_branch_is_opened_and_left_by_links(page: Page) -> None:
    page.open("/status/")
    page.click("workers")
    assert page.texts(".key") == ["thread-1", "errors", "state"]
    page.click("thread-1")
    assert page.texts("li") == ["errors 3", "state waiting"]
    assert page.texts(".path") == ["/ workers / thread-1"]

    page.click("/")

    assert page.chromium.current_url == f"{page.root}/status/"


def test_hostile_names_and_values_are_text(page: Page) -> None:
    page.open("/status/hostile")

    shown = {as_shown(name) for name in NAMES}
    assert set(page.texts(".key")) == shown
    assert set(page.texts(".text")) == shown
    assert page.elements("script, img, b") == []
    assert len(page.elements("style")) == 1


def test_links_with_hostile_names_lead_to_their_branches(page: Page) -> None:
    page.open("/status/folded")
    links = dict(zip(page.texts("a.key"), page.all_of("a.key", "href"), strict=True))
    assert links.keys() == {as_shown(name.replace("/", "|")) for name in NAMES}

    for name, link in links.items():
        page.open(link.removeprefix(page.root))
        assert page.texts("li") == ["opened 1"]
        assert page.texts(".path") == [f"/ folded / {name}"]


def test_programs_get_json(page: Page) -> None:
    with urllib.request.urlopen(f"{page.root}/status/web?format=json") as answer:
        assert json.load(answer) == {"errors": 7, "success": 1234}
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    asked = urllib.request.Request(f"{page.root}/status/web", method="HEAD")
    with urllib.request.urlopen(asked) as answer:
        assert (answer.status, answer.read()) == (200, b"")


def test_another_host_is_not_answered(page: Page) -> None:
    asked = urllib.request.Request(f"{page.root}/status/", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked)
    with contextlib.closing(refused.value) as answer:
        assert (answer.code, b"hosts=[...]" in answer.read()) == (403, True)
