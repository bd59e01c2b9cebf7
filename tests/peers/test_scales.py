"""The tests that scales 1.0.9 from PyPI carries, on what is here under its names.

They run as they were released. Whichever does not pass is named with its reason.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
import unittest
from pathlib import Path

import pytest

from tests.peers.scales_names import modules

pytestmark = pytest.mark.once

# Tests in each file.
FILES = {
    "aggregation_test.py": 2,
    "formats_test.py": 4,
    "samplestats_test.py": 3,
    "scales_test.py": 10,
}
NOT_OURS = {
    "util_test.py": "of AtomicValue, a number with a lock: `stats.add` is what is safe here",
}
DOES_NOT_PASS: dict[str, str] = {}
# Here an object's stats leave the tree with the object; these tests look for what nobody holds.
NEEDS_OBJECTS_KEPT = {
    "formats_test.StatsTest.testJsonCollapse": "counts on a child that no name refers to",
    "scales_test.StatsTest.testChildStats": "gives the name of the first child to the second",
    "scales_test.StatsTest.testChildTypeStats": "gives the name of the first child to the second",
    "scales_test.StatsTest.testDynamic": "makes its object and gives it no name",
}


def files_of_scales() -> dict[str, Path]:
    """Its files of tests by their names."""
    files = importlib.metadata.distribution("scales").files or []
    paths = [Path(str(file.locate())) for file in files if file.name.endswith("_test.py")]
    return {path.name: path for path in paths}


def cases_in(path: Path) -> list[unittest.TestCase]:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    suites = unittest.defaultTestLoader.loadTestsFromModule(module)
    tests = [test for suite in suites for test in suite]
    for test in tests:
        test.assertEquals = test.assertEqual  # type: ignore[attr-defined] # as unittest called it
    return tests


def failures_in(path: Path) -> dict[str, str]:
    """What the tests of a file say that do not pass, by their names."""
    tests = cases_in(path)
    assert len(tests) == FILES[path.name]
    result = unittest.TestResult()
    for test in tests:
        test.run(result)
    assert result.testsRun == FILES[path.name]
    assert not result.skipped
    return {test.id(): trace for test, trace in result.errors + result.failures}


def named(names: dict[str, str], path: Path) -> set[str]:
    return {name for name in names if name.startswith(f"{path.stem}.")}


def test_each_file_of_tests_runs_here_or_is_named() -> None:
    assert files_of_scales().keys() == FILES.keys() | NOT_OURS.keys()


@pytest.mark.usefixtures("empty_tree")
@pytest.mark.parametrize("file", FILES)
def test_tests_of_scales_pass_where_objects_are_kept(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files_of_scales()[file]
    for name, module in modules(kept=[]).items():
        monkeypatch.setitem(sys.modules, name, module)

    failures = failures_in(path)

    assert failures.keys() == named(DOES_NOT_PASS, path), "\n".join(failures.values())


@pytest.mark.usefixtures("empty_tree")
@pytest.mark.parametrize("file", FILES)
def test_tests_of_scales_pass_that_hold_their_objects(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files_of_scales()[file]
    for name, module in modules(kept=None).items():
        monkeypatch.setitem(sys.modules, name, module)

    failures = failures_in(path)

    expected = named(DOES_NOT_PASS | NEEDS_OBJECTS_KEPT, path)
    assert failures.keys() == expected, "\n".join(failures.values())
