"""What a million records from four processes cost the server, in commands."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.faults.programs import Programs, assert_silent
from tests.redis_servers import RedisServer

# Commands that a script calls are counted by the server like those of clients.
pytestmark = [pytest.mark.once, pytest.mark.alone]  # four processes at full speed

PROCESSES, RECORDS = 4, 250_000

PROGRAM = f"""
import logging
from ecl_logging.handlers import CountingHandler
from ecl_logging.sender import Sender

flushes, sending = 0, Sender._send_all

def noted(sender, deadline):
    global flushes
    flushes += 1
    sending(sender, deadline)

Sender._send_all = noted
groups = {{
    name: {{"events": [f"{{name}}{{n}}" for n in range(50)], "intervals": ["1h", "1d"]}}
    for name in ("requests", "errors")
}}
handler = CountingHandler(groups=groups, sync_interval=0.1)
log = logging.getLogger("app")
log.propagate = False
log.setLevel("INFO")
log.addHandler(handler)
extras = [{{"event": event}} for group in groups.values() for event in group["events"]]
for n in range({RECORDS}):
    log.info("done", extra=extras[n % 100])
assert handler.ecl.flush()
telemetry = handler.ecl.telemetry()
assert telemetry["applied"] == telemetry["counted"] == {RECORDS}
print(flushes)
"""

# Of these, only one in a process and group is a client's; scripts call them for each batch.
CALLED_BY_SCRIPTS = {
    *("hget", "hset", "hmget", "hgetall", "hincrby", "hlen", "hscan", "hdel", "hkeys"),
    *("smembers", "smismember", "sismember", "scard", "sadd", "srem"),
    *("get", "set", "mset", "incrby", "del", "pexpire", "time"),
}
CONNECTING = {"hello", "auth", "select", "client", "ping"}

# Until a group's first batch: what it is, twice, `@groups`, its definition, the batch, and the text
# of each of three scripts where the server has not heard it; INFO, once for a process.
FIRST_FLUSH = 2 + 1 + 1 + 1 + 3 + 1


def commands(server: RedisServer) -> dict[str, int]:
    """How often clients have sent each command, but for what connecting takes."""
    sent: dict[str, int] = {}
    with contextlib.closing(server.client()) as client:
        for name, numbers in client.info("commandstats").items():
            command = name.removeprefix("cmdstat_").partition("|")[0]
            if command not in CALLED_BY_SCRIPTS | CONNECTING | {"config", "flushall"}:
                sent[command] = sent.get(command, 0) + numbers["calls"]
    return sent


@pytest.fixture
def programs(tmp_path: Path, empty_server: RedisServer) -> Programs:
    return Programs(tmp_path, empty_server)


def test_a_million_records_take_at_most_two_commands_for_each_flush_and_group(
    programs: Programs, empty_server: RedisServer
) -> None:
    started = [programs.start(PROGRAM) for _ in range(PROCESSES)]
    ended = [program.end(120) for program in started]
    for program in ended:
        assert_silent(program)
    flushes = sum(int(program.out) for program in ended)
    sent = commands(empty_server)
    print(f"{flushes} flushes of a group: {sent}")

    first = PROCESSES * 2
    assert set(sent) <= {"evalsha", "eval", "info"}
    # SADD is the one command of a client that scripts call, too: one in a process and group.
    assert sum(sent.values()) + first <= 2 * (flushes - first) + FIRST_FLUSH * first
    assert flushes >= 2 * first
    with contextlib.closing(empty_server.client()) as client:
        buckets = [client.hgetall(key) for key in client.keys("*:1d:[0-9]*")]
    assert sum(int(n) for bucket in buckets for n in bucket.values()) == PROCESSES * RECORDS
