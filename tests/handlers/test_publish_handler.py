"""PublishHandler: any logging configuration, any record, and no harm to the program."""

from __future__ import annotations

import json
import logging
import logging.config
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from ecl_logging.errors import ConfigError
from ecl_logging.events import Publisher, get_logger, new_event
from ecl_logging.events.queues import open_queue
from ecl_logging.handlers import PublishHandler
from ecl_logging.notices import warn
from ecl_logging.stores import open_store
from ecl_logging.testing import capture_counts
from tests.events.queue_contents import FlakyQueue, events_in
from tests.faults.programs import Programs, assert_silent
from tests.records.hostile import HOSTILE, records_with
from tests.redis_servers import RedisServer
from tests.waiting import wait_until


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("publishing")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    logger.propagate = True


@pytest.fixture
def flaky() -> FlakyQueue:
    return FlakyQueue()


@pytest.fixture
def handler(flaky: FlakyQueue, logger: logging.Logger) -> PublishHandler:
    logger.addHandler(handler := PublishHandler(queue=flaky))
    return handler


def published(handler: PublishHandler, topic: str = "events") -> list[dict[str, Any]]:
    wait_until(handler.log.flush)
    return events_in(handler.log.store, topic)


def messages(handler: PublishHandler) -> list[str]:
    return [event["payload"]["message"] for event in published(handler)]


# --- what is published


def test_records_and_events_come_in_their_order(handler, logger) -> None:
    logger.info("sold %s", "it")
    get_logger("publishing").info("done", payload={"cls_type": "sale", "number": 3})
    logger.error("failed")

    first, second, third = published(handler)
    assert first["payload"] == {"cls_type": "log", "message": "sold it", "severity": "info"}
    assert second["payload"] == {"cls_type": "sale", "number": 3}
    assert second["header"]["channel"] == "publishing.done"
    assert third["payload"]["severity"] == "error"


def test_a_payload_that_cannot_be_written_is_a_log_payload_that_says_so(
    handler, logger, warnings_told, monkeypatch
) -> None:
    monkeypatch.setattr("ecl_logging.events.calls._told", set())
    monkeypatch.setattr("ecl_logging.events.calls.warn", warnings_told.append)
    get_logger("publishing").info("done", payload={"cls_type": "sale", "it": object()})
    get_logger("publishing").info("done", payload={"cls_type": "sale", "it": "x" * 2_000_000})

    first, second = published(handler)
    assert "JSON has no object" in json.dumps(first["payload"])
    assert "too large" in json.dumps(second["payload"])
    assert len(warnings_told) == 2


def test_a_payload_that_is_changed_after_the_call_is_as_it_was(handler, logger, flaky) -> None:
    flaky.is_away = True
    payload: dict[str, Any] = {"cls_type": "sale", "numbers": [1]}
    get_logger("publishing").info("done", payload=payload)
    plain = new_event({"cls_type": "sale", "numbers": [2]}, "shop")
    logger.info(plain)
    payload["numbers"].append(5)
    plain["payload"]["numbers"].append(5)
    flaky.is_away = False

    assert [event["payload"]["numbers"] for event in published(handler)] == [[1], [2]]


def test_levels_filters_and_events_only_decide(flaky, logger) -> None:
    logger.addHandler(handler := PublishHandler(queue=flaky, level="INFO", events_only=True))
    handler.addFilter(lambda record: "no" not in str(record.msg))
    events = get_logger("publishing")
    events.debug("low", payload={"cls_type": "a"})
    events.info("no", payload={"cls_type": "b"})
    events.info("yes", payload={"cls_type": "c"})
    logger.info("plain")

    assert [event["payload"]["cls_type"] for event in published(handler)] == ["c"]


def test_a_record_stays_as_it_was(flaky) -> None:
    logger = logging.Logger("publishing")  # noqa: LOG001 - so that it has no parent
    logger.addHandler(handler := PublishHandler(queue=flaky))
    record = logger.makeRecord("publishing", 20, __file__, 1, "sold %s", ("it",), None)
    before = dict(vars(record))
    logger.handle(record)

    assert vars(record) == before
    assert messages(handler) == ["sold it"]


