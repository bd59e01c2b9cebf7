"""A file that cannot be written for a while: what is counted meanwhile is kept, and nothing else.

Whole programs, in both of the journal modes that the library chooses.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faults.programs import Programs
from tests.namespaces import with_mount

# What happens to the file, and how that is mended.
TROUBLES = {
    "too large": """
def trouble():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16384, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
""",
    "locked": """
def trouble():
    with contextlib.closing(sqlite3.connect(FILE, isolation_level=None)) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
        yield
        somebody.execute("ROLLBACK")
""",
    "a folder": """
def trouble():
    move(FILE.parent, ASIDE)
    FILE.mkdir()
    yield
    FILE.rmdir()
    move(ASIDE, FILE.parent)
""",
    "no database": """
def trouble():
    move(FILE.parent, ASIDE)
    FILE.write_text("no database\\n" * 1000)
    yield
    FILE.unlink()
    move(ASIDE, FILE.parent)
""",
    "in no folder": """
def trouble():
    ASIDE.rmdir()
    FILE.parent.rename(ASIDE)
    yield
    ASIDE.rename(FILE.parent)
""",
    "on a full disk": """
def trouble():
    filler = FILE.with_name("filler")
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)
    yield
    filler.unlink()
""",
    "on a disk that can only be read": """
def trouble():
    ecl._flusher.store.close()  # else the system does not let us
    subprocess.run(["mount", "-o", "remount,ro", FILE.parent], check=True)
    yield
    subprocess.run(["mount", "-o", "remount,rw", FILE.parent], check=True)
""",
}

TOLD = {
    "too large": "disk I/O error",
    "locked": "is locked by another process",
    "a folder": "is a folder",
    "no database": "is no database, or a damaged one",
    "in no folder": "there is no folder {folder}",
    "on a full disk": "database or disk is full",
    "on a disk that can only be read": "{folder}",
}

START = """
import contextlib, json, os, resource, shutil, sqlite3, subprocess
from pathlib import Path
from tests.faults.counted import *
from tests.faults.journal_modes import use_journal_mode

FILE = Path(os.environ["ECL_STORE"].removeprefix("sqlite:///"))
ASIDE = FILE.parent.with_name("aside")
ASIDE.mkdir()
use_journal_mode(os.environ["MODE"])
configure(sync_interval=60)
ecl = event_count_logger()

def move(folder, other):  # the file and its log, which belong together
    for file in folder.glob("counts.db*"):
        file.rename(other / file.name)

def account():
    telemetry = ecl.telemetry()
    names = ("counted", "applied", "pending", "dropped", "last_error")
    print(json.dumps({name: telemetry[name] for name in names}))
"""

COUNT = """
log_records(100)
assert ecl.flush(5)
with contextlib.contextmanager(trouble)():
    log_records(100)
    for _ in range(3):
        ecl.flush(1)  # which is long, unless the machine stands still
        account()
assert ecl.flush(10)
account()
ecl.close()
shutil.copy(FILE, os.environ["COPY"])
"""

# The mistake that is not made: what could not be sent is forgotten.
FORGETTING = """
from ecl_logging.sender import Sender

def flush(self, timeout=None):
    flushed = real_flush(self, timeout)
    if not flushed:
        self._pending.drop_under_way("unknown")
        self.give_up()
    return flushed

