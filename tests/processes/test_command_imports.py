"""A command imports what its run needs: most of the time of a short one is that of its imports."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from ecl_logging.stores import open_store
from tests.faults.programs import Programs, assert_silent
from tests.processes.imports import imported_by
from tests.redis_servers import RedisServer
from tests.stores.programs import REQUESTS

COMMANDS = {
    "read": ["-g", "requests", "-i", "5m", "--current"],
    "rotate": ["--once"],
    "log": ["requests", "req1"],
    "munin": ["--as", "ecl_requests_5m"],
}

# What neither a store nor a format of the commands below asks for.
NEVER = {"ecl_logging.handlers", "multiprocessing", "rich", "structlog", "yaml"}
OF_REDIS = {"asyncio", "csv", "email", "hashlib", "redis", "socket", "ssl", "urllib.parse"}
OF_CONFIGURATION = {"ecl_logging.config", "ecl_logging.validation", "ecl_logging.rules"}
OF_CLIENTS = {
    "redis.asyncio",
    "redis.client",
    "redis.cluster",
    "redis.commands",
    "redis.commands.core",
    "redis.lock",
    "redis.sentinel",
}


# They share what they import; of that one is enough where Python or redis-py differs.
EACH_COMMAND = [
    pytest.param(command, marks=[] if command == "read" else pytest.mark.once)
    for command in COMMANDS
]


def modules_of(command: str, store: str, folder: Path) -> set[str]:
    opened = open_store(store)
    opened.define(REQUESTS)
    opened.close()
    script = f"from ecl_logging.tools.{command} import main; raise SystemExit(main())"
    return set(imported_by("-c", script, *COMMANDS[command], folder=folder, store=store).importer)


@pytest.mark.parametrize("command", EACH_COMMAND)
def test_on_sqlite_a_command_loads_nothing_of_redis(tmp_path: Path, command: str) -> None:
    loaded = modules_of(command, f"sqlite:///{tmp_path}/counts.db", tmp_path)

    assert "ecl_logging.stores.sqlite.store" in loaded
    assert loaded & (NEVER | OF_REDIS | OF_CONFIGURATION) == set()


@pytest.mark.parametrize("command", EACH_COMMAND)
def test_on_redis_a_command_loads_no_client_of_redis_py(
    tmp_path: Path, redis_server: RedisServer, command: str
) -> None:
    loaded = modules_of(command, redis_server.url, tmp_path)

    assert "redis.connection" in loaded
    assert loaded & (NEVER | OF_CLIENTS | OF_CONFIGURATION | {"sqlite3"}) == set()


# --- redis-py's package, whose own part is left for later


LEANLY = """
import sys
from ecl_logging.tools.lean_redis import import_redis_leanly

import_redis_leanly()
"""


def test_what_is_asked_of_the_package_later_is_there(programs: Programs) -> None:
    ended = programs.run(
        LEANLY
        + textwrap.dedent("""
        import redis.connection

        print("redis.client" in sys.modules)
        from redis import Redis, asyncio
        print(redis.connection.Connection is redis.Connection, Redis is sys.modules["redis.client"].Redis)
        print([name for name in redis.__all__ if not hasattr(redis, name)], hasattr(redis, "no such"))
        print(redis.__spec__.loader is redis.__loader__, type(redis.__loader__).__name__)
        """)
    )

    assert_silent(ended)
    assert ended.out == "False\nTrue True\n[] False\nTrue SourceFileLoader\n"


# Versions of the package that a connection cannot be had of without the package's own part.
OTHERWISE_BUILT = {
    "its own part comes first": (
        "import redis.first\nfrom redis.connection import Connection",
        "import sys\nif 'redis.first' not in sys.modules: raise RuntimeError\nclass Connection: pass",
    ),
    "it wants a name of its own part": (
        "VERSION = 9\nfrom redis.connection import Connection",
        "from redis import VERSION\nclass Connection: pass",
    ),
    "there is no such module": ("class Connection: pass", None),
}


@pytest.mark.once
@pytest.mark.parametrize("kind", OTHERWISE_BUILT)
def test_a_package_that_is_built_otherwise_is_imported_as_usual(
    programs: Programs, tmp_path: Path, kind: str
) -> None:
    whole, connection = OTHERWISE_BUILT[kind]
    package = tmp_path / "others" / "redis"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(whole)
    (package / "first.py").write_text("")
    if connection is not None:
        (package / "connection.py").write_text(connection)

    ended = programs.run(
        f"import sys\nsys.path.insert(0, {str(package.parent)!r})\n"
        + LEANLY
        + "import redis\nprint(redis.Connection.__name__, redis.__file__)\n"
        + "print([one for one in sys.meta_path if type(one).__module__.startswith('ecl')])"
    )

    assert_silent(ended)
    assert ended.out == f"Connection {package}/__init__.py\n[]\n"


@pytest.mark.once
def test_without_redis_py_the_usual_error_is_raised(programs: Programs) -> None:
    ended = programs.run(
        LEANLY
        + textwrap.dedent("""
        sys.path[:] = [place for place in sys.path if "site-packages" not in place]
        for finder in [one for one in sys.meta_path if "editable" in str(one)]:
            sys.meta_path.remove(finder)
        try:
            import redis
        except ModuleNotFoundError as error:
            print(error, error.name)
        """)
    )

    assert_silent(ended)
    assert ended.out == "No module named 'redis' redis\n"


@pytest.mark.parametrize(
    "use",
    [
        "import ecl_logging.tools.read as tool; tool.main(['--json'])",
        "import ecl_logging; ecl_logging.open_store(sys.argv[1]).groups()",
        "import ecl_logging.handlers as ours; ours.CountingHandler()",
    ],
)
def test_in_a_program_of_others_redis_py_is_imported_whole(
    tmp_path: Path, redis_server: RedisServer, use: str
) -> None:
    """What a program finds in redis-py does not depend on whether it also counts."""
    url = redis_server.url
    loaded = imported_by("-c", f"import sys; {use}", url, folder=tmp_path, store=url)

    assert loaded.importer.keys() >= {"redis", "redis.client", "redis.asyncio", "redis.cluster"}
