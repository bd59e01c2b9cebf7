"""What all commands share: which file, which store, and the status they end with."""

from __future__ import annotations

from collections.abc import Callable
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

import pytest

from ecl_logging import __version__
from ecl_logging.tools.log import main as ecl_log
from ecl_logging.tools.read import main as ecl_read
from ecl_logging.tools.rotate import main as ecl_rotate
from ecl_logging.tools.tail import main as ecl_tail
from ecl_logging.tools.top import main as ecl_top
from tests.saying import Program

ROOT = Path(__file__).parents[2]


def written(name: str, group: str, store: str = "memory://") -> str:
    """A file with one group, by which a test sees that it was read."""
    Path(name).write_text(f"ecl: {{store: '{store}', groups: {{{group}: {{intervals: [1m]}}}}}}")
    return name


def groups_shown(ran: Callable[..., tuple[int, str, str]], *arguments: str) -> list[str]:
    status, out, _ = ran(ecl_read, "--last", *arguments)
    assert status == 0
    return [line.split()[1] for line in out.splitlines() if line.startswith("#")]


# --- which file


def test_a_file_is_named_by_option_or_as_first_argument(ran):
    file = written("some.yaml", "some")

    assert groups_shown(ran, "-c", file) == ["some"]
    assert groups_shown(ran, file) == ["some"]


def test_a_file_is_found_by_the_environment(ran, monkeypatch):
    written("logging.yaml", "here")
    monkeypatch.setenv("ECL_CONFIG", written("elsewhere.yaml", "elsewhere"))

    assert groups_shown(ran) == ["elsewhere"]
    assert groups_shown(ran, "-c", "logging.yaml") == ["here"]


def test_a_file_is_found_in_the_folder(ran):
    written("logging.yaml", "here")

    assert groups_shown(ran) == ["here"]


def test_a_file_in_the_folder_without_our_keys_is_passed_over(ran):
    Path("logging.yaml").write_text("version: 1\n")

    assert groups_shown(ran) == []


@pytest.mark.parametrize("how", ["option", "argument", "environment"])
def test_a_file_that_was_named_must_have_our_keys(ran, monkeypatch, how):
    Path("some.yaml").write_text("version: 1\n")
    if how == "environment":
        monkeypatch.setenv("ECL_CONFIG", "some.yaml")
    arguments = {"option": ["-c", "some.yaml"], "argument": ["some.yaml"], "environment": []}[how]

    assert ran(ecl_read, *arguments) == (
        1,
        "",
        "ecl-read: error: some.yaml: has neither 'ecl' nor 'groups' at its top level\n",
    )


def test_a_file_that_is_missing_is_an_error(ran):
    assert ran(ecl_read, "missing.yaml") == (
        1,
        "",
        "ecl-read: error: missing.yaml: No such file or directory\n",
    )


def test_each_problem_of_a_file_is_a_line(ran):
    Path("some.yaml").write_text("groups: {a: {intervals: [x]}, b: {}}")
    status, out, err = ran(ecl_read, "some.yaml")

    assert (status, out) == (1, "")
    assert [line.split(": ")[:4] for line in err.splitlines()] == [
        ["ecl-read", "error", "some.yaml", "groups.a.intervals[0]"],
        ["ecl-read", "error", "some.yaml", "groups.b.intervals"],
    ]


def test_a_file_can_be_checked(ran):
    assert ran(ecl_read, "--check", written("some.yaml", "some")) == (0, "ok\n", "")


def test_checking_no_file_is_wrong_usage(ran):
    status, out, err = ran(ecl_read, "--check")

    assert (status, out) == (2, "")
    assert err.startswith("ecl-read: error: --check: there is no configuration file")


# --- which store


def shown_store(ran: Callable[..., tuple[int, str, str]], *arguments: str) -> str:
    status, out, err = ran(ecl_read, *arguments)
    assert (status, out) == (0, "")
    return err.removeprefix("ecl-read: nothing counted in ").partition(";")[0]


def test_the_store_is_the_options_else_the_environments_else_the_files(ran, monkeypatch, home):
    embedded = f"sqlite:///{home}/.local/state/ecl_logging/counts.db"
    assert shown_store(ran) == embedded
    Path("logging.yaml").write_text("ecl: {store: 'memory://file'}")
    assert groups_shown(ran) != []
    monkeypatch.setenv("ECL_STORE", "memory://environment")
    Path("logging.yaml").unlink()
    assert shown_store(ran) == "memory://environment"
    assert shown_store(ran, "--store", "memory://option") == "memory://option"


def test_the_environment_goes_before_the_file(ran, commanded):
    written("logging.yaml", "file", store="memory://file")

    assert groups_shown(ran) == ["errors", "file", "requests", "requests"]


def test_an_empty_store_names_itself(ran, home):
    path = home / ".local/state/ecl_logging/counts.db"

    assert ran(ecl_read) == (
        0,
        "",
        f"ecl-read: nothing counted in sqlite:///{path}; choose with --store or ECL_STORE\n",
    )


@pytest.mark.parametrize("main", [ecl_read, ecl_tail, ecl_top])
@pytest.mark.parametrize("arguments", [[], ["x"], ["--store", "sqlite:///a/b.db"]])
def test_reading_creates_no_file(ran, home, main, arguments):
    assert ran(main, *arguments)[0] == 0

    assert list(home.rglob("*")) == list(Path().rglob("*")) == []


