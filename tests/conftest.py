"""Fixtures for all tests: nobody's home, environment or logging is touched."""

from __future__ import annotations

import contextlib
import gc
import logging
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import redis

from ecl_logging import stats
from tests import canary, postgres_servers
from tests.canary import assert_no_canary
from tests.faults.programs import Programs
from tests.postgres_servers import PostgresServer
from tests.redis_servers import RedisServer, free_port, running
from tests.waiting import wait_until

__all__ = ["Clock", "wait_until"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs the tests in the background has it ignored, and all that they start
    # would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Of examples a time limit says what else the machine does. (It is imported here also because pytest
# loads it at its end, if nothing has, where it would miss what collections pass over, and warn.)
hypothesis.settings.register_profile("beside others", deadline=None)
hypothesis.settings.load_profile("beside others")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(canary)
    gc.disable()  # what is imported and collected stays; see `pytest_collection_finish`


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, help="of what tests draw at random; each prints its own")
    parser.addoption(
        "--depth", type=int, default=1, help="so many times more, of what is tried at random"
    )


def pytest_report_header() -> str:
    return f"redis-py {redis.__version__}"


def pytest_collection_finish() -> None:
    """Have garbage collections pass over the tests themselves, which are many and stay."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """What a test draws at random; `--seed` draws the same again."""
    seed = request.config.getoption("--seed")
    if seed is None:
        seed = random.SystemRandom().randrange(2**32)
    print(f"seed: {seed}")  # shown where the test fails
    return random.Random(seed)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests have their homes. A numbered folder for each is looked for among all others."""
    return tmp_path_factory.mktemp("folders")


@pytest.fixture(autouse=True)
def home(folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, which the embedded store finds; the working folder is empty."""
    home = Path(tempfile.mkdtemp(prefix="home-", dir=folders))
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_STATE_HOME", "ECL_STORE", "ECL_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tempfile.mkdtemp(prefix="work-", dir=folders))
    return home


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Handlers and levels that a test sets are gone after it, and no logger is silenced."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for logger in root.manager.loggerDict.values():
        logger.disabled = False
    for handler in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.fixture
def warnings_told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the library warned of during the test."""
    told: list[str] = []
    for module in ("outage", "notices"):
        monkeypatch.setattr(f"ecl_logging.{module}.warn", told.append)
    yield told
    assert_no_canary("a warning", *told)


@pytest.fixture
def empty_tree() -> Iterator[None]:
    """Nothing of other tests is in the statistics tree, and nothing stays in it."""
    stats.reset()
    yield
    stats.reset()


@pytest.fixture
def amid_a_minute() -> None:
    """For tests that count by the real clock and read the current minute: it lasts a while."""
    while time.time() % 60 > 54:
        time.sleep(0.1)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server for all tests that change nothing about it; see `empty_server`."""
    with running(tmp_path_factory.mktemp("redis"), port=free_port()) as server:
        yield server


@pytest.fixture
def empty_server(redis_server: RedisServer) -> RedisServer:
    """The server of all tests, with nothing in it."""
    with contextlib.closing(redis_server.client()) as client:
        client.flushall()
        client.config_resetstat()
    return redis_server


@pytest.fixture
def server_options() -> tuple[str, ...]:
    """Of `own_server`, as on its command line; with none it keeps nothing on disk."""
    return ()


@pytest.fixture
def own_server(tmp_path: Path, server_options: tuple[str, ...]) -> Iterator[RedisServer]:
    """A server of the test's own, for what would disturb others."""
    with running(tmp_path, *server_options, port=free_port()) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL for all tests; see `empty_postgres`."""
    with postgres_servers.running() as server:
        yield server


@pytest.fixture
def empty_postgres(postgres_server: PostgresServer) -> PostgresServer:
    """The PostgreSQL of all tests, with no tables in it."""
    with postgres_server.connect() as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return postgres_server


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Starts programs; those that still run at the end of the test are killed."""
    yield from _started(Programs(tmp_path))


@pytest.fixture(params=["sqlite", "redis"])
def programs_anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Programs]:
    """Does so for every store that processes share, in turn."""
    in_redis = request.param == "redis"
    server = request.getfixturevalue("empty_server") if in_redis else None
    yield from _started(Programs(tmp_path, server))


def _started(programs: Programs) -> Iterator[Programs]:
    yield programs
    programs.kill_all()
    assert_no_canary("what a program printed", *programs.printed())


class Clock:
    """A clock that a test sets: call it for the Unix time.

    `on_change` is called with the seconds of each step, for what else passes with the time.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self.on_change: Callable[[float], None] = lambda seconds: None

    @property
    def now(self) -> float:
        return self._now

    @now.setter
    def now(self, now: float) -> None:
        step, self._now = now - self._now, now
        self.on_change(step)

    def __call__(self) -> float:
        return self._now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until the test moves it."""
    return Clock()


@pytest.fixture
def machine_time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that never steps, by which a sender sees how old something is; moved by the test."""
    machine_time = Clock(1000.0)
    monkeypatch.setattr("ecl_logging.numbered.elapsed", machine_time)
    monkeypatch.setattr("ecl_logging.sender.elapsed", machine_time)
    return machine_time
