"""Records to the logging of this process: handled as if they had been made here."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecl_logging.errors import ConfigError
from ecl_logging.records.destinations.local_logging import LocalLogging
from ecl_logging.stores import open_store
from tests.records.gathered_entries import entry

pytestmark = pytest.mark.once  # neither Python's version nor redis-py's changes it


class Kept(logging.Handler):
    """Keeps records, for the test."""

    def __init__(self, level: int | str = 0) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Picky(logging.Filter):
    """Raises, as a filter of others' may."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "bad":
            raise RuntimeError("no")
        return True


HERE = __name__


def configured(text: str) -> LocalLogging:
    Path("local.yaml").write_text(textwrap.dedent(text))
    return LocalLogging("local.yaml")


@pytest.fixture
def destination() -> Iterator[LocalLogging]:
    destination = configured(f"""
        version: 1
        handlers: {{kept: {{class: {HERE}.Kept, level: INFO}}}}
        root: {{level: ERROR, handlers: [kept]}}
        """)
    yield destination
    destination.close()


def kept() -> list[logging.LogRecord]:
    found = [one for one in logging.getLogger().handlers if isinstance(one, Kept)]
    assert len(found) == 1
    return found[0].records


def test_a_record_is_as_it_was_made(destination):
    fields = {"msg": "%s is late", "message": "train is late", "args": ["train"], "train": 7}
    destination.store([entry(created=1.5, exc_text="Traceback ...", **fields)])

    [record] = kept()
    assert record.getMessage() == "train is late"
    assert (record.name, record.levelno, record.created) == ("shop", 20, 1.5)
    assert (record.train, record.repeats) == (7, 1)
    assert (record.msg, record.args) == ("%s is late", ("train",))
    assert logging.Formatter().format(record) == "train is late\nTraceback ..."


def test_repeats_are_told(destination):
    destination.store(
        [
            entry(1, repeats=1, message="once"),
            entry(2, repeats=3, message="a %s"),
            entry(3, repeats=2, msg="%d%%", args=[7], message="7%"),
        ]
    )

    assert [one.getMessage() for one in kept()] == ["once", "a %s (3 times)", "7% (2 times)"]
    assert kept()[1].repeats == 3


def test_the_levels_of_handlers_apply(destination):
    destination.store([entry(1, levelno=10), entry(2, levelno=40, message="seen")])

    assert [one.getMessage() for one in kept()] == ["seen"]


def test_loggers_that_are_here_already_are_not_silenced(destination):
    logging.getLogger("asyncio")
    destination.store([entry(name="asyncio", message="seen")])

    assert [one.getMessage() for one in kept()] == ["seen"]


def test_what_a_filter_raises_holds_up_no_other_record():
    destination = configured(f"""
        version: 1
        filters: {{picky: {{'()': {HERE}.Picky}}}}
        handlers: {{kept: {{class: {HERE}.Kept, filters: [picky]}}}}
        root: {{level: INFO, handlers: [kept]}}
        """)
    entries = [entry(1, name="bad"), entry(2, message="good")]
    [refused] = destination.store(entries).refused
    destination.close()

    assert refused.entry.id == "id-1"
    assert "RuntimeError" in refused.reason
    assert [one.getMessage() for one in kept()] == ["good"]


@pytest.mark.parametrize("text", ["no JSON", "[]", "[" * 100_000])
def test_what_is_no_record_is_handled_as_text(text):
    destination = configured(f"""
        version: 1
        handlers: {{kept: {{class: {HERE}.Kept}}}}
        root: {{level: INFO, handlers: [kept]}}
        """)
    assert destination.store([entry(record=text)]).refused == ()
    destination.close()

    assert [one.getMessage() for one in kept()] == [text]


def test_nothing_comes_back_to_the_store_it_was_gathered_from():
    """Neither by our handlers, nor by one that is hidden in another."""
    store = f"sqlite:///{Path.cwd()}/records.db"
    destination = configured(f"""
        version: 1
        ecl: {{store: '{store}'}}
        handlers:
          kept: {{class: {HERE}.Kept}}
          counts: {{class: ecl_logging.handlers.CountingHandler, config: cfg://ecl}}
          hidden: {{class: ecl_logging.handlers.CountingHandler, config: cfg://ecl}}
          memory: {{class: logging.handlers.MemoryHandler, capacity: 1, target: hidden}}
          records: {{class: ecl_logging.handlers.DedupHandler, config: cfg://ecl}}
          messages: {{class: ecl_logging.handlers.MessageHandler, config: cfg://ecl}}
          wrapped: {{'()': {HERE}.wrapped, store: '{store}'}}
        root: {{level: INFO, handlers: [kept, counts, memory, records, messages, wrapped]}}
        """)
    destination.store([entry(levelname="INFO", message="seen")])
    for handler in logging.getLogger().handlers:
        handler.flush()

    assert {type(one).__name__ for one in logging.getLogger().handlers} >= {"Kept", "Wrapping"}
    assert not any("ecl_logging" in type(one).__module__ for one in logging.getLogger().handlers)
    destination.close()
    assert [one.getMessage() for one in kept()] == ["seen"]
    assert open_store(store).groups() == []
    assert not Path("records.db").exists()


class Wrapping(logging.Handler):
    """Hands records on to a handler of ours, in a way that nobody can see."""

    def __init__(self, store: str) -> None:
        super().__init__()
        from ecl_logging.handlers import DedupHandler

        ours = DedupHandler(store=store)
        self.emit = ours.handle  # type: ignore[method-assign]
        self.flush = ours.flush  # type: ignore[method-assign]


def wrapped(store: str) -> logging.Handler:
    return Wrapping(store)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "local.yaml: is no logging configuration"),
        ("version: 1\nhandlers: {x: {class: no.such.Thing}}", "local.yaml: Unable to configure"),
        ("version: 3", "local.yaml: Unsupported version: 3"),
        ("{% if", "local.yaml: line 1"),
    ],
)
def test_a_file_that_configures_nothing_is_told(text, problem):
    with pytest.raises(ConfigError, match=problem):
        configured(text).store([entry()])
