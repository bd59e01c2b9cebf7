"""The recipes' code runs as it stands, and counts what it logs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
RECIPES = (ROOT / "docs" / "recipes.md").read_text("utf-8")
SECTIONS = re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", RECIPES, re.MULTILINE | re.DOTALL)
PROGRAMS = {
    title: block
    for title, text in SECTIONS
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
}
PARTS = re.findall(r"```py\n(.*?)```", RECIPES, re.DOTALL)

# What each program counts; and what happens to some of them after their last line.
COUNTED = {
    "Several processes": "done:10",
    "QueueHandler and QueueListener": "paid:1",
    "LoggerAdapter": "paid:1",
    "AWS Lambda": "sold:1",
    "Containers": "started:1",
}
KILLED = "import os; os.kill(os.getpid(), signal.SIG%s)"
AFTERWARDS = {
    "AWS Lambda": f"handler({{}}, None); import signal; {KILLED % 'KILL'}",
    "Containers": KILLED % "TERM",
}


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments], capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("title", PROGRAMS)
def test_each_program_runs(title: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"  # spawned processes import it
    program.write_text(PROGRAMS[title], "utf-8")

    done = run(program)

    assert done.returncode == 0, done.stderr
    assert done.stderr in {"", "INFO:shop:thank you\n"}


@pytest.mark.parametrize("title", COUNTED)
def test_a_program_counts_what_it_logs(title: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAMS[title] + AFTERWARDS.get(title, ""), "utf-8")

    run(program)

    shown = run("-m", "ecl_logging.tools.read", "-g", "events", "-i", "1h", "--both").stdout
    assert re.findall(r"^(\w+:[1-9]\d*)$", shown, re.MULTILINE) == [COUNTED[title]]


@pytest.mark.parametrize("part", PARTS)
def test_each_part_of_a_program_is_python(part: str) -> None:
    assert compile(part.strip(), "a part", "exec").co_code


def test_all_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", RECIPES)

    assert targets
    assert [target for target in targets if not (ROOT / "docs" / target).exists()] == []


def test_every_example_is_in_a_recipe_or_on_the_page_of_what_it_shows() -> None:
    folders = {path.parent.name for path in (ROOT / "examples").glob("*/README.md")}
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md"))

    assert folders
    assert [name for name in folders if f"examples/{name})" not in pages] == []
