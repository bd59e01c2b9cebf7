"""Conditions on schema versions, with the meaning that balog's have."""

from __future__ import annotations

import itertools

import pytest
from packaging.version import Version

from ecl_logging.events.versions import VersionCondition, version_of


def holds(condition: str, version: str) -> bool:
    found = version_of(version)
    assert found is not None
    return VersionCondition(condition).is_met_by(found)


@pytest.mark.parametrize(
    ("condition", "true_of", "false_of"),
    [
        ("<1.0", ["0.0.1", "0.1.0", "0.9.9", "1.0.dev1", "1.0a1", "1.0rc1"], ["1.0", "1", "1.0.0", "1.0.post1", "2"]),
        ("<=1.0", ["0.0.1", "1", "1.0.0", "1.0rc1"], ["1.0.1", "1.0.post1", "1.1.dev1"]),
        ("==1.0", ["1", "1.0", "1.0.0"], ["1.0.1", "1.0rc1", "0.9"]),
        ("!=1.0", ["1.0.1", "1.0rc1", "0.9"], ["1", "1.0", "1.0.0"]),
        (">=1.0.1", ["1.0.1", "1.0.2.dev1", "1.1", "2"], ["1.0", "1.0.1rc1", "0.9"]),
        (">1.0", ["1.0.1", "1.0.post1", "1.1.dev1"], ["1.0", "1.0rc1", "0.9"]),
        ("<0.10", ["0.9", "0.2"], ["0.10", "0.11"]),
        (" >= 1 ", ["1"], ["0.9"]),
    ],
)  # fmt: skip
def test_versions_are_compared_as_they_are_ordered(condition, true_of, false_of) -> None:
    assert [version for version in true_of if not holds(condition, version)] == []
    assert [version for version in false_of if holds(condition, version)] == []


def test_versions_to_be_tried_out_are_between_what_is_before_and_after_them() -> None:
    ordered = [
        "0.9",
        "1.0.dev1",
        "1.0a1.dev1",
        "1.0a1",
        "1.0b2",
        "1.0rc1",
        "1.0",
        "1.0.post1",
        "1.1",
    ]
    for before, after in itertools.pairwise(ordered):
        assert holds(f"<{after}", before)
        assert holds(f">{before}", after)
        assert not holds(f">={after}", before)


@pytest.mark.parametrize(
    "wrong",
    ["", "1.0", "<", "< ", "=1.0", "===1.0", "~=1.0", "<>1.0", "==1.*", "<one", "<1.0 <2.0", "<1,0",
     "<1.0\n>2", ">1.0;", None, 1.0, b"<1.0", ["<1.0"], "<" + "1" * 5000],
)  # fmt: skip
def test_what_is_no_condition_is_refused_in_one_short_line(wrong: object) -> None:
    with pytest.raises(ValueError, match="is no condition on a version; write such as") as refused:
        VersionCondition(wrong)

    assert len(str(refused.value)) < 250
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "one", "1..0", None, 5, 1.0, b"1.0", "1" * 101, "1.0-x-y", {}]
)
def test_what_is_no_version_is_none(text: object) -> None:
    assert version_of(text) is None


def test_a_version_is_read_as_python_packages_are() -> None:
    assert version_of("v1.0") == version_of("1") == Version("1.0")
    assert version_of("1!0.5") > version_of("7")  # type: ignore[operator]
