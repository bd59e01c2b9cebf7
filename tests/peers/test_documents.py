"""The programs in centralog's and scales's READMEs and in chapter 5.1 of "Redis in Action" run here.

The documents are not ours to give away: SOURCE_DOCUMENTS names a folder with their texts, of which
this test takes the code as it stands there. Changed are import lines, camelCase, what is Python 2
only, what is no code ("store evt in database"), and what is left out (the end of a line).
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import queue
import re
import threading
import time
import types
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import redis

from ecl_logging import stats
from ecl_logging.exporters.graphite import GraphitePeriodicPusher
from ecl_logging.handlers import DedupHandler
from ecl_logging.records import SEVERITY, RecordLog, log_common, log_recent
from ecl_logging.stats.reading import lookup
from tests.conftest import wait_until
from tests.graphite_listeners import listener
from tests.peers.documents import document_with, of_documents
from tests.redis_servers import RedisServer, free_port

pytestmark = of_documents


@pytest.fixture
def client(empty_server: RedisServer) -> Iterator[redis.Redis]:
    with empty_server.client() as client:
        yield client


# --- centralog


def code_of_centralog() -> list[str]:
    """The README's blocks of code: paragraphs that are indented, and those like the first."""
    blocks = []
    for paragraph in document_with("Centraloger").split("\n\n"):
        lines = [line for line in paragraph.split("\n") if line]
        is_indented = bool(lines) and all(line.startswith("\t") for line in lines)
        if is_indented:
            blocks.append("\n".join(line[1:] for line in lines))
        elif lines and re.match(r"(conn|cl) = |while True:", lines[0]):
            blocks.append("\n".join(lines))
    return blocks


def as_here(block: str) -> str:
    """The block in the names of this library, and without what is no code."""
    block = re.sub(r"\b(log|get)Event\b", lambda name: f"{name[1]}_event", block)
    block = block.replace("sleep(10s)", "break").replace("store evt in database", "store(evt)")
    return re.sub(r"^print .*\n?", "", block, flags=re.MULTILINE)


def test_the_readme_of_centralog_runs(client: redis.Redis) -> None:
    stored: list[Any] = []
    names: dict[str, Any] = {
        "__name__": "program",
        "redis": types.SimpleNamespace(Redis=lambda: client),
        "Centraloger": RecordLog,
        "CentralogHandler": DedupHandler,
        "logging": logging,
        "store": stored.append,
    }
    blocks = [as_here(block) for block in code_of_centralog()]
    connecting, by_hand, handler, logger, failing, again, pulling, rebuilding = blocks

    exec(connecting, names)
    exec(by_hand, names)
    exec(again, names)
    exec(pulling, names)
    assert [(event["msg"], event["repeats"]) for event in stored] == [("hi there (%s)", 1)]
    assert stored[0]["args"]["message"] == "hi there (everybody)"

    exec(handler, names)
    names["rootLogger"].setLevel(logging.DEBUG)
    for _ in range(2):
        stored.clear()
        while time.time() % 1 > 0.5:  # a repeat is one in the same second
            time.sleep(0.01)
        exec(logger, names)
        for _ in range(3):
            exec(failing, names)
        names["handler"].flush()
        if not stored:
            exec(pulling, names)
        assert [event["msg"] for event in stored] == ["doing some (%s) work", "SOS"]
        assert [event["repeats"] for event in stored] == [1, 3]

    exec(failing, names)
    names["handler"].flush()
    exec(rebuilding, names)
    event = names["event"]
    assert (event.message, event.getMessage()) == ("SOS", "SOS")
    assert event.exc_text.startswith("Traceback (most recent call last):")


# --- Redis in Action


def code_of_log_common() -> str:
    """The listing, out of the sentences between its lines."""
    text = document_with("def log_common(")
    lines = [line for line in text.split("\n") if re.match(r"def |   +\S", line)]
    code, tries = [], ""
    for line in lines:
        words = line.lstrip()
        if words == "try:":
            tries = line[: -len("try:")]
        # The page has lost the indentation of that one.
        code.append(tries + words if words.startswith("except ") else line)
    return "\n".join(code)


