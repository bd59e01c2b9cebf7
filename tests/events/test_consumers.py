"""Consumers: what is declared, how it is found, and what is routed to it."""

from __future__ import annotations

import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ecl_logging.errors import ConfigError
from ecl_logging.events import Consumer, ConsumerHub, ConsumerOperator, consumer_config
from tests.events.making import an_event


def nothing(event: Any) -> None:
    """A consumer of the tests."""


def event_of(schema: Any = "0.1.0", cls_type: Any = "sale") -> dict[str, Any]:
    event: dict[str, Any] = an_event()
    event["schema"], event["payload"]["cls_type"] = schema, cls_type
    return event


# --- which events one is for


def test_without_conditions_a_consumer_is_for_all_events() -> None:
    consumer = Consumer(nothing, "sales")

    for schema in ("0.1.0", "99", "no version", None, 5):
        assert consumer.match_event(event_of(schema, "any"))


@pytest.mark.parametrize(
    "cls_type", ["sale", ("sale",), ["refund", "sale"], {"sale"}, frozenset({"sale"})]
)
def test_of_several_kinds_one_is_enough(cls_type: Any) -> None:
    consumer = Consumer(nothing, "sales", cls_type=cls_type)

    assert consumer.match_event(event_of(cls_type="sale"))
    assert not consumer.match_event(event_of(cls_type="sales"))
    assert not consumer.match_event(event_of(cls_type="sal"))


@pytest.mark.parametrize(
    "version", [(">=1.0.1", "<2.0"), [">=1.0.1", "<2.0"], ">=1.0.1,<2.0", ">=1.0.1 , <2.0"]
)
def test_of_several_conditions_all_must_hold(version: Any) -> None:
    consumer = Consumer(nothing, "sales", version=version)

    fits = {
        v: consumer.match_event(event_of(v)) for v in ("1.0", "1.0.1", "1.9.9", "2.0rc1", "2.0")
    }
    assert fits == {"1.0": False, "1.0.1": True, "1.9.9": True, "2.0rc1": True, "2.0": False}


def test_kind_and_version_must_both_fit() -> None:
    consumer = Consumer(nothing, "sales", cls_type="metrics", version="<1.0")

    assert consumer.match_event(event_of("0.0.1", "metrics"))
    assert not consumer.match_event(event_of("1.0", "metrics"))
    assert not consumer.match_event(event_of("0.0.1", "log"))


@pytest.mark.parametrize("schema", ["", "next", None, 5, ["0.1.0"], "1" * 1000])
def test_an_event_of_an_unknown_version_meets_no_condition(schema: object) -> None:
    for condition in ("<1.0", ">=0", "!=5"):
        assert not Consumer(nothing, "sales", version=condition).match_event(event_of(schema))


# --- what is wrong is told where it stands


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        Consumer("no function", "a b", cls_type=("", 5), version=("1.0", "<2.0,>x"))  # type: ignore[arg-type]

    text = str(refused.value)
    for part in (
        "'no function' cannot be called",
        "topic: 'a b' is no topic",
        "cls_type: '' is no kind",
        "cls_type: 5 is no kind",
        "version: '1.0' is no condition",
        "version: '>x' is no condition",
    ):
        assert part in text


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            {"topic": topic}
            for topic in ("", "a b", "{", "}", "{}", "{1}", "a/{env}", "é", None, 5)
        ),
        *(
            {"version": version}
            for version in ("", "1.0", ("<1.0", ""), 5, "~=1.0", "<1.0,", b"<1")
        ),
        *({"cls_type": kind} for kind in ("", 5, (), [], ("a", None), b"a")),
    ],
    ids=str,
)
def test_a_wrong_argument_is_an_error_where_it_is_declared(arguments: dict[str, Any]) -> None:
    declare = consumer_config(**({"topic": "sales"} | arguments))
    with pytest.raises(ConfigError, match=r"^consumer nothing: "):
        declare(nothing)


@pytest.mark.parametrize(
    "topic", ["sales", "myproj-events-{env}", "{env}", "a.b_c-{x.y[0]}.fifo", "S"]
)
def test_a_topic_may_have_placeholders_that_an_operator_fills(topic: str) -> None:
    assert Consumer(nothing, topic).topic == topic


