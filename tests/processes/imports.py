"""What a Python process imports, and how long that takes: what `-X importtime` tells."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Imported:
    """A process that has ended well."""

    microseconds: dict[str, int]  # of each module, without what it imports
    importer: dict[str, str | None]  # who was the first to import it
    wall_seconds: float
    out: str

    def __contains__(self, module: str) -> bool:
        return module in self.microseconds


def imported_by(*arguments: str, folder: Path, store: str = "memory://") -> Imported:
    """Run Python with these arguments, its working folder an empty one in `folder`.

    The modules are compiled once, as those of an installed package are, and found in `folder` by
    the next process; `site` is left out, for it imports what the tests' own packages ask for.
    """
    started = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-S", "-X", "importtime", *arguments],
        env=_environment(folder) | {"ECL_STORE": store},
        cwd=_empty(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    wall = time.perf_counter() - started
    lines = ended.stderr.splitlines()
    told = [line for line in lines if not line.startswith("import time:")]
    assert (ended.returncode, told) == (0, [])
    return Imported(*_modules(lines), wall, ended.stdout)


def _environment(folder: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "ECL_", "COV_"))
    }
    packages = [place for place in sys.path if place.endswith("site-packages")]
    return kept | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *packages]),
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }


def _empty(folder: Path) -> Path:
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    return empty


def _modules(lines: list[str]) -> tuple[dict[str, int], dict[str, str | None]]:
    """Whoever imports a module stands below it, and less to the right."""
    microseconds: dict[str, int] = {}
    importer: dict[str, str | None] = {}
    above: list[str] = []
    for line in reversed(lines):
        own, _, name = line.removeprefix("import time:").split("|")
        if not own.strip().isdecimal():
            continue  # the titles
        module = name.strip()
        depth = (len(name) - len(name.lstrip()) - 1) // 2
        del above[depth:]
        microseconds[module] = microseconds.get(module, 0) + int(own)
        importer[module] = above[-1] if above else None
        above.append(module)
    return microseconds, importer
