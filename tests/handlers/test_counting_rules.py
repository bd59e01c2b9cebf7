"""Rules in a handler: one that fails, and records that no rule is for."""

from __future__ import annotations

import logging

from tests.handlers.test_counting import Hostile, make, record

__all__ = ["make"]


def test_a_rule_that_raises_does_not_keep_a_record_from_the_others(make):
    handler = make(
        groups={"g": {"events": ["a"], "intervals": ["1d"], "auto_declare_events": True}},
        rules=[
            {"event": "first-{levelname}"},
            {"event": "{hostile}-x"},
            {"event": "last-{levelname}"},
        ],
    )

    handler.handle(record(hostile=Hostile()))

    assert handler.ecl["g"].get_counts("1d", current=True) == {
        "a": 0,
        "first-INFO": 1,
        "last-INFO": 1,
    }


def test_a_message_that_its_arguments_do_not_fit_is_searched_as_it_was_written(make):
    handler = make(
        groups={"g": {"intervals": ["1d"]}}, rules=[{"pattern": "items paid", "event": "paid"}]
    )

    handler.handle(logging.makeLogRecord({"msg": "%d items paid", "args": ("x",)}))

    assert handler.ecl["g"].get_counts("1d", current=True) == {"paid": 1}


def test_the_librarys_own_records_are_not_unmatched(make):
    handler = make(groups={"g": {"intervals": ["1d"]}}, unmatched="rest")

    handler.handle(logging.makeLogRecord({"name": "ecl_logging", "msg": "a warning"}))
    handler.handle(logging.makeLogRecord({"name": "mine", "msg": "another"}))

    assert handler.ecl["g"].get_counts("1d", current=True) == {"rest": 1}


def test_root_is_the_root_logger_itself(make):
    handler = make(
        groups={"g": {"intervals": ["1d"], "auto_declare_events": True}},
        rules=[{"logger": "root", "event": "{name}"}],
    )
    for name in ("root", "root.child", "rooter"):
        handler.handle(logging.makeLogRecord({"name": name}))

    assert handler.ecl["g"].get_counts("1d", current=True) == {"root": 1}
