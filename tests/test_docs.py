"""What stands in docs/ is so: code runs, configurations are right, links lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecl_logging.config import config_from
from ecl_logging.records.masks import MARKS, mask
from tests.redis_servers import RedisServer

pytestmark = [pytest.mark.usefixtures("amid_a_minute"), pytest.mark.once]

ROOT = Path(__file__).parents[1]
PAGES = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}


def blocks(language: str) -> list[Any]:
    return [
        pytest.param(block, id=f"{name}-{number}")
        for name, text in PAGES.items()
        for number, block in enumerate(re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL))
    ]


# What imports nothing is a fragment: it shows a call. Recipes have tests of their own.
PROGRAMS = [
    block
    for block in blocks("python")
    if "import " in block.values[0] and not block.id.startswith("recipes.md")
]


CLIENT = "redis.Redis()"


@pytest.mark.parametrize("block", PROGRAMS)
def test_code_runs_and_prints_what_its_comments_say(
    block: str, request: pytest.FixtureRequest
) -> None:
    if CLIENT in block:  # on the port that everybody has
        server: RedisServer = request.getfixturevalue("empty_server")
        block = block.replace(CLIENT, f"redis.Redis.from_url({server.url!r})")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == re.findall(r"^ *print\(.*\)  # (.*)$", block, re.MULTILINE)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_a_configuration_is_right(block: str) -> None:
    section = yaml.safe_load(block).get("ecl", {})

    assert config_from(section).groups


# What has a version is the whole of a logging configuration; the others are parts.
CONFIGURATIONS = [block for block in blocks("yaml") if "version" in yaml.safe_load(block.values[0])]
LOADED = """
import json, logging.config, sys
logging.config.dictConfig(json.loads(sys.argv[1]))
for level in (logging.INFO, logging.ERROR):
    logging.getLogger("shop.web").log(level, "sold %d", 3)
logging.shutdown()
for handler in logging.getLogger().handlers:
    kept = getattr(handler, "log", None)
    if kept is not None:
        print(type(handler).__name__, kept.telemetry()["applied"])
"""


@pytest.mark.parametrize("block", CONFIGURATIONS)
def test_a_logging_configuration_loads_and_keeps_what_is_logged(block: str) -> None:
    configuration = yaml.safe_load(block)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOADED, json.dumps(configuration)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() in ([], ["sold 3"] * 2)  # the console's
    handlers = [configuration["handlers"][name] for name in configuration["root"]["handlers"]]
    expected = [
        f"{keeper[0]} {0 if handler.get('events_only') else 2}"  # which are no events
        for handler in handlers
        if (keeper := re.search("(?:Dedup|Message|Publish)Handler", handler["class"]))
    ]
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", PAGES[name]):
        page = ROOT / "docs" / (target or name)
        assert page.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
            assert anchor[1:] in {
                re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings
            }


def test_the_modules_that_the_page_follows_are_there() -> None:
    named = set(re.findall(r"`([\w/]+(?:\.py|\.lua|/))`", PAGES["how-it-works.md"]))
    there = " ".join(f"{path} " for path in (ROOT / "ecl_logging").rglob("*.[pl]*"))

    assert named
    missing = [name for name in named if f"/{name}" + " " * (name[-1] != "/") not in there]
    assert missing == []


def masked_lines() -> list[tuple[str, str]]:
    table = PAGES["fingerprints.md"].partition("## What masks replace")[2]
    return re.findall(r"^\| `(.*)` \| `(.*)` \|$", table, re.MULTILINE)


@pytest.mark.parametrize(("said", "masked"), masked_lines())
def test_masks_replace_what_the_page_says(said: str, masked: str) -> None:
    assert mask(said) == masked


def test_the_page_has_every_mark() -> None:
    shown = " ".join(masked for _, masked in masked_lines())

    assert [name for name in MARKS if f"<{name}>" not in shown] == []
