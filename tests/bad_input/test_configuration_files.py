"""Files that are none of ours, or nobody's: told with the file and the line, and at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ecl_logging import ConfigError, EventCountLogger
from ecl_logging.handlers import CountingHandler
from ecl_logging.tools.read import main as ecl_read
from tests.bad_input.conftest import Ran
from tests.canary import CANARY, assert_no_canary
from tests.pending_counts import stopped_after

pytestmark = pytest.mark.once

GOOD = "groups: {g: {intervals: [1m]}}\n"
TAG = "could not determine a constructor for the tag '...'"
NO_KEYS = "has neither 'ecl' nor 'groups' at its top level"


def lists_of_lists(levels: int) -> str:
    """Ten to the power of `levels` items, in as many lines."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for n in range(levels):
        aliases = ", ".join([f"*a{n}"] * 10)
        lines.append(f"a{n + 1}: &a{n + 1} [{aliases}]")
    return "\n".join([*lines, f"ecl: {{groups: {{g: {{intervals: *a{levels}}}}}}}"])


def merges_of_merges(levels: int) -> str:
    lines = ["a0: &a0 {history: 5}"]
    for n in range(levels):
        aliases = ", ".join([f"*a{n}"] * 10)
        lines.append(f"a{n + 1}: &a{n + 1} {{<<: [{aliases}]}}")
    return "\n".join([*lines, f"ecl: {{groups: {{g: {{<<: *a{levels}}}}}}}"])


FILES = [
    pytest.param(b"", NO_KEYS, id="19-empty"),
    pytest.param(b"# to be written\n", NO_KEYS, id="19-comment"),
    pytest.param(b"[1, 2]", NO_KEYS, id="19-list"),
    pytest.param(
        f"ecl:\n  # Größe\n  redis: {{password: {CANARY}}}".encode("latin-1"),
        "line 2: is not UTF-8 text",
        id="19-latin-1",
    ),
    pytest.param(GOOD.encode("utf-16"), "line 1: is not UTF-8 text", id="19-utf-16"),
    pytest.param(bytes(range(256)), "line 2: is not UTF-8 text", id="19-binary"),
    pytest.param(
        f"ecl:\n  redis: {{password: {CANARY}\0}}".encode(),
        "line 2: has the character '\\x00', which YAML does not take",
        id="19-nul",
    ),
    pytest.param(
        b"groups:\n  g: {intervals: [\x1b]}",
        "line 2: has the character '\\x1b', which YAML does not take",
        id="19-escape-character",
    ),
    pytest.param(
        b"groups:\n  g: {intervals: [1m]}\n  g: {intervals: [5m]}",
        "line 3: the key g is there twice",
        id="19-repeated-key",
    ),
    pytest.param(
        b"groups:\n\tg: {intervals: [1m]}",
        "line 2: found character '\\t' that cannot start any token",
        id="19-tab",
    ),
    pytest.param(
        f"{GOOD}---\n{GOOD}".encode(), "line 2: but found another document", id="19-two-documents"
    ),
    pytest.param(
        b"[ecl]\nstore = memory", "line 2: expected '<document start>'...'<scalar>'", id="19-ini"
    ),
    pytest.param(b"groups: " + b"[" * 1000, "is nested too deeply", id="19-deep-list"),
    pytest.param(b"groups: " + b"{a: " * 3000, "is nested too deeply", id="19-deep-mapping"),
    pytest.param(
        b"groups: !!python/object/apply:os.mkdir [made-by-a-tag]", f"line 1: {TAG}", id="19-call"
    ),
    pytest.param(b"groups: !!python/name:os.system", f"line 1: {TAG}", id="19-python-name"),
    pytest.param(f"groups: !{CANARY} x".encode(), f"line 1: {TAG}", id="19-own-tag"),
    pytest.param(
        f"ecl: {{redis: {{password: *{CANARY}}}}}".encode(),
        "line 1: found undefined alias '...'",
        id="19-no-anchor",
    ),
    pytest.param(b"? [a, b]\n: 1\ngroups: {}", "line 1: found unhashable key", id="19-key-of-keys"),
    pytest.param(
        b"groups: {g: {intervals: [1m], history: " + b"9" * 5000 + b"}}",
        "line 1: a number of 5000 digits; quote what is meant as text",
        id="19-number-of-thousands-of-digits",
    ),
    pytest.param(
        b"groups: &groups [*groups]",
        "groups: [[[[[[[...]]]]]]] is not a mapping of group names",
        id="19-list-in-itself",
    ),
    pytest.param(
        lists_of_lists(9).encode(),
        "groups.g.intervals: has 10 intervals; 1 to 8 are possible",
        id="19-aliases-of-aliases",
    ),
    pytest.param(
        merges_of_merges(12).encode(),
        "groups.g.intervals: is missing; write a list such as [5m, 1h]",
        id="19-merges-of-merges",
    ),
    pytest.param(
        b"groups: {g: {intervals: [1m], history: 1:30}}",
        "groups.g.history: '1:30' is read as 90; write a decimal number",
        id="19-number-to-the-base-of-60",
    ),
    pytest.param(
        b"groups: {g: {intervals: [1m], max_events: 010}}",
        "groups.g.max_events: '010' is read as 8; write a decimal number",
        id="19-octal-number",
    ),
    pytest.param(
        b"ecl: {redis: {port: 016363}}",
        "redis.port: '016363' is read as 7411; write a decimal number",
        id="19-octal-port",
    ),
    pytest.param(
        b"ecl: {groups: {g: {intervals: [1m]}}, rules: [{event: x, count: 010}]}",
        "rules[0].count: '010' is read as 8; write a decimal number",
        id="19-octal-count",
    ),
    pytest.param(
        b"groups: {g: {intervals: [1m], sync_interval: 1:30}}",
        "groups.g.sync_interval: '1:30' is read as 90; write a decimal number",
        id="19-seconds-to-the-base-of-60",
    ),
]
NAMES = [
    pytest.param("missing.yaml", "missing.yaml: No such file or directory", id="19-missing"),
    pytest.param(".", ".: Is a directory", id="19-folder"),
    pytest.param("a\0b.yaml", "a\\x00b.yaml: is no name that a file can have", id="19-nul-in-name"),
    pytest.param(
        "\ud800.yaml", "\\ud800.yaml: is no name that a file can have", id="19-surrogate-in-name"
    ),
    pytest.param(
        "\x1b[31m.yaml", "\\x1b[31m.yaml: No such file or directory", id="19-escape-in-name"
    ),
]