# What these do to whoever looks at them: waiting without end, or ending a thread or the program.
_PASSED_OVER = ("wait", "spin", "lock", "raises-keyboard", "raises-system", "-exit", "raises-base")
_PASSED_OVER_TOO = {
    *("error-with-notes", "error-of-attributes", "error-in-context", "error-of-object"),
    *("in-a-list", "long-list", "long-text", "is-large"),  # they wait, or take seconds
}
NOT_WAITING = [
    name
    for name in HOSTILE
    if name not in _PASSED_OVER_TOO and not any(part in name for part in _PASSED_OVER)
]


@pytest.mark.parametrize("name", NOT_WAITING)
def test_a_hostile_object_anywhere_in_a_record_is_published_and_raises_nothing(name: str) -> None:
    handler = PublishHandler(queue="memory://", sync_interval=3600)
    count = 0
    for _, record in records_with(HOSTILE[name]()):
        handler.handle(record)
        count += 1

    telemetry = handler.log.telemetry()
    assert telemetry["counted"] == count
    assert len(published(handler)) == count
    handler.close()


def test_own_records_are_not_published(handler, logger, flaky) -> None:
    own = logging.getLogger("ecl_logging")
    below = logging.getLogger("ecl_logging.below")
    own.addHandler(handler)
    try:
        flaky.is_away = True
        logger.info("sold")
        handler.log.flush(0.1)  # so it has something to warn of
        warn("something")
        below.warning("something")
        flaky.is_away = False
        assert messages(handler) == ["sold"]
    finally:
        own.removeHandler(handler)


def test_what_is_logged_while_it_sends_is_not_published(logger) -> None:
    class Chatty(FlakyQueue):
        def publish(self, batch: Any, *, timeout: float = 5.0) -> Any:
            logger.info("publishing")
            return super().publish(batch, timeout=timeout)

    logger.addHandler(handler := PublishHandler(queue=Chatty()))
    logger.info("sold")

    assert messages(handler) == ["sold"]


# --- where to


def test_a_queue_can_be_named_in_every_way(
    logger, empty_server: RedisServer, tmp_path: Path
) -> None:
    in_file = f"sqlite:///{tmp_path}/queue.db"
    client = empty_server.client()
    of_memory = open_queue("memory://")
    for number, given in enumerate(
        [
            *(in_file, "memory://named", empty_server.url, empty_server.seed_config, client),
            *(open_store(in_file), of_memory, open_queue(in_file)),
        ]
    ):
        handler = PublishHandler(queue=given, topic=f"t{number}")
        logger.addHandler(handler)
        logger.info("sold %s", number)
        logger.removeHandler(handler)
        [event] = published(handler, f"t{number}")
        assert event["payload"]["message"] == f"sold {number}"
        handler.close()
    client.close()