# --- decorators


def hub_of_module(tmp_path: Path, source: str, name: str = "declaring") -> ConsumerHub:
    hub = ConsumerHub()
    hub.scan(module_of(tmp_path, {f"{name}.py": source}, name))
    return hub


def module_of(folder: Path, files: dict[str, str], name: str) -> ModuleType:
    for path, source in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(START + textwrap.dedent(source))
    importlib.invalidate_caches()
    return importlib.import_module(name)


START = "from ecl_logging.events import consumer_config\n"


@pytest.fixture(autouse=True)
def modules_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in set(sys.modules) - before:
        path = getattr(sys.modules[name], "__file__", None) or ""
        if path.startswith(str(tmp_path)):
            del sys.modules[name]


def names(hub: ConsumerHub) -> list[str]:
    return sorted(consumer.name for consumer in hub)


def test_a_function_stays_what_it_is() -> None:
    def consume(event: Any) -> str:
        """Say so."""
        return f"got {event}"

    declared = consumer_config("sales", name="mine")(consume)

    assert declared is consume
    assert (declared(5), declared.__doc__) == ("got 5", "Say so.")


def test_a_function_can_be_declared_several_times(tmp_path: Path) -> None:
    hub = hub_of_module(
        tmp_path,
        """
        @consumer_config("sales", cls_type="sale", name="first")
        @consumer_config("refunds", cls_type="refund", version="<1.0", name="second")
        @consumer_config("sales")
        def consume(event):
            pass
        """,
    )

    assert names(hub) == ["consume", "first", "second"]
    assert len({consumer.func for consumer in hub}) == 1
    assert {c.name: c.topic for c in hub} == {
        "consume": "sales",
        "first": "sales",
        "second": "refunds",
    }


def test_async_functions_and_classes_can_be_consumers(tmp_path: Path) -> None:
    hub = hub_of_module(
        tmp_path,
        """
        @consumer_config("sales")
        async def consume(event):
            return event

        @consumer_config("sales")
        class Consuming:
            def __init__(self, event):
                self.event = event

        class Below(Consuming):
            '''Has not been declared.'''
        """,
    )

    assert names(hub) == ["Consuming", "consume"]
    found = {consumer.name: consumer.func for consumer in hub}
    assert inspect.iscoroutinefunction(found["consume"])
    assert found["Consuming"](7).event == 7


def test_a_kind_of_consumers_of_the_programs_own_can_be_named(tmp_path: Path) -> None:
    hub = hub_of_module(
        tmp_path,
        """
        from ecl_logging.events import Consumer

        class Mine(Consumer):
            pass

        @consumer_config("sales", consumer_cls=Mine)
        def consume(event):
            pass
        """,
    )

    [consumer] = hub
    assert type(consumer).__name__ == "Mine"


def test_a_module_with_a_wrong_condition_cannot_be_imported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"consumer consume: version: '1\.0' is no condition"):
        hub_of_module(
            tmp_path,
            """
            @consumer_config("sales", version="1.0")
            def consume(event):
                pass
            """,
        )


# --- scanning

CONSUMER = """
@consumer_config("sales")
def consume_{0}(event):
    pass
"""
PACKAGE = {
    "shop/__init__.py": CONSUMER.format("shop"),
    "shop/sales.py": CONSUMER.format("sales") + "again = consume_sales\n",
    "shop/refunds.py": CONSUMER.format("refunds") + "from shop.sales import consume_sales\n",
    "shop/deep/__init__.py": "",
    "shop/deep/deeper/__init__.py": CONSUMER.format("deeper"),
    "shop/deep/deeper/deepest.py": CONSUMER.format("deepest"),
    "shop/tests/__init__.py": "",
    "shop/tests/test_sales.py": CONSUMER.format("tests"),
}
ALL = sorted(
    f"consume_{part}" for part in ("shop", "sales", "refunds", "deeper", "deepest", "tests")
)


@pytest.fixture
def shop(tmp_path: Path) -> ModuleType:
    return module_of(tmp_path, PACKAGE, "shop")


def scanned(package: ModuleType, **options: Any) -> list[str]:
    hub = ConsumerHub()
    hub.scan(package, **options)
    return names(hub)


