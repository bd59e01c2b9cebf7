"""ecl-consume: what it has consumers do, what it says, and how it ends."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ecl_logging.events.queues import open_queue
from ecl_logging.events.queues.protocols import Queue
from ecl_logging.stores.queueing import DeadLetter
from ecl_logging.tools import consume
from ecl_logging.tools.consume import main as ecl_consume
from ecl_logging.tools.read import main as ecl_read
from tests.canary import CANARY
from tests.events.making import an_event, publish, publish_bodies
from tests.faults.programs import Programs
from tests.redis_servers import RedisServer, free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.once

ONCE = ("--once",)

CONSUMERS = """
from ecl_logging.events import consumer_config

@consumer_config(topic="sales", cls_type="sale")
def sell(event):
    number = event["payload"]["number"]
    if number == 3:
        raise ValueError("no number 3")
    print("sold", number)
"""


class Package:
    """A package in the working folder, and what is imported of it."""

    def __init__(self, name: str = "shop") -> None:
        self.folder = Path(name)

    def write(self, **modules: str) -> None:
        """Write modules by their names; `init` is the package itself."""
        self.folder.mkdir(exist_ok=True)
        for name, text in {"init": "", **modules}.items():
            file = f"__{name}__.py" if name in {"init", "main"} else f"{name}.py"
            (self.folder / file).write_text(textwrap.dedent(text))


@pytest.fixture
def package() -> Iterator[Package]:
    path, before = sys.path[:], set(sys.modules)
    package = Package()
    package.write(sales=CONSUMERS)
    yield package
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "shop":
            del sys.modules[name]


@pytest.fixture
def queue(commanded: Any) -> Queue:
    """The queue that commands find."""
    return open_queue(commanded.store)


def say_sales(queue: Queue, *numbers: int, topic: str = "sales", cls_type: str = "sale") -> None:
    publish(queue, topic, [an_event(number, cls_type=cls_type) for number in numbers])


# --- what it does


def test_a_dead_letter_of_no_time_is_listed_all_the_same(
    package: Package, queue: Queue, ran: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = DeadLetter("sales", "7", b"nothing", 1, "no event", 1e300)
    monkeypatch.setattr(type(queue), "dead_letters", lambda *_: [letter])

    status, out, _ = ran(ecl_consume, "shop", "--dead-letters", "list")

    assert (status, out) == (0, "- sales 1 delivery [no event] nothing\n")


def test_the_prefix_of_the_file_stands_before_the_keys_of_any_queue(
    package: Package, empty_server: RedisServer, ran: Any
) -> None:
    say_sales(open_queue(empty_server.url, prefix="shop:"), 1)
    Path("mine.yaml").write_text("ecl: {prefix: 'shop:'}")

    ended = ran(ecl_consume, "shop", *ONCE, "-c", "mine.yaml", "--queue", empty_server.url)

    assert ended == (0, "sold 1\n", "ecl-consume: 1 event handled\n")


def test_once_has_consumers_work_on_what_is_there_and_sums_up(package, queue, ran):
    say_sales(queue, 1, 2)

    assert ran(ecl_consume, "shop", *ONCE) == (
        0,
        "sold 1\nsold 2\n",
        "ecl-consume: 2 events handled\n",
    )
    assert queue.backlog("sales").waiting == 0


def test_with_nothing_to_do_it_ends(package, queue, ran):
    assert ran(ecl_consume, "shop", *ONCE) == (0, "", "ecl-consume: 0 events handled\n")


def test_what_failed_and_what_nobody_wants_is_summed_up(package, queue, ran):
    say_sales(queue, 1, 3)
    say_sales(queue, 4, cls_type="refund")
    publish_bodies(queue, "sales", "no JSON")
    status, out, err = ran(ecl_consume, "shop", *ONCE)

    assert (status, out) == (0, "sold 1\n")
    assert err.endswith(
        "ecl-consume: 1 event handled, 1 try failed, 1 event for no consumer, 1 dead letter\n"
    )
    assert queue.backlog("sales").waiting == 1  # for its next try


def test_a_module_in_a_package_does_as_well_and_main_modules_do_not_run(package, queue, ran):
    package.write(main="raise SystemExit('the program runs')")
    say_sales(queue, 1)

    assert ran(ecl_consume, "shop", *ONCE)[:2] == (0, "sold 1\n")
    say_sales(queue, 2)
    assert ran(ecl_consume, "shop.sales", *ONCE)[:2] == (0, "sold 2\n")


TWO_TOPICS = """
from ecl_logging.events import consumer_config

