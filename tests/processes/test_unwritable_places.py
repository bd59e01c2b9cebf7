"""Where the embedded store cannot be written: logging works, and one warning says what is."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.programs import ROOT
from tests.namespaces import with_mount

NOBODY, NAMELESS = 65534, 54321  # the second has no entry in the list of users
IS_ROOT = os.geteuid() == 0

CONFIGURE = """
logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"counts": {"class": "ecl_logging.handlers.CountingHandler"}},
    "root": {"level": "INFO", "handlers": ["counts"]},
})
"""
LOG = CONFIGURE + "for _ in range(5): logging.info('hello', extra={'event': 'greeting'})\n"
# Long enough to find out in the background what is wrong, and to say it there.
LOG_FOR_LONG = """
import time
ecl = logging.getLogger().handlers[0].ecl
deadline = time.monotonic() + 10
while not ecl._flusher.outage.is_announced and time.monotonic() < deadline:
    time.sleep(0.01)
logging.info("still here")
assert ecl.telemetry()["pending"] == 17 and not ecl.health()["ok"]
"""
READ = "sys.exit(ecl_logging.tools.read.main([]))"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that every user can reach, and nobody but us can write to."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o111)
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(0o555)
    yield place
    for path in (place, *place.rglob("*")):
        path.chmod(0o755)


def run(
    code: str, *, home: Path | str | None, uid: int = NOBODY, through: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    if home is not None:
        environment["HOME"] = str(home)
    script = Path(__file__).with_name("unprivileged.py")
    return subprocess.run(
        [*through, sys.executable, "-W", "error", str(script), str(uid), code],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def assert_one_warning(ended: subprocess.CompletedProcess[str]) -> str:
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.startswith("ecl_logging: ")
    assert "ECL_STORE" in line
    return line


def one_error(ended: subprocess.CompletedProcess[str]) -> str:
    assert (ended.returncode, ended.stdout) == (3, ""), ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.startswith("ecl-read: error: ")
    return line


def owner(path: Path) -> str:
    return pwd.getpwuid(path.stat().st_uid).pw_name


short_and_long = pytest.mark.parametrize("code", [LOG, LOG + LOG_FOR_LONG], ids=["short", "long"])
only_for_root = pytest.mark.skipif(not IS_ROOT, reason="only root can run as another user")


@only_for_root
@short_and_long
@pytest.mark.parametrize("uid", [NOBODY, NAMELESS], ids=["nobody", "nameless"])
def test_without_a_home_one_warning_is_given(code: str, uid: int) -> None:
    assert_one_warning(run(code, home=None, uid=uid))


@only_for_root
def test_without_a_home_ecl_read_says_so() -> None:
    assert "no home" in one_error(run(READ, home=None, uid=NAMELESS))


@short_and_long
def test_with_a_home_that_does_not_exist_one_warning_is_given(place: Path, code: str) -> None:
    warning = assert_one_warning(run(code, home=place / "nonexistent"))

    assert f"{place} (owner {owner(place)}, mode 0555)" in warning


@short_and_long
def test_with_a_home_of_another_user_one_warning_is_given(place: Path, code: str) -> None:
    warning = assert_one_warning(run(code, home=place))

    assert f"{place}/.local/state/ecl_logging/counts.db" in warning
    assert f"owner {owner(place)}" in warning


@pytest.fixture
def foreign_file(place: Path) -> Path:
    """A store in the embedded place that another user wrote and keeps to itself."""
    place.chmod(0o755)
    folder = place / ".local" / "state" / "ecl_logging"
    folder.mkdir(parents=True)
    file = folder / "counts.db"
    code = f"import os; os.environ['ECL_STORE'] = 'sqlite:///{file}'\n{LOG}"
    ended = run(code, home=place, uid=os.geteuid())
    assert (ended.returncode, ended.stderr) == (0, "")
    # Without root there is one user only, who can still be kept from its own file.
    file.chmod(0o600 if IS_ROOT else 0)
    return file


@short_and_long
def test_with_a_store_that_another_user_wrote_one_warning_is_given(
    place: Path, foreign_file: Path, code: str
) -> None:
    warning = assert_one_warning(run(code, home=place))

    assert str(foreign_file) in warning
    assert f"belongs to {owner(foreign_file)}" in warning


def test_ecl_read_names_the_file_that_another_user_wrote_and_its_owner(
    place: Path, foreign_file: Path
) -> None:
    error = one_error(run(READ, home=place))

    assert str(foreign_file) in error
    assert f"belongs to {owner(foreign_file)}" in error
    assert "ECL_STORE" in error


def test_a_store_that_another_user_wrote_is_left_as_it_is(place: Path, foreign_file: Path) -> None:
    foreign_file.chmod(0o600)
    before = foreign_file.read_bytes()
    foreign_file.chmod(0o600 if IS_ROOT else 0)

    run(LOG, home=place)

    foreign_file.chmod(0o600)
    assert foreign_file.read_bytes() == before
    assert os.listdir(foreign_file.parent) == ["counts.db"]


@pytest.fixture
def read_only_mount(place: Path) -> list[str]:
    """Leads into a namespace in which `place` is mounted read-only, for root too."""
    place.chmod(0o755)
    return with_mount('mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"', place)


@short_and_long
@pytest.mark.parametrize("uid", [0, NOBODY], ids=["root", "nobody"])
def test_on_a_read_only_file_system_one_warning_is_given(
    place: Path, read_only_mount: list[str], code: str, uid: int
) -> None:
    assert_one_warning(run(code, home=place, uid=uid, through=read_only_mount))


@short_and_long
def test_with_a_store_on_a_read_only_file_system_one_warning_is_given(
    place: Path, foreign_file: Path, read_only_mount: list[str], code: str
) -> None:
    foreign_file.chmod(0o600)

    warning = assert_one_warning(run(code, home=place, uid=0, through=read_only_mount))

    assert str(foreign_file) in warning


def test_ecl_read_reads_a_store_on_a_read_only_file_system(
    place: Path, foreign_file: Path, read_only_mount: list[str]
) -> None:
    foreign_file.chmod(0o600)

    read = run(READ, home=place, uid=0, through=read_only_mount)

    assert (read.returncode, read.stderr) == (0, "")
    assert "greeting:5" in read.stdout