@pytest.mark.parametrize(
    ("store", "problem"),
    [
        ("nowhere", "ecl-read: error: store: not a store URL; write one of "),
        ("redis://me:CANARY@cache/x", "ecl-read: error: store: db is a whole number from 0 to "),
    ],
)
def test_a_store_that_means_nothing_is_an_error(ran, store, problem):
    status, out, err = ran(ecl_read, "--store", store)

    assert (status, out) == (1, "")
    assert err.startswith(problem)
    assert "CANARY" not in err


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (ecl_read, []),
        (ecl_rotate, ["--once"]),
        (ecl_log, ["levels", "INFO"]),
        (ecl_tail, []),
        (ecl_tail, ["-f"]),
        (ecl_top, []),
        (ecl_top, ["--watch"]),
    ],
)
def test_a_store_that_cannot_be_reached_is_status_3(ran, main, arguments):
    Path("folder.db").mkdir()
    Path("folder.db", "file").write_text("")
    status, out, err = ran(main, "--store", "sqlite:///folder.db", *arguments)

    assert (status, out) == (3, "")
    assert f"sqlite:///{Path('folder.db').absolute()}: is a folder" in err
    assert err.count("\n") == 1


def test_a_file_that_is_no_store_is_an_error(ran):
    Path("notes.txt").write_text("not a database " * 100)
    status, out, err = ran(ecl_read, "--store", "sqlite:///notes.txt")

    assert (status, out) == (1, "")
    assert err.endswith("notes.txt: is no database, or a damaged one\n")


# --- every command

SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg")
COMMANDS = [
    line.split(" = ")
    for line in SETUP["options.entry_points"]["console_scripts"].strip().splitlines()
]


@pytest.mark.parametrize(("command", "entry"), COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h", "--version"])
def test_every_command_says_what_it_is(ran, command, entry, option):
    module, _, name = entry.partition(":")
    status, out, err = ran(getattr(import_module(module), name), option)

    assert (status, err) == (0, "")
    if option == "--version":
        assert out == f"{command} {__version__}\n"
    else:
        assert out.startswith(f"usage: {command} ")
        assert "--store URL" in out


def test_a_logging_yaml_that_is_none_is_passed_over_with_a_word(capsys):
    Path("logging.yaml").write_text("{% if debug %}\n", "utf-8")

    assert ecl_read([]) == 0

    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("ecl-read: logging.yaml: line 1: ")
    assert first.endswith("; the file is passed over")


def test_a_file_that_was_named_must_be_readable(capsys):
    Path("mine.yaml").write_text("{% if debug %}\n", "utf-8")

    assert ecl_read(["-c", "mine.yaml"]) == 1

    assert capsys.readouterr().err.startswith("ecl-read: error: mine.yaml: line 1: ")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [(ecl_read, []), (ecl_rotate, ["--once"]), (ecl_log, ["two", "x"])],
    ids=["read", "rotate", "log"],
)
def test_two_files_are_wrong_usage(ran, command, arguments):
    one, two = written("one.yaml", "one"), written("two.yaml", "two")
    status, out, err = ran(command, "-c", one, two, *arguments)

    assert (status, out) == (2, "")
    assert "both -c one.yaml and two.yaml name a configuration file" in err


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (ecl_read, ["-c", "f.yaml", "URL"]),
        (ecl_read, ["a.yaml", "URL"]),
        (ecl_read, ["-g", "URL"]),
        (ecl_rotate, ["a.yaml", "b.yaml", "URL"]),
        (ecl_log, ["URL", "e"]),
        (ecl_log, ["levels", "URL", "x"]),
        (ecl_log, ["levels", "e", "URL"]),
        (ecl_tail, ["URL", "URL"]),
        (ecl_tail, ["--level", "URL"]),
        (ecl_top, ["-n", "URL"]),
    ],
)
def test_a_url_in_the_wrong_place_is_told_without_its_password(ran, main, arguments):
    url = "redis://me:CANARY@cache:6379/0"
    status, out, err = ran(main, *(url if word == "URL" else word for word in arguments))

    assert status in {1, 2}
    assert "CANARY" not in out + err
    assert err != ""


@pytest.mark.parametrize("main", [ecl_tail, ecl_top])
def test_a_url_in_place_of_a_logger_is_told_without_its_password(ran, commanded, main):
    Program(commanded.store).say("a", "info", "hello", at=commanded.clock.now)
    err = ran(main, "redis://me:CANARY@cache:6379/0")[2]

    assert "no logger that matches" in err
    assert "CANARY" not in err


@pytest.mark.parametrize("main", [ecl_tail, ecl_top])
def test_the_store_of_messages_is_that_of_counts(ran, monkeypatch, main):
    Path("here.yaml").write_text("ecl: {store: 'memory://file'}")

    assert "nothing said in memory://file;" in ran(main, "-c", "here.yaml")[2]
    monkeypatch.setenv("ECL_STORE", "memory://environment")
    assert "nothing said in memory://environment;" in ran(main, "-c", "here.yaml")[2]
    assert "nothing said in memory://option;" in ran(main, "--store", "memory://option")[2]
