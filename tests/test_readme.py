"""The README's code runs as it stands, and what it says of itself is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.usefixtures("amid_a_minute"), pytest.mark.once]

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
[CONFIGURATION] = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
KEEPING = """
import logging.config, sys, yaml
logging.config.dictConfig(yaml.safe_load(sys.argv[1]))
for number in range(12):
    logging.getLogger("shop").error("cannot sell %d apples", number)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments], capture_output=True, text=True, timeout=60
    )


def ecl_read(*arguments: str) -> str:
    done = run("-m", "ecl_logging.tools.read", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_block_of_python_runs(number: int) -> None:
    done = run("-c", BLOCKS[number])

    assert done.returncode == 0, done.stderr


def test_one_line_counts_what_the_readme_says() -> None:
    run("-c", BLOCKS[0])

    shown = ecl_read("--current")

    assert re.search(r"^# events 1m current \S+Z\nsale:1$", shown, re.MULTILINE)
    assert "INFO:2" in shown
    assert "shop.web:1" in shown


def test_the_configuration_of_twelve_lines_counts_its_groups() -> None:
    run("-c", BLOCKS[1])

    assert len(BLOCKS[1].split("\n\n")[1].splitlines()) <= 12
    shown = ecl_read("-g", "orders", "-i", "5m", "--current")
    assert f"$ ecl-read -g orders -i 5m --current\n{shown}```" in README
    assert ecl_read("-g", "severity", "--current") == "INFO:1\n"


def test_following_the_readme_from_the_top_warns_of_nothing() -> None:
    """Each example is tried on what those before it have counted."""
    for block in BLOCKS:
        assert run("-c", block).stderr in {"", "thank you\n"}
    assert run("-m", "ecl_logging.tools.read", "-c", str(ROOT / "logging.yaml")).stderr == ""


def test_counting_by_hand_prints_what_its_comment_says() -> None:
    assert run("-c", BLOCKS[2]).stdout == "{'done': 1, 'failed': 2}\n4\n"


def test_all_handlers_together_count_and_keep_each_record() -> None:
    done = run("-c", KEEPING, CONFIGURATION)

    assert done.returncode == 0
    *passed, report = done.stderr.splitlines()
    assert passed == [f"cannot sell {number} apples" for number in range(10)]
    assert re.fullmatch(r"2 more in the 1m from \S+: cannot sell %d apples", report)
    assert "ERROR:12" in ecl_read("-g", "levels", "-i", "1h", "--current")
    top = run("-m", "ecl_logging.tools.top").stdout
    assert re.search(r"^ +12 +100.0% +error +shop +cannot sell %d apples$", top, re.MULTILINE)
    moved = run("-m", "ecl_logging.tools.gather", "--once", "--to", "records.jsonl")
    assert re.search(r"moved 12 records in [12] entries", moved.stderr)


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)

    assert len(README.splitlines()) <= 180
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_command_is_in_the_readme() -> None:
    commands = re.findall(
        r"^    (ecl-\w+) =", (ROOT / "setup.cfg").read_text("utf-8"), re.MULTILINE
    )

    assert commands
    assert [command for command in commands if f"`{command}" not in README] == []