def test_without_a_queue_it_is_that_of_the_environment(logger, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ECL_STORE", f"sqlite:///{tmp_path}/all.db")
    logger.addHandler(handler := PublishHandler())
    logger.info("sold")
    handler.close()

    assert len(events_in(f"sqlite:///{tmp_path}/all.db")) == 1


def test_a_publisher_can_be_handed_in_and_stays_open(logger, flaky) -> None:
    with Publisher(flaky) as mine:
        logger.addHandler(handler := PublishHandler(mine, level="INFO"))
        logger.debug("low")
        logger.info("sold")
        handler.close()
        assert mine.telemetry()["applied"] == 1
        logger.info("sold")
        assert mine.flush()
        with pytest.raises(ConfigError, match="log: takes the place of queue, topic; give one"):
            PublishHandler(mine, queue=flaky, topic="mine")
    with pytest.raises(ConfigError, match="is no Publisher"):
        PublishHandler("memory://")  # type: ignore[arg-type]

    assert len(events_in(flaky)) == 2


CONFIGURATION = """
version: 1
disable_existing_loggers: false
ecl:
  store: {store}
  prefix: "mine:"
handlers:
  publish:
    class: ecl_logging.handlers.PublishHandler
    config: cfg://ecl
    topic: sales
    level: INFO
loggers:
  publishing: {{level: DEBUG, handlers: [publish]}}
"""


def configure(store: str) -> PublishHandler:
    logging.config.dictConfig(yaml.safe_load(CONFIGURATION.format(store=json.dumps(store))))
    [handler] = logging.getLogger("publishing").handlers
    assert isinstance(handler, PublishHandler)
    return handler


def test_a_configuration_says_store_and_prefix(logger, empty_server: RedisServer) -> None:
    handler = configure(empty_server.url)
    logger.debug("low")
    logger.info("sold")
    wait_until(handler.log.flush)

    client: redis.Redis = empty_server.client()
    assert {key.partition(":")[0] for key in client.scan_iter()} == {"mine"}
    client.close()
    assert [e["payload"]["message"] for e in published(handler, "sales")] == ["sold"]


def test_the_prefix_of_a_configuration_is_that_of_a_queue_that_is_named(
    logger, empty_server: RedisServer
) -> None:
    logger.addHandler(
        handler := PublishHandler(
            queue=empty_server.url, config={"store": "memory://", "prefix": "p:"}
        )
    )
    logger.info("sold")
    wait_until(handler.log.flush)

    client: redis.Redis = empty_server.client()
    assert {key.partition(":")[0] for key in client.scan_iter()} == {"p"}
    client.close()


def test_all_that_is_wrong_is_told_at_once_and_aloud(capsys) -> None:
    with pytest.raises(ConfigError) as refused:
        PublishHandler(
            queue="radis://x",
            config={"stroe": 1},
            level="LOUD",
            sync_interval="often",
            nonsense=1,  # type: ignore[arg-type]
        )
    for part in ("radis", "stroe", "LOUD", "nonsense"):
        assert part in str(refused.value)
    assert capsys.readouterr().err == f"ecl_logging: {refused.value}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"topic": "a b"}, "topic: 'a b' is no topic"),
        ({"topik": "a"}, "unknown argument 'topik'; did you mean 'topic'"),
        ({"events_only": 1}, "events_only"),
        ({"max_waiting": 0}, "max_waiting"),
        ({"sync_interval": 0}, "sync_interval"),
        ({"queue": "sqs://a?b=1"}, "b"),
        ({"queue": "kafka://"}, "kafka"),
    ],
)
def test_a_wrong_argument_is_refused_aloud(arguments: Any, told: str, capsys) -> None:
    with pytest.raises(ConfigError, match=told):
        PublishHandler(**({"queue": "memory://"} | arguments))
    assert capsys.readouterr().err.startswith("ecl_logging: ")


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [
        ("msgspec", "queue='memory://'", "events"),
        ("packaging", "queue='memory://'", "events"),
        ("boto3", "queue='sqs://eu-central-1'", "sqs"),
        ("confluent_kafka", "queue='kafka://localhost:1'", "kafka"),
    ],
)
def test_a_package_that_is_missing_is_told_in_one_line(
    programs: Programs, package: str, arguments: str, extra: str
) -> None:
    ended = programs.run(
        f"""
        import sys
        for name in {[package]!r}:
            sys.modules[name] = None
        from ecl_logging.errors import ConfigError
        from ecl_logging.handlers import PublishHandler
        try:
            PublishHandler({arguments})
        except ConfigError as error:
            print(error)
        """
    )
    assert ended.status == 0, ended.err
    assert f"pip install 'ecl-logging[{extra}]'" in ended.out
    assert package in ended.out
    assert ended.err == f"ecl_logging: {ended.out}"
    assert ended.out.count("\n") == 1


def test_consumers_need_a_package_that_is_told_too(programs: Programs) -> None:
    ended = programs.run(
        """
        import sys
        sys.modules["venusian"] = None
        from ecl_logging.errors import ConfigError
        from ecl_logging.events import Publisher
        try:
            from ecl_logging.events import ConsumerHub
        except ConfigError as error:
            print(error)
        """
    )
    assert_silent(ended)
    assert ended.out == (
        "consumers need venusian, which is not installed: pip install 'ecl-logging[events]'\n"
    )