@consumer_config(topic="sales")
@consumer_config(topic="refunds")
def show(event):
    print(event["payload"]["number"])
"""


def test_of_several_topics_those_that_are_asked_for_are_worked_on(package, queue, ran):
    package.write(sales=TWO_TOPICS)
    say_sales(queue, 1)
    say_sales(queue, 2, topic="refunds")

    assert ran(ecl_consume, "shop", *ONCE, "--topic", "refunds")[:2] == (0, "2\n")
    assert ran(ecl_consume, "shop", *ONCE)[:2] == (0, "1\n")


OPERATED = """
from ecl_logging.events import consumer_config

class Operator:
    def __init__(self, env="test"):
        self.env = env

    def get_topic(self, consumer):
        return consumer.topic.format(env=self.env)

    def process_event(self, consumer, event):
        return consumer.func(self.env, event)

class Making:
    live = Operator("live")

def get_topic(consumer):
    return "sales-module"

def process_event(consumer, event):
    return consumer.func("module", event)

@consumer_config(topic="sales-{env}")
async def show(env, event):
    print(env, event["payload"]["number"])
"""


@pytest.mark.parametrize(
    ("operator", "env"),
    [
        ("shop.sales:Operator", "test"),
        ("shop.sales:Making.live", "live"),
        ("shop.sales", "module"),
    ],
)
def test_an_operator_is_a_class_an_object_or_a_module(package, queue, ran, operator, env):
    package.write(sales=OPERATED)
    say_sales(queue, 7, topic=f"sales-{env}")

    assert ran(ecl_consume, "shop", *ONCE, "--operator", operator) == (
        0,
        f"{env} 7\n",
        "ecl-consume: 1 event handled\n",
    )


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        (
            "{intervals: [1m], auto_declare_events: true}",
            "dead_letter:1\nfailed:1\nhandled:2\nsell:failed:1\nsell:handled:2\n",
        ),
        ("{intervals: [1m], events: [handled, unrouted]}", "handled:2\nunrouted:0\n"),
    ],
)
def test_outcomes_are_counted_in_the_group_that_is_for_them(package, queue, ran, keys, shown):
    Path("mine.yaml").write_text(f"ecl: {{groups: {{consumed: {keys}}}}}")
    say_sales(queue, 1, 2, 3)

    ran(ecl_consume, "shop", *ONCE, "-c", "mine.yaml", "--max-deliveries", "1")
    assert ran(ecl_read, "-g", "consumed", "--current")[1] == shown


def test_a_file_without_that_group_counts_nothing(package, queue, ran, commanded):
    Path("mine.yaml").write_text("ecl: {groups: {others: {intervals: [1m], events: [handled]}}}")
    say_sales(queue, 1)

    assert ran(ecl_consume, "shop", *ONCE, "-c", "mine.yaml")[0] == 0
    assert commanded.store.groups() == ["errors", "requests"]


# --- dead letters


@pytest.fixture
def dead(package: Package, queue: Queue, ran: Callable[..., Any]) -> Queue:
    """A queue with two dead letters: an event that failed, and what is no event."""
    say_sales(queue, 3)
    publish_bodies(queue, "sales", "\x1b[2J is no event")
    ran(ecl_consume, "shop", *ONCE, "--max-deliveries", "1")
    assert queue.backlog("sales").dead_letters == 2
    return queue


def test_dead_letters_are_listed_in_a_line_each_with_their_reason(dead, ran):
    status, out, err = ran(ecl_consume, "shop", "--dead-letters", "list")
    first, second = out.splitlines()

    assert (status, err) == (0, "")
    assert first.startswith("2026-11-22T12:01:00Z sales 1 delivery [sell: ValueError: no number 3]")
    assert first.endswith(' shop.sold {"cls_type": "sale", "number": 3}')
    assert second.startswith("2026-11-22T12:01:00Z sales 1 delivery [no event: ")
    assert second.endswith("] \\x1b[2J is no event")
    assert dead.backlog("sales").dead_letters == 2


def test_dead_letters_are_listed_as_json_whole(dead, ran):
    letters = [
        json.loads(line)
        for line in ran(ecl_consume, "shop", "--dead-letters", "list", "--json")[1].splitlines()
    ]

    assert [letter["topic"] for letter in letters] == ["sales", "sales"]
    assert letters[0].keys() == {"topic", "id", "at", "deliveries", "reason", "body"}
    assert json.loads(letters[0]["body"])["payload"] == {"cls_type": "sale", "number": 3}
    assert letters[1]["body"] == "\x1b[2J is no event"


def test_dead_letters_are_put_back_and_handled_by_a_consumer_that_was_mended(dead, package, ran):
    assert ran(ecl_consume, "shop", "--dead-letters", "replay") == (
        0,
        "put back 2 dead letters of sales\n",
        "",
    )
    del sys.modules["shop.sales"]
    package.write(sales=CONSUMERS.replace("== 3", "== 99"))
    assert ran(ecl_consume, "shop", *ONCE)[1] == "sold 3\n"
    assert dead.backlog("sales").dead_letters == 1


def test_dead_letters_are_forgotten(dead, ran):
    dropped = ran(ecl_consume, "shop", "--dead-letters", "drop")

    assert dropped == (0, "forgot 2 dead letters of sales\n", "")
    assert ran(ecl_consume, "shop", "--dead-letters", "list") == (0, "", "")


def test_what_is_long_is_shown_by_its_begin(package, queue, ran):
    publish_bodies(queue, "sales", "x" * 100_000)
    ran(ecl_consume, "shop", *ONCE)
    out = ran(ecl_consume, "shop", "--dead-letters", "list")[1]

    assert out.endswith("xxx...\n")
    assert len(out) < 500


# --- how it ends


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["shop", "more"],
        ["./shop"],
        ["shop/sales.py"],
        ["shop", "--max-deliveries", "0"],
        ["shop", "--retry-pause", "301"],
        ["shop", "--claim", "nan"],
        ["shop", "--claim", "0.01"],
        ["shop", "--dead-letters", "keep"],
        ["shop", "--json"],
        ["shop", "--dead-letters", "drop", "--json"],
        ["shop", "--dead-letters", "list", "--once"],
        ["shop", "--operator", ":Operator"],
        ["shop", "--claim", f"redis://:{CANARY}@host"],
    ],
)
def test_wrong_usage_is_status_2(package, commanded, ran, arguments):
    status, out, err = ran(ecl_consume, *arguments)

    assert (status, out) == (2, "")
    assert "ecl-consume: error: " in err


RAISING = f"raise ValueError('cannot reach db://me:{CANARY}@host', 1)"


@pytest.mark.parametrize(
    ("modules", "arguments", "problem"),
    [
        ({}, ["shops"], "shops: there is no such module, neither here nor in PYTHONPATH"),
        ({}, ["shop.other"], "shop.other: there is no such module"),
        ({"sales": "import nobody_has_it"}, ["shop"], "No module named 'nobody_has_it', in /"),
        ({"sales": RAISING}, ["shop"], "shop: cannot be imported: ValueError: ('cannot reach"),
        ({"sales": RAISING}, ["shop.sales"], "sales.py, line 1"),
        ({"sales": "import sys; sys.exit(0)"}, ["shop"], "cannot be imported: SystemExit: 0"),
        ({"sales": "def"}, ["shop"], "cannot be imported: SyntaxError: invalid syntax"),
        ({"sales": CONSUMERS.replace('"sales"', '"a b"')}, ["shop"], "topic: 'a b' is no topic"),
        ({"sales": ""}, ["shop"], "shop: declares no consumers; mark them with @consumer_config"),
        ({}, ["shop", "--topic", "sale"], "no consumer has the topic 'sale'; there are sales"),
        ({"sales": OPERATED}, ["shop"], "fills in what stands in braces"),
        ({}, ["shop", "--operator", "nobody"], "nobody: there is no such module"),
        ({}, ["shop", "--operator", "shop.sales:Nobody"], "shop.sales has no Nobody"),
        ({}, ["shop", "--operator", "shop.sales:sell"], "is no operator; those have get_topic"),
        ({}, ["shop", "--operator", "builtins:slice"], "name an object where the class needs arg"),
        ({}, ["shop", "--queue", "sqs://Nowhere!"], "what follows the slashes is no region"),
        ({}, ["shop", "--queue", f"kafka://me:{CANARY}@host"], "names and passwords go into the"),
        ({}, ["shop", "--queue", f"amqp://me:{CANARY}@host"], "queue: "),
        ({}, ["shop", "-c", "none.yaml"], "none.yaml: No such file or directory"),
    ],
)
@pytest.mark.usefixtures("commanded")
def test_what_is_wrong_is_told_in_one_line(package, ran, modules, arguments, problem):
    package.write(**modules)
    status, out, err = ran(ecl_consume, *arguments, *ONCE)

    assert (status, out) == (1, "")
    assert err.startswith("ecl-consume: error: ")
    assert problem in err
    assert err.count("\n") == 1


def test_an_operator_that_raises_is_told(package, commanded, ran):
    package.write(sales=OPERATED.replace("env=self.env", "else_=1"))
    status, _, err = ran(ecl_consume, "shop", *ONCE, "--operator", "shop.sales:Operator")

    assert (status, err) == (
        1,
        "ecl-consume: error: --operator shop.sales:Operator: get_topic: KeyError: 'env'\n",
    )


@pytest.mark.parametrize("option", ["--store", "--queue"])
@pytest.mark.parametrize("action", [ONCE, ("--dead-letters", "list")])
def test_once_a_queue_that_cannot_be_reached_is_status_3(package, ran, option, action):
    Path("folder.db").mkdir()
    Path("folder.db", "file").write_text("")
    status, out, err = ran(ecl_consume, "shop", *action, option, "sqlite:///folder.db")

    assert (status, out) == (3, "")
    assert "is a folder" in err
    assert ("choose another store" in err) == (option == "--store")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("package", "queue", "extra"),
    [
        ("venusian", "memory://", "events"),
        ("msgspec", "memory://", "events"),
        ("packaging", "memory://", "events"),
        ("boto3", "sqs://eu-central-1", "sqs"),
        ("confluent_kafka", "kafka://host:9092", "kafka"),
    ],
)
def test_a_package_that_is_missing_is_told_with_the_extra_that_has_it(
    programs, package, queue, extra
):
    ended = programs.run(
        f"""
        import sys

        sys.modules[{package!r}] = None
        from ecl_logging.tools.consume import main

        raise SystemExit(main(["shop", "--queue", {queue!r}]))
        """
    )

    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("ecl-consume: error: ")
    assert f"{package}" in ended.err
    assert ended.err.endswith(f"pip install 'ecl-logging[{extra}]'\n")
    assert ended.err.count("\n") == 1


# --- in a process of its own

SLOW = """
import time
from ecl_logging.events import consumer_config