def test_a_scan_finds_all_below_a_package_each_once(shop: ModuleType) -> None:
    """Also where a name is imported elsewhere, or there are two names for it."""
    assert scanned(shop) == ALL


def test_scanning_again_and_scanning_parts_adds_nothing(shop: ModuleType) -> None:
    hub = ConsumerHub()
    for _ in range(2):
        hub.scan(shop)
        hub.scan(sys.modules["shop.sales"])

    assert names(hub) == ALL
    assert len(hub) == len(ALL)


def test_a_scan_of_a_module_finds_its_own_only(shop: ModuleType) -> None:
    assert scanned(importlib.import_module("shop.refunds")) == ["consume_refunds"]
    assert scanned(importlib.import_module("shop.deep")) == ["consume_deeper", "consume_deepest"]


@pytest.mark.parametrize(
    ("ignore", "gone"),
    [
        ("shop.tests", {"tests"}),
        (".tests", {"tests"}),
        (".deep", {"deeper", "deepest"}),
        ([".tests", "shop.deep.deeper.deepest"], {"tests", "deepest"}),
        (lambda name: name.endswith("s"), {"tests", "sales", "refunds"}),
        ([".refunds", lambda name: "test" in name], {"refunds", "tests"}),
        (None, set()),
        (".nowhere", set()),
    ],
)
def test_what_is_to_be_ignored_is_not_even_imported(
    shop: ModuleType, ignore: object, gone: set[str]
) -> None:
    assert scanned(shop, ignore=ignore) == [
        n for n in ALL if n.removeprefix("consume_") not in gone
    ]
    if gone == {"tests"}:
        assert "shop.tests.test_sales" not in sys.modules


def test_what_a_module_raises_is_raised_unless_it_is_ignored(tmp_path: Path) -> None:
    package = module_of(
        tmp_path,
        {
            "broken/__init__.py": CONSUMER.format("whole"),
            "broken/module.py": "raise RuntimeError('in the midst')",
        },
        "broken",
    )
    with pytest.raises(RuntimeError, match="in the midst"):
        scanned(package)
    assert scanned(package, ignore=".module") == ["consume_whole"]


def test_a_module_that_needs_what_is_not_there_is_not_passed_over(tmp_path: Path) -> None:
    package = module_of(
        tmp_path,
        {"needy/__init__.py": "", "needy/module.py": "import no_such_package_at_all"},
        "needy",
    )
    with pytest.raises(ModuleNotFoundError, match="no_such_package_at_all"):
        scanned(package)


# --- the hub


def test_a_hub_is_a_collection_in_the_order_of_adding() -> None:
    hub = ConsumerHub()
    consumers = [Consumer(nothing, "sales", name=name) for name in "cab"]
    for consumer in [*consumers, consumers[0]]:
        hub.add_consumer(consumer)

    assert list(hub) == hub.consumers == consumers
    assert len(hub) == 3
    assert repr(consumers[0]) == "<Consumer c>"


def test_an_event_is_routed_to_those_that_it_is_for_in_their_order() -> None:
    hub = ConsumerHub()
    for name, wanted in {
        "all": {},
        "sales": {"cls_type": "sale"},
        "new": {"version": ">=1.0"},
        "old": {"version": "<1.0", "cls_type": ("sale", "refund")},
    }.items():
        hub.add_consumer(Consumer(nothing, "sales", name=name, **wanted))  # type: ignore[arg-type]

    def routed(**about: str) -> list[str]:
        return [consumer.name for consumer in hub.route(event_of(**about))]

    assert routed() == ["all", "sales", "old"]
    assert routed(schema="1.0") == ["all", "sales", "new"]
    assert routed(schema="no version") == ["all", "sales"]
    assert routed(cls_type="log") == ["all"]


def test_the_usual_operator_calls_with_the_event_and_takes_the_topic_as_it_is() -> None:
    operator = ConsumerOperator()
    seen: list[Any] = []
    append: Callable[..., Any] = seen.append
    consumer = Consumer(append, "sales-{env}")
    operator.process_event(consumer, {"a": 1})

    assert seen == [{"a": 1}]
    assert operator.get_topic(consumer) == "sales-{env}"
    assert consumer.name == "append"
