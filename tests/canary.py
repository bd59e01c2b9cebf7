"""The password of the tests' Redis servers: a canary, which must turn up in no output.

A plugin of pytest's. A test fails that prints it, or reads it from what was printed.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

CANARY = "canary-7Yq2"


def assert_no_canary(where: str, *outputs: str) -> None:
    """Fail where the password has been printed."""
    for output in outputs:
        if CANARY in output:
            line = output[: output.index(CANARY)].count("\n") + 1
            pytest.fail(f"a password in {where}, line {line}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.passed and any(CANARY in content for _, content in report.sections):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} prints a password"
    return report


_read = pytest.CaptureFixture.readouterr


def _read_and_watch(self: pytest.CaptureFixture[str]) -> object:
    captured = _read(self)
    assert_no_canary("what was captured", str(captured.out), str(captured.err))
    return captured


pytest.CaptureFixture.readouterr = _read_and_watch  # type: ignore[assignment,method-assign]