class OldPipeline(redis.client.Pipeline):
    """As it was when the book was written: the value first, and one if nobody says how much."""

    def zincrby(self, name: Any, value: Any, amount: float = 1) -> Any:
        return super().zincrby(name, amount, value)


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_log_common_of_the_book_and_ours_write_the_same_keys(
    client: redis.Redis, empty_server: RedisServer
) -> None:
    class Connection:
        def pipeline(self) -> OldPipeline:
            return OldPipeline(client.connection_pool, client.response_callbacks, True, None)

    names: dict[str, Any] = {
        "logging": logging,
        "redis": redis,
        "time": time,
        "datetime": datetime,
        "SEVERITY": SEVERITY,
        "log_recent": log_recent,
    }
    exec(code_of_log_common(), names)
    of_the_book = names["log_common"]
    key = "common:web:error"
    conn = Connection()

    of_the_book(conn, "web", "disk full", logging.ERROR)
    assert log_common(client, "web", "disk full", logging.ERROR)
    assert client.zrange(key, 0, -1, withscores=True) == [("disk full", 2.0)]
    lines = client.lrange("recent:web:error", 0, -1)
    assert [line[24:] for line in lines] == [" disk full"] * 2
    keys = set(client.keys("common:*"))
    assert keys == {key, f"{key}:start"}

    hour = client.get(f"{key}:start")
    for turning, following in ((log_common, of_the_book), (of_the_book, log_common)):
        client.set(f"{key}:start", "2020-01-01T10:00:00")  # an hour that is over
        for write in (turning, following):
            write(conn if write is of_the_book else client, "web", "out of paper", "error")
        assert client.get(f"{key}:pstart") == "2020-01-01T10:00:00"
        assert client.get(f"{key}:start") == hour
        assert client.zrange(key, 0, -1, withscores=True) == [("out of paper", 2.0)]
    assert client.zrange(f"{key}:last", 0, -1) == ["out of paper"]
    assert keys | {f"{key}:pstart", f"{key}:last"} == set(client.keys("common:*"))


# --- scales

CODE = re.compile(
    r"\s+\S|from greplin|import greplin|STATS\b|statserver\.|graphitePeriodicPusher\b|# In "
    r"|(?:with|for|def|class) .*:$"
)
HERE = {
    "from greplin import scales": "from ecl_logging import stats as scales",
    "from greplin.scales.meter import": "from ecl_logging.stats import",
    "import greplin.scales.flaskhandler as statserver": "from ecl_logging import web as statserver",
    "serveInBackground": "serve_in_background",
    "serverName": "server_name",
    "initChild": "init_child",
    # What the document has left out.
    "def handleRequest(..):": "def handleRequest():",
    "scales.collection(scales.Stat('currentTime'": "scales.collection('/', scales.Stat('currentTime'",
    "lambda: time.time())": "lambda: time.time()))",
    "time.time)": "time.time))",
    # Where to serve and to push to, and how to come by the server again to stop it.
    "statserver.serve": "server = statserver.serve",
    "(8765,": "(PORT,",
    "'graphite-collector-hostname', 2003,": "'127.0.0.1', CARBON,",
    # Its objects are to be started, which `object` cannot.
    "class SomeThread(object)": "class SomeThread(Startable)",
}


def code_of_scales() -> list[str]:
    """The README's lines that look like code, with the empty ones between; prose ends a block."""
    howto = document_with("scales - Metrics for Python").partition("How to use it")[2]
    blocks: list[list[str]] = [[]]
    for line in howto.partition("\nAuthors\n")[0].split("\n"):
        if CODE.match(line):
            blocks[-1].append(line)
        elif line:
            blocks.append([])
        elif blocks[-1]:
            blocks[-1].append("")
    code = ["\n".join(block) for block in blocks if block]
    for there, here in HERE.items():
        assert any(there in block for block in code), there
        code = [block.replace(there, here) for block in code]
    return code


def value_at(path: str) -> Any:
    """What is in the tree at a path."""
    return lookup(stats.get_stats(), path.strip("/").split("/"))


