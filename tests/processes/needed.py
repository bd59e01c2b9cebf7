"""What share of a command's time goes into imports that it does not need."""

from __future__ import annotations

import json
import statistics
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.processes import tracer
from tests.processes.imports import Imported, imported_by

RUNS = 7


def unneeded_share(command: str, *arguments: str, folder: Path, store: str) -> float:
    """The median of some runs, each with its own time as the whole: from its start to its end."""
    module = f"ecl_logging.tools.{command}"
    told = folder / "told"
    traced = imported_by(
        "-P", tracer.__file__, str(told), module, *arguments, folder=folder, store=store
    )
    at_start = imported_by("-c", "pass", folder=folder).importer.keys()
    script = f"from {module} import main; raise SystemExit(main())"
    shares = []
    for _ in range(RUNS):
        run = imported_by("-c", script, *arguments, folder=folder, store=store)
        assert run.out == traced.out
        unneeded = run.microseconds.keys() - at_start - _needed(run, json.loads(told.read_text()))
        shares.append(sum(run.microseconds[one] for one in unneeded) / run.wall_seconds / 1e6)
    return statistics.median(shares)


def _needed(run: Imported, told: dict[str, list]) -> set[str]:
    """What is used, what that uses, and what a part of Python that is needed imports for itself."""
    needed: set[str] = set(told["used"])
    before = -1
    while len(needed) > before:
        before = len(needed)
        needed.update(of for who, of in told["uses"] if who in needed)
        needed.update(
            module
            for module, importer in run.importer.items()
            if importer in needed and (_is_pythons(importer) or _is_compiled(module))
        )
    return needed


def _is_pythons(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] in sys.stdlib_module_names


_known: dict[str, bool] = {}


def _is_compiled(module: str) -> bool:
    """Whether it is in C: what is called in it cannot always be seen, so its importer decides."""
    if module not in _known:
        try:
            spec = find_spec(module)
        except (ImportError, ValueError):
            spec = None
        origin = spec.origin if spec is not None else None
        _known[module] = origin == "built-in" or (origin or "").endswith(".so")
    return _known[module]
