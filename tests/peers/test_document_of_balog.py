"""The programs in balog's README run here, against SQS as moto has it. Changed are import lines.

The document is not ours to give away; see `documents`.
"""

from __future__ import annotations

import ast
import importlib
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ecl_logging.handlers import PublishHandler
from tests.conftest import wait_until
from tests.peers.documents import document_with, of_documents

pytestmark = of_documents

boto3 = pytest.importorskip("boto3", reason="what is tested on one Python only is not installed")
moto_servers = pytest.importorskip("tests.moto_servers")

IMPORTS = {
    "from balog import get_logger": "from ecl_logging.events import get_logger",
    "from balog.consumers import consumer_config": "from ecl_logging.events import consumer_config",
    "from balog.consumers import ConsumerHub": "from ecl_logging.events import ConsumerHub",
    "from balog.consumers.sqs import SQSEngine": (
        "from ecl_logging.events.engines import SQSEngine"
    ),
}
SETTINGS = {
    "api.sqs.queue_env": "develop",
    "api.sqs.region": "eu-central-1",
    "api.sqs.aws_access_key_id": "nobodys",
    "api.sqs.aws_secret_access_key": "nobodys",
}
TOPIC = "myproj-events-develop"


def code_blocks() -> list[str]:
    """The longest runs of lines that are programs, from each line that begins one."""
    lines = document_with("from balog import get_logger").split("\n")
    blocks, at = [], 0
    while at < len(lines):
        end = next((e for e in range(len(lines), at, -1) if is_code(lines[at:e])), at)
        if end > at:
            blocks.append("\n".join(lines[at:end]).strip())
        at = max(end, at + 1)
    return blocks


def is_code(lines: list[str]) -> bool:
    if not lines[0].startswith(("from ", "import ", "class ", "@")):
        return False
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:
        return False
    # A heading of one word would be a program, too.
    return not any(
        isinstance(one, ast.Expr) and isinstance(one.value, ast.Name) for one in tree.body
    )


def as_here(block: str) -> str:
    for theirs, ours in IMPORTS.items():
        block = block.replace(theirs, ours)
    assert "balog" not in block.replace("balogger", "")
    return block


def test_the_import_lines_of_the_document_are_those_that_are_changed() -> None:
    lines = "\n".join(code_blocks()).split("\n")
    theirs = {line for line in lines if "balog" in line and "import" in line}
    assert theirs == set(IMPORTS)


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a server on loopback, which has the queue."""
    moto_servers.set_environment(monkeypatch)
    with moto_servers.running() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", url)
        client = boto3.client("sqs", region_name=SETTINGS["api.sqs.region"])
        client.create_queue(QueueName=TOPIC)
        yield client


@pytest.fixture
def yourpackage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package that has the document's consumer in a module."""
    _, consumer, *_ = code_blocks()
    folder = tmp_path / "yourpackage"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "consumers.py").write_text(as_here(consumer))
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("yourpackage")
    for name in [name for name in sys.modules if name.partition(".")[0] == "yourpackage"]:
        del sys.modules[name]


def test_the_programs_of_the_document_run(sqs: Any, yourpackage: ModuleType) -> None:
    producing, _, scanning, operator, together = map(as_here, code_blocks())
    publish(producing)

    names: dict[str, Any] = {}
    exec(scanning, names)
    [consumer] = names["hub"]
    assert (consumer.name, consumer.topic) == ("process_metrics", "myproj-events-{env}")
    exec(operator, names)
    assert names["ConsumerOperator"](SETTINGS).get_topic(consumer) == TOPIC

    processed, run = process_events(together)
    with run:
        wait_until(lambda: bool(processed) and left_in(sqs) == 0, seconds=60)

    [(name, settings, event)] = processed
    assert (name, settings) == ("process_metrics", SETTINGS)
    assert event["header"]["channel"] == "justitia.scripts.process_results.done"
    assert event["payload"]["cls_type"] == "metrics"
    assert [one["value"] for one in event["payload"]["values"]] == [123, 456, 789]


def publish(producing: str) -> None:
    """Run the first program with a handler that publishes."""
    url = f"sqs://{SETTINGS['api.sqs.region']}"
    handler = PublishHandler(queue=url, topic=TOPIC, events_only=True)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    exec(producing, {"__name__": "justitia.scripts.process_results"})
    assert handler.log.flush(20)
    assert handler.log.telemetry()["applied"] == 1


class Running:
    """The last program, in a thread; its engine is stopped in the end."""

    def __init__(self, run: Callable[[], None], engines: list[Any]) -> None:
        self._thread, self._engines = threading.Thread(target=run), engines

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        [engine] = self._engines
        engine.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()


def process_events(together: str) -> tuple[list[Any], Running]:
    """What the last program's operator has processed, and the program."""
    processed: list[Any] = []
    engines: list[Any] = []
    names: dict[str, Any] = {}
    exec(together, names)
    theirs, engine = names["ConsumerOperator"], names["SQSEngine"]

    class Noting(theirs):  # type: ignore[misc,valid-type]
        def process_event(self, consumer: Any, event: Any) -> Any:
            processed.append((consumer.name, self.settings, event))
            return super().process_event(consumer, event)

    def making(**arguments: Any) -> Any:
        engines.append(engine(**arguments))
        return engines[-1]

    names.update(ConsumerOperator=Noting, SQSEngine=making)
    return processed, Running(lambda: names["process_events"](SETTINGS), engines)


def left_in(sqs: Any) -> int:
    url = sqs.get_queue_url(QueueName=TOPIC)["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)
