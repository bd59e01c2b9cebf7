"""A burst of errors from several processes: exact, with few commands, and cheap for who logs."""

from __future__ import annotations

import contextlib
import json
from collections import Counter

import pytest

from ecl_logging.records import RecordLog
from tests.faults.programs import Programs
from tests.redis_servers import RedisServer

PROCESSES, RECORDS, KINDS = 4, 25_000, 50

# What each has logged it prints: how often each kind in each second.
PROGRAM = f"""
import json, logging
from collections import Counter
from ecl_logging.handlers import DedupHandler

logger = logging.getLogger("burst")
logger.addHandler(DedupHandler())
logged = Counter()

class Noting(logging.Handler):
    def emit(self, record):
        logged[f"{{record.msg}} {{int(record.created)}}"] += 1

logger.addHandler(Noting())
for n in range({RECORDS}):
    logger.error(f"kind {{n % {KINDS}}} failed for %s", n)
logging.shutdown()
print(json.dumps(logged))
"""


# What clients send; all else the server counts, too, but our scripts call it.
SENT = {"auth", "client", "eval", "evalsha", "hello", "info", "ping", "select"}


def commands_of(server: RedisServer) -> int:
    with contextlib.closing(server.client()) as client:
        stats = client.info("commandstats")
    names = {name: name.removeprefix("cmdstat_").partition("|")[0] for name in stats}
    return sum(one["calls"] for name, one in stats.items() if names[name] in SENT)


@pytest.mark.once
def test_a_burst_of_four_processes_is_exact_and_takes_few_commands(
    programs: Programs, empty_server: RedisServer
) -> None:
    programs.url = empty_server.url
    before = commands_of(empty_server)
    started = [programs.start(PROGRAM) for _ in range(PROCESSES)]
    logged: Counter[str] = Counter()
    for one in started:
        ended = one.end(seconds=120)
        assert (ended.status, ended.err) == (0, "")
        logged.update(json.loads(ended.out))
    commands = commands_of(empty_server) - before
    assert sum(logged.values()) == PROCESSES * RECORDS

    stored: Counter[str] = Counter()
    entries = 0
    with RecordLog(empty_server.url) as log:
        for event in log:
            entries += 1
            stored[f"{event['msg']} {int(event['time'])}"] += event["repeats"]
    assert stored == logged
    assert entries == len(logged)  # each kind and second once
    assert len({key.rpartition(" ")[0] for key in stored}) == KINDS
    print(f"{commands} commands for {PROCESSES * RECORDS} records")
    assert commands <= PROCESSES * RECORDS / 100


COSTS = """
import json, logging, statistics, time
from ecl_logging.handlers import CountingHandler, DedupHandler

def logger_with(handler):
    logger = logging.Logger(type(handler).__name__)
    logger.addHandler(handler)
    return logger

def seconds_of(logger):
    began = time.perf_counter()
    for n in range(5000):
        logger.error("failed for %s", n)
    return time.perf_counter() - began

loggers = [logger_with(made) for made in (
    logging.NullHandler(), CountingHandler(store="memory://"), DedupHandler(store="memory://")
)]
rounds = [[seconds_of(logger) for logger in loggers] for _ in range(40)]
nothing, counting, keeping = map(statistics.median, zip(*rounds))
print(json.dumps([(keeping - nothing) / nothing, (counting - nothing) / nothing]))
"""


@pytest.mark.alone
@pytest.mark.once
def test_keeping_a_repeat_costs_the_log_call_little_more_than_counting_it(
    programs: Programs,
) -> None:
    """At most three times what a CountingHandler adds; by far less, as a rule."""
    ended = programs.run(COSTS)
    assert (ended.status, ended.err) == (0, "")
    keeping, counting = json.loads(ended.out)
    print(f"adds {keeping:.1%} to a NullHandler's call, a CountingHandler {counting:.1%}")
    # On a busy machine the little that counting adds can vanish in what everything varies.
    assert keeping <= 3 * max(counting, 0.04)