real_flush, Sender.flush = Sender.flush, flush
"""


@pytest.fixture
def place(programs: Programs) -> Path:
    """The folder of the file, which a disk of its own may be mounted on."""
    place = programs.folder / "place"
    place.mkdir()
    return place


def through(kind: str, place: Path) -> list[str]:
    if "disk" not in kind:
        return []
    return with_mount('mount -t tmpfs -o size=512k tmpfs "$0"', place)


def run(programs: Programs, place: Path, source: str, *, kind: str, mode: str) -> str:
    """Run a program beside the trouble; return what it says on stderr."""
    programs.through = through(kind, place)
    ended = programs.run(
        START + TROUBLES[kind] + source,
        ECL_STORE=f"sqlite:///{place}/counts.db",
        MODE=mode,
        COPY=str(programs.store),
    )
    assert ended.status == 0, ended.err
    for line in ended.out.splitlines():
        account = json.loads(line)
        kept = account["applied"] + account["pending"] + sum(account["dropped"].values())
        assert account["counted"] == kept
    return ended.err + ended.out


@pytest.mark.fault("E6")
@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("kind", TROUBLES)
def test_what_is_counted_while_the_file_is_in_trouble_is_kept(
    programs: Programs, place: Path, kind: str, mode: str
) -> None:
    said = run(programs, place, COUNT, kind=kind, mode=mode)

    programs.assert_counted(200)
    *warnings, first, second, third, last = said.splitlines()
    for line in (first, second, third):
        account = json.loads(line)
        assert (account["applied"], account["pending"]) == (100, 100)
        assert not any(account["dropped"].values())
    account = json.loads(last)
    assert (account["applied"], account["pending"]) == (200, 0)
    assert not any(account["dropped"].values())
    gone, back = (line for line in warnings if "sync_interval" not in line)
    assert gone.startswith(f"ecl_logging: sqlite:///{place}/counts.db: ")
    assert TOLD[kind].format(folder=place) in gone
    assert gone.endswith("; counting in memory; choose another store with ECL_STORE")
    assert back.startswith("ecl_logging: the store is back after ")


@pytest.mark.fault("E6", control=True)
@pytest.mark.parametrize("kind", ["too large", "locked"])
def test_a_program_that_did_not_keep_it_would_lose_it(
    programs: Programs, place: Path, kind: str
) -> None:
    run(programs, place, FORGETTING + COUNT, kind=kind, mode="delete")

    with pytest.raises(AssertionError):
        programs.assert_counted(200)


DELETED = """
log_records(100)
assert ecl.flush(5)
FILE.unlink()
for kind in (0, 1):
    log_records(50)
    assert ecl.flush(5)
account()
ecl.close()
shutil.copy(FILE, os.environ["COPY"])
"""


@pytest.mark.fault("E6")
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_what_a_file_that_was_deleted_had_is_told_exactly_and_the_rest_is_counted(
    programs: Programs, place: Path, mode: str
) -> None:
    said = run(programs, place, DELETED, kind="locked", mode=mode)
    account = json.loads(said.splitlines()[-1])

    assert (account["applied"], account["pending"]) == (100, 0)
    assert {reason: n for reason, n in account["dropped"].items() if n} == {"server_forgot": 100}
    assert "the store has lost 100 counts that it had confirmed" in said
    stored, expected = programs.stored(), programs.expected()
    assert sum(stored_in_minutes(stored).values()) == 100
    assert all(
        n <= expected[key][event_id] for key in stored for event_id, n in stored[key].items()
    )


def stored_in_minutes(stored: dict[tuple[str, int], dict[str, int]]) -> dict[int, int]:
    return {start: sum(cells.values()) for (text, start), cells in stored.items() if text == "1m"}


NOT_LOOKING = """
from ecl_logging.stores.sqlite import connection as connections
connections._identity = lambda path: (1, 1)
"""


@pytest.mark.fault("E6", control=True)
def test_a_program_that_did_not_look_would_count_in_a_file_that_is_gone(
    programs: Programs, place: Path
) -> None:
    """All is confirmed, and nothing is there."""
    source = NOT_LOOKING + DELETED.replace("shutil.copy(FILE", "assert not FILE.exists(); print(")
    ended = programs.run(
        START + source.replace('print(, os.environ["COPY"])', "pass"),
        ECL_STORE=f"sqlite:///{place}/counts.db",
        MODE="wal",
    )

    assert ended.status == 0, ended.err
    assert json.loads(ended.out)["applied"] == 200