# --- the end


def test_records_after_close_are_dropped_as_closed(flaky, logger) -> None:
    logger.addHandler(handler := PublishHandler(queue=flaky))
    logger.info("sold")
    handler.close()
    logger.info("late")
    handler.close()

    telemetry = handler.log.telemetry()
    assert (telemetry["applied"], telemetry["dropped"]["closed"]) == (1, 1)
    assert len(events_in(flaky)) == 1


def test_flush_and_shutdown_send_what_is_pending(flaky, logger) -> None:
    logger.addHandler(handler := PublishHandler(queue=flaky, sync_interval=3600))
    for number in range(3):
        logger.info("sold %s", number)
    handler.flush()
    assert messages(handler) == ["sold 0", "sold 1", "sold 2"]
    logger.info("sold 3")
    logging.shutdown([lambda: handler])  # type: ignore[list-item]

    assert [e["payload"]["message"] for e in events_in(flaky)] == ["sold 3"]
    assert handler.log._flusher.is_closed


def test_configuring_again_under_load_loses_nothing(logger, tmp_path: Path) -> None:
    is_over = threading.Event()
    logged: list[str] = []

    def work(number: int) -> None:
        n = 0
        while not is_over.is_set():
            logger.info("%s-%s", number, n)
            logged.append(f"{number}-{n}")
            n += 1
            time.sleep(0.0005)

    url = f"sqlite:///{tmp_path}/queue.db"
    handlers = [configure(url)]
    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        time.sleep(0.05)
        handlers.append(configure(url))
    is_over.set()
    for thread in threads:
        thread.join()
    for handler in handlers:
        wait_until(lambda handler=handler: handler.log.telemetry()["pending"] == 0)

    found = [event["payload"]["message"] for event in events_in(url, "sales")]
    assert sorted(found) == sorted(logged)
    assert sum(handler.log.telemetry()["applied"] for handler in handlers) == len(logged)


# --- tests of programs


def test_while_counts_are_captured_no_real_queue_is_touched(logger, flaky, tmp_path) -> None:
    before = PublishHandler(queue=flaky, sync_interval=3600)
    logger.addHandler(before)
    logger.info("before")
    wait_until(before.log.flush)
    touched = flaky.touched
    with capture_counts():
        logger.info("within")
        before.flush()
        for queue in (
            flaky,
            "sqs://nowhere-1",
            "kafka://127.0.0.1:1",
            f"sqlite:///{tmp_path}/a.db",
        ):
            logger.addHandler(inside := PublishHandler(queue=queue, topic="other"))
            logger.info("inside")
            logger.removeHandler(inside)
            wait_until(inside.log.flush)
            assert inside.log.telemetry()["applied"] == 1
            inside.close()
        assert flaky.touched == touched
    assert list(tmp_path.iterdir()) == []
    logger.info("after")
    wait_until(before.log.flush)

    assert messages(before) == ["before", "after"]


@pytest.mark.parametrize("url", ["sqs://nowhere-1", "kafka://127.0.0.1:1"])
def test_handlers_of_foreign_queues_that_were_there_before_touch_nothing(
    logger, monkeypatch, url: str
) -> None:
    pytest.importorskip("boto3" if url.startswith("sqs") else "confluent_kafka")
    logger.addHandler(handler := PublishHandler(queue=url))
    asked: list[str] = []
    monkeypatch.setattr(type(handler.log.store), "publish", lambda *_, **__: asked.append(url))
    with capture_counts():
        logger.info("within")
        assert handler.log.flush(10)
        assert handler.log.telemetry()["applied"] == 1
    assert asked == []
    assert handler.log.telemetry()["counted"] == 0


def test_what_is_wrong_is_refused_while_counts_are_captured(ecl_counts, capsys) -> None:
    for wrong in ("radis://x", "kafka://", "sqs://a?b=1"):
        with pytest.raises(ConfigError):
            PublishHandler(queue=wrong)