def problems_in(content: bytes) -> list[str]:
    Path("some.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        CountingHandler(config="some.yaml", store="memory://")
    assert_no_canary("an error", str(caught.value))
    return [problem for problem in caught.value.problems if "unknown key 'a" not in problem]


@pytest.mark.parametrize(("content", "problem"), FILES)
def test_a_file_that_cannot_be_used_is_told_with_its_place(content, problem, capsys):
    with stopped_after(60):
        assert problems_in(content)[0] == f"some.yaml: {problem}"
    assert f"some.yaml: {problem}\n" in capsys.readouterr().err
    assert not Path("made-by-a-tag").exists()


@pytest.mark.parametrize(("content", "problem"), FILES)
def test_a_command_tells_it_in_a_line_and_fails(ran, content, problem):
    Path("some.yaml").write_bytes(content)
    ended: Ran = ran(ecl_read, "--store", "memory://", "--check", "some.yaml")

    assert ended[:2] == (1, "")
    assert f"ecl-read: error: some.yaml: {problem}" in ended[2].splitlines()


@pytest.mark.parametrize(("name", "problem"), NAMES)
def test_a_name_of_no_file_is_told(ran, name, problem):
    for configure in (
        lambda: CountingHandler(config=name, store="memory://"),
        lambda: EventCountLogger.from_file(name, store="memory://"),
    ):
        with pytest.raises(ConfigError) as caught:
            configure()
        assert str(caught.value) == problem
    assert ran(ecl_read, "-c", name) == (1, "", f"ecl-read: error: {problem}\n")


@pytest.mark.parametrize("name", [pytest.param("", id="19-no-name")])
def test_no_name_is_told_with_what_to_write(name):
    with pytest.raises(ConfigError) as caught:
        CountingHandler(config=name)

    assert str(caught.value) == (
        "config: is empty; write a file's path, or cfg://ecl for the section"
    )


@pytest.mark.parametrize("size", [pytest.param(100_000_000, id="19-a-hundred-megabytes")])
def test_a_huge_file_is_refused_without_being_read(size):
    Path("huge.yaml").touch()
    os.truncate("huge.yaml", size)

    with stopped_after(60), pytest.raises(ConfigError) as caught:
        CountingHandler(config="huge.yaml")
    assert str(caught.value) == "huge.yaml: is longer than 10000000 bytes"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + GOOD.encode(), id="19-byte-order-mark"),
        pytest.param(GOOD.replace("\n", "\r\n").encode(), id="19-carriage-returns"),
        pytest.param(b'{"groups": {"g": {"intervals": ["1m"]}}}', id="19-json"),
        pytest.param(
            b"groups: {g: {intervals: [1m], max_events: 1_000, history: 0x10}}", id="19-underscore"
        ),
    ],
)
def test_what_means_one_thing_only_is_read(ran, content):
    Path("some.yaml").write_bytes(content)

    assert ran(ecl_read, "--check", "some.yaml") == (0, "ok\n", "")


def test_what_several_merges_bring_in_gives_way_to_what_is_written():
    Path("some.yaml").write_text(
        "ecl:\n  groups:\n    a: &a {intervals: [1m], history: 1}\n"
        "    b: &b {intervals: [1m], history: 2}\n    c: {<<: [*a, *b, *a], history: 3}\n"
    )
    ecl = EventCountLogger.from_file("some.yaml", store="memory://")
    groups = [group._counter.config for group in ecl.groups.values()]

    assert [(group.history, group.intervals[0].text) for group in groups] == [
        (1, "1m"),
        (2, "1m"),
        (3, "1m"),
    ]
