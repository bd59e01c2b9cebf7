"""What may be wrong with a Redis server for a while: it refuses what it is asked, or does not answer."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import redis

from tests.canary import CANARY
from tests.redis_servers import RedisServer, free_port
from tests.waiting import wait_until

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "redis.md"


# --- who may do what


def documented_rights(name: str) -> str:
    """The commands that docs/redis.md gives a user."""
    text = _PAGE.read_text("utf-8")
    match = re.search(rf"^ACL SETUSER {name} +on >password ~\* (.+)$", text, re.MULTILINE)
    assert match is not None
    return match[1]


def set_user(client: redis.Redis, name: str, rules: str) -> None:
    """Have a user of these rights, and no others."""
    client.execute_command("ACL", "SETUSER", name, "reset", "on", f">{CANARY}", *rules.split())


def url_of(server: RedisServer, name: str) -> str:
    return server.url.replace("//:", f"//{name}:")


# --- it refuses


@contextlib.contextmanager
def full(server: RedisServer, *, room: int | None = None) -> Iterator[None]:
    """Its memory is full: at once, or when `room` more bytes are taken."""
    with contextlib.closing(server.client()) as client:
        limit = 1 if room is None else client.info("memory")["used_memory"] + room
        client.config_set("maxmemory", limit)
        yield
        client.config_set("maxmemory", 0)


@contextlib.contextmanager
def without_replicas(server: RedisServer) -> Iterator[None]:
    """It must have replicas to write, and has none."""
    with contextlib.closing(server.client()) as client:
        client.config_set("min-replicas-to-write", 1)
        yield
        client.config_set("min-replicas-to-write", 0)


@contextlib.contextmanager
def unable_to_save(server: RedisServer) -> Iterator[None]:
    """It has failed to write its dump, and takes nothing before that has succeeded."""
    with contextlib.closing(server.client()) as client:
        in_the_way = Path(client.config_get("dir")["dir"]) / "dump.rdb"
        in_the_way.mkdir()
        client.config_set("save", "3600 1")
        _save(client, "err")
        yield
        in_the_way.rmdir()
        _save(client, "ok")
        client.config_set("save", "")


def _save(client: redis.Redis, outcome: str) -> None:
    client.bgsave()
    wait_until(lambda: not client.info("persistence")["rdb_bgsave_in_progress"])
    assert client.info("persistence")["rdb_last_bgsave_status"] == outcome


@contextlib.contextmanager
def demoted(server: RedisServer) -> Iterator[None]:
    """It is the replica of a server that is away."""
    with contextlib.closing(server.client()) as client:
        client.replicaof("127.0.0.1", free_port())
        yield
        client.replicaof("NO", "ONE")


@contextlib.contextmanager
def busy(server: RedisServer) -> Iterator[None]:
    """It runs a script of somebody else's that does not end."""
    endless = threading.Thread(target=_run_endless_script, args=(server,))
    with contextlib.closing(server.client()) as client:
        client.config_set("busy-reply-threshold", 1)
        endless.start()
        try:
            wait_until(lambda: _says_busy(client))
            yield
        finally:
            client.script_kill()
            endless.join()


def _run_endless_script(server: RedisServer) -> None:
    with contextlib.closing(server.client()) as client, contextlib.suppress(redis.ResponseError):
        client.eval("while true do end", 0)


def _says_busy(client: redis.Redis) -> bool:
    try:
        client.ping()
    except redis.ResponseError:
        return True
    return False


@contextlib.contextmanager
def user_with(server: RedisServer, name: str, during: str, afterwards: str) -> Iterator[None]:
    """A user has other rights."""
    with contextlib.closing(server.client()) as client:
        set_user(client, name, during)
        yield
        set_user(client, name, afterwards)


@contextlib.contextmanager
def user_gone(server: RedisServer, name: str, afterwards: str) -> Iterator[None]:
    """A user is no more, as if the password were wrong; the server closes the connections."""
    with contextlib.closing(server.client()) as client:
        client.acl_deluser(name)
        yield
        set_user(client, name, afterwards)


# --- it does not answer


@contextlib.contextmanager
def stopped(server: RedisServer) -> Iterator[None]:
    """The system gives it no processor; it hears of nothing."""
    server.pause()
    try:
        yield
    finally:
        server.go_on()


@contextlib.contextmanager
def asleep(server: RedisServer, seconds: float = 1.0) -> Iterator[None]:
    """It sleeps, so many seconds and at least as long as the block; needs `--enable-debug-command`."""
    with contextlib.closing(server.client()) as client:
        sleeping = threading.Thread(target=_sleep, args=(client, seconds))
        sleeping.start()
        wait_until(lambda: _does_not_answer(server))
        yield
        sleeping.join()


def _sleep(client: redis.Redis, seconds: float) -> None:
    with contextlib.suppress(redis.ConnectionError):  # a test may have it closed
        client.execute_command("DEBUG", "SLEEP", str(seconds))


def _does_not_answer(server: RedisServer) -> bool:
    url = f"{server.url}?socket_timeout=0.05"
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        try:
            client.ping()
        except redis.TimeoutError:
            return True
    return False