def asked(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return str(answer.read(), "utf-8")


@pytest.mark.usefixtures("empty_tree")
def test_the_statistics_of_the_readme_of_scales_run() -> None:
    names: dict[str, Any] = {"do_something_expensive": lambda: None, "time": time}
    counting, _, _, timing, sampling, metering, _, calling, calling_by_name, _ = code_of_scales()

    exec(counting, names)
    assert stats.get_stats() == {"web": {"errors": 0, "success": 1}}

    exec(timing, names)
    assert value_at("/web/latency")["count"] == 1
    assert {"mean", "median", "stddev", "99percentile"} <= value_at("/web/latency").keys()

    feelings = iter([3.0, 5.0])
    person = types.SimpleNamespace(
        perturb=lambda much: None, getFeelings=lambda name: next(feelings)
    )
    names["people"] = [person, person]
    names["STATS"] = stats.collection("/people", stats.PmfStat("wistfulness"))
    exec(sampling, names)
    assert value_at("/people/wistfulness")["mean"] == 4.0

    exec(metering, names)
    for _ in range(3):
        names["handleRequest"]()
    names["STATS"].hits.mark(10)
    names["STATS"].hits = 100
    assert value_at("/web/hits")["count"] == 113
    assert {"m1", "m5", "m15"} <= value_at("/web/hits").keys()

    for gauge in (calling, calling_by_name):
        exec(gauge, names)
        assert abs(value_at("/currentTime") - time.time()) < 60


@pytest.mark.usefixtures("empty_tree")
def test_the_class_with_stats_of_the_readme_of_scales_runs() -> None:
    *_, handling, _, _, _ = code_of_scales()
    names: dict[str, Any] = {"scales": stats, "doSomething": lambda: None}
    exec(handling, names)
    handler = names["Handler"]()

    for path in ("/a", "/b", "/a"):
        handler.handleRequest(types.SimpleNamespace(path=path))

    assert value_at("/handler/requests") == 3
    assert value_at("/handler/latency")["count"] == 3
    assert value_at("/handler/byPath") == {"/a": 2, "/b": 1}


@pytest.mark.usefixtures("empty_tree")
def test_the_threads_of_the_readme_of_scales_sum_up() -> None:
    tasks: queue.Queue[bool] = queue.Queue()
    may_end = threading.Semaphore(0)
    threads = []

    def get_task() -> None:
        if not tasks.get():
            raise EOFError

    class Startable:
        def start(self) -> None:
            threads.append(threading.Thread(target=self.work, daemon=True))
            threads[-1].start()

        def work(self) -> None:
            with contextlib.suppress(EOFError):
                self.processingLoop()  # type: ignore[attr-defined]

    *_, hierarchy = code_of_scales()
    names: dict[str, Any] = {
        "Startable": Startable,
        "doTask": may_end.acquire,
        "getTask": get_task,
        "scales": stats,
    }
    exec(hierarchy, names)
    processor = names["Processor"]()
    for _ in range(3):
        processor.createThread()
    state = stats.get_stats()["processor"]["state"]
    wait_until(lambda: state["waitingForTask"] == 3)
    assert value_at("/processor/thread-2") == {"state": "waitingForTask"}

    for _ in range(2):
        tasks.put(True)
    wait_until(lambda: state["performingTask"] == 2)
    assert value_at("/processor/state") == {"waitingForTask": 1, "performingTask": 2}

    may_end.release(2)
    wait_until(lambda: state["waitingForTask"] == 3)
    assert value_at("/processor/state/performingTask") == 0
    assert value_at("/processor/finished") == 2
    below = [value_at(f"/processor/thread-{number}") for number in range(3)]
    assert sorted(container.get("finished", 0) for container in below) == [0, 1, 1]

    for _ in threads:
        tasks.put(False)
    for thread in threads:
        thread.join(60)


@pytest.mark.usefixtures("empty_tree")
def test_the_server_of_the_readme_of_scales_shows_its_statistics() -> None:
    counting, serving, *_ = code_of_scales()
    names: dict[str, Any] = {"PORT": free_port()}
    exec(counting, names)
    exec(serving, names)

    with names["server"]:
        assert "something-server-42" in asked(names["PORT"], "/status/")
        compact = asked(names["PORT"], "/status/?format=json")
        pretty = asked(names["PORT"], "/status/?format=prettyjson")
    assert json.loads(compact) == json.loads(pretty) == {"web": {"errors": 0, "success": 1}}
    assert len(compact.splitlines()) == 1 < len(pretty.splitlines())


@pytest.mark.usefixtures("empty_tree")
def test_the_pusher_of_the_readme_of_scales_pushes_its_statistics() -> None:
    counting, _, pushing, *_ = code_of_scales()
    often = functools.partial(GraphitePeriodicPusher, period=0.05)
    names: dict[str, Any] = {"graphite": types.SimpleNamespace(GraphitePeriodicPusher=often)}
    exec(counting, names)
    with listener() as carbon:
        names["CARBON"] = carbon.port
        exec(pushing, names)
        paths = {"my.server.prefix.web.errors 0", "my.server.prefix.web.success 1"}
        wait_until(lambda: paths <= {line.rpartition(" ")[0] for line in carbon.lines})
        assert names["graphitePeriodicPusher"].close()