@consumer_config(topic="sales")
def sell(event):
    print("begun", event["payload"]["number"], flush=True)
    time.sleep(0.5)
    print("done", event["payload"]["number"], flush=True)
"""
MODULE = ("-W", "error", "-m", "ecl_logging.tools.consume")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_has_the_work_in_hand_finished_and_the_rest_given_back(
    programs: Programs, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    tmp_path.joinpath("slow.py").write_text(SLOW)
    queue = open_queue(programs.url)
    say_sales(queue, 1, 2, 3)
    started = programs.start_command(*MODULE, "slow", at=tmp_path)
    wait_until(lambda: "begun 1" in started.out())
    started.send(number)
    ended = started.end(20)

    assert (ended.status, ended.out) == (status, "begun 1\ndone 1\n")
    _, summary = ended.err.splitlines()
    assert summary == "ecl-consume: 1 event handled"
    backlog = queue.backlog("sales")
    assert (backlog.waiting, backlog.in_hand) == (2, 0)
    assert [message.deliveries for message in queue.receive("sales", 9, seconds=9, wait=0)] == [
        1,
        1,
    ]
    queue.close()


def test_a_queue_that_is_away_is_waited_for_with_one_warning(
    programs: Programs, tmp_path: Path
) -> None:
    tmp_path.joinpath("slow.py").write_text(SLOW)
    url = f"redis://:{CANARY}@127.0.0.1:{free_port()}/0"
    started = programs.start_command(*MODULE, "slow", "--queue", url, at=tmp_path)
    wait_until(lambda: "trying on" in started.err())
    with pytest.raises(subprocess.TimeoutExpired):
        started.process.wait(2)  # in which it has tried again
    started.send(signal.SIGTERM)
    ended = started.end(20)

    assert (ended.status, ended.out) == (0, "")
    _, warning, summary = ended.err.splitlines()
    assert warning.endswith("; trying on")
    assert summary == "ecl-consume: 0 events handled"


def test_a_closed_pipe_is_no_failure(tmp_path: Path) -> None:
    tmp_path.joinpath("slow.py").write_text(SLOW)
    url = f"sqlite:///{tmp_path}/queue.db"
    queue = open_queue(url)
    say_sales(queue, 1)
    [message] = queue.receive("sales", 1, seconds=60, wait=0)
    queue.bury(message, "odd")
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, *MODULE, "slow", "--dead-letters", "list", "--store", url],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(consume.__file__).parents[2])},
    )
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert queue.backlog("sales").dead_letters == 1
    queue.close()


# --- what strangers stumbled over


def test_it_says_what_runs_unless_it_ends_by_itself(package, queue, monkeypatch, ran):
    from ecl_logging.events.engines import Engine

    monkeypatch.setattr(Engine, "run", lambda *_, **__: None)

    status, _, err = ran(ecl_consume, "shop")

    assert status == 0
    assert err.startswith(f"ecl-consume: topic sales of {queue.shown}: sell\n")


def test_tracebacks_are_printed_where_that_is_asked_for(package, queue, ran):
    say_sales(queue, 3)

    _, _, err = ran(ecl_consume, "shop", *ONCE, "-v")

    assert "Traceback (most recent call last)" in err
    assert 'raise ValueError("no number 3")' in err
    logging.getLogger("ecl_logging.events").handlers.clear()


def test_a_decorator_without_parentheses_is_told(package, ran):
    package.write(
        bare="""
        from ecl_logging.events import consumer_config

        @consumer_config
        def sell(event): ...
        """
    )

    status, _, err = ran(ecl_consume, "shop", *ONCE)

    assert status == 1
    assert "consumer sell: write @consumer_config(topic=...)" in err
    assert "bare.py, line 4" in err


def test_a_url_of_nothing_names_the_other_queues_too(package, ran):
    status, _, err = ran(ecl_consume, "shop", *ONCE, "--queue", "sq://eu")

    assert status == 1
    assert "sqs://REGION and kafka://HOST:PORT are queues, too" in err
