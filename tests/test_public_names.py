"""What is public has words, and the house's rules hold in every module."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import ecl_logging
from ecl_logging import filters, handlers, processors, stats, testing
from ecl_logging.stats import aggregation, formats, samples

pytestmark = pytest.mark.once

PACKAGE = Path(ecl_logging.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))


def module_of(source: Path) -> str:
    parts = source.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(source): source for source in SOURCES}


@cache
def tree_of(module: str) -> ast.Module:
    """What is written in a module; read where it is asked for, for all collect this file."""
    return ast.parse(MODULES[module].read_text("utf-8"))


# From the bottom up; a module imports from its own layer and from those above it in this list.
LAYERS = [
    [
        "lazy_names",
        "errors",
        "extras",
        "intervals",
        "settled",
        "templates",
        "event_ids",
        "measures",
        "observed",
        "distributions",
        "redis_settings",
        "redis_addresses",
        "addresses",
        "notices",
        "deadlines",
        "locks",
        "logger_names",
        "weak_sets",
        "fields",
        "unbuilt",
        "shares",
        "fast_path",
        "timer",
    ],
    ["settings", "problems", "documents"],
    ["rule_checks"],
    ["validation"],
    ["config"],
    ["stores"],
    ["confirmed", "ledgers", "stretches", "batches", "outage", "definitions", "numbered", "sender"],
    ["tallies"],
    ["ticker", "lifetime", "patience", "retirement", "flusher", "flushed", "views"],
    ["batching", "counter"],
    ["event_group", "rotations", "pending_parts", "outbox", "kept"],
    ["groups", "rules"],
    ["kinds"],
    ["record_counter"],
    ["records", "stats", "events"],
    ["handlers", "filters", "processors", "testing", "pytest_plugin"],
    ["exporters", "web"],
    ["tools"],
]
PUBLIC_MODULES = [
    *(ecl_logging, handlers, filters, processors, testing),
    *(stats, aggregation, formats, samples),
]
LAYER_OF = {name: number for number, layer in enumerate(LAYERS) for name in layer}


def part_of(module: str) -> str:
    """The part of the house a module is in: `stores` for `ecl_logging.stores.sqlite.store`.

    A command, `python -m PACKAGE`, is in none: it stands above all.
    """
    if module.endswith(".__main__"):
        return "__main__"
    return module.split(".")[1] if "." in module else ""


def imported_by(tree: ast.AST) -> Iterator[str]:
    """Our modules that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "ecl_logging")


# --- names


def test_every_public_name_is_there():
    for name in ecl_logging.__all__:
        assert getattr(ecl_logging, name) is not None


def test_the_public_names_are_sorted():
    assert ecl_logging.__all__ == sorted(ecl_logging.__all__)


def test_the_public_names_are_listed_for_completion():
    assert set(ecl_logging.__all__) <= set(dir(ecl_logging))


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        ecl_logging.nothing  # noqa: B018


def public_objects() -> Iterator[tuple[str, object]]:
    for module in PUBLIC_MODULES:
        for name in module.__all__:
            public = getattr(module, name)
            if isinstance(public, str):
                continue
            yield name, public
            for member, value in vars(public).items() if inspect.isclass(public) else ():
                is_method = inspect.isfunction(value) or isinstance(value, classmethod | property)
                if is_method and not member.startswith("_"):
                    yield f"{name}.{member}", value


@pytest.mark.parametrize(("name", "public"), list(public_objects()))
def test_every_public_name_has_a_docstring(name, public):
    assert inspect.getdoc(public), name


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_docstring(module):
    assert ast.get_docstring(tree_of(module))


# --- the house


@pytest.mark.parametrize("module", [m for m in MODULES if m.count(".") == 1])
def test_every_module_has_its_layer(module):
    assert part_of(module) in {*LAYER_OF, "__main__"}


@pytest.mark.parametrize("module", [m for m in MODULES if part_of(m) in LAYER_OF])
def test_a_module_imports_nothing_from_above(module):
    mine = LAYER_OF[part_of(module)]
    above = [
        name
        for name in imported_by(tree_of(module))
        if part_of(name) in LAYER_OF and LAYER_OF[part_of(name)] > mine
    ]

    assert above == []


@pytest.mark.parametrize("module", MODULES)
def test_no_module_asserts(module):
    lines = [node.lineno for node in ast.walk(tree_of(module)) if isinstance(node, ast.Assert)]

    assert lines == []


@pytest.mark.parametrize("module", [m for m in MODULES if part_of(m) != "tools"])
def test_the_library_prints_to_stderr_only(module):
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            assert "sys.stderr" in [ast.unparse(keyword.value) for keyword in node.keywords]
