"""What a program has for ecl-consume: its consumers, and the operator that calls them.

Importing it runs the program's own code, and whatever that raises is told in a line.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from types import ModuleType
from typing import Any

from ecl_logging.errors import ConfigError
from ecl_logging.events import ConsumerHub
from ecl_logging.events.engines.calling import told
from ecl_logging.tools.command import UsageError

__all__ = ["hub_of", "operator_named"]


_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def hub_of(package: str) -> ConsumerHub:
    """Return all consumers that a package or module declares. Raises ConfigError, UsageError.

    A package's `__main__` is left out: importing that would run the program.
    """
    if not _is_name(package):
        raise UsageError(
            f"{package}: is no name of a package; write it as in an import, shop.sales"
        )
    hub = ConsumerHub()
    module = _imported(package)
    try:
        hub.scan(module, ignore=_is_main)
    except (Exception, SystemExit) as error:
        raise _not_imported(package, error) from error
    if not len(hub):
        raise ConfigError(f"{package}: declares no consumers; mark them with @consumer_config")
    return hub


def _is_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _is_main(name: str) -> bool:
    return name.endswith(".__main__")


def operator_named(text: str) -> Any:
    """Return the operator that `MODULE:ATTRIBUTE` names, or one of the class that it names.

    A module with the two functions is one, too. Raises ConfigError, UsageError.
    """
    name, _, attribute = text.partition(":")
    if not _is_name(name):
        raise UsageError(f"--operator {text}: write MODULE:ATTRIBUTE, such as shop.events:Operator")
    found: Any = _imported(name)
    for part in attribute.split(".") if attribute else ():
        if not hasattr(found, part):
            raise ConfigError(f"--operator {text}: {name} has no {attribute}")
        found = getattr(found, part)
    if isinstance(found, type):
        try:
            found = found()
        except Exception as error:
            hint = "; name an object where the class needs arguments"
            raise ConfigError(f"--operator {text}: {told(error)}{hint}") from error
    if not all(callable(getattr(found, part, None)) for part in ("get_topic", "process_event")):
        raise ConfigError(
            f"--operator {text}: is no operator; those have get_topic(consumer) and"
            " process_event(consumer, event)"
        )
    return found


def _imported(name: str) -> ModuleType:
    """Import a module of the program, which is looked for in this folder first."""
    with contextlib.suppress(OSError):  # the folder has been removed
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise _not_imported(name, error) from error


def _not_imported(name: str, error: BaseException) -> ConfigError:
    if (
        isinstance(error, ModuleNotFoundError)
        and error.name
        and f"{name}.".startswith(f"{error.name}.")
    ):
        return ConfigError(f"{name}: there is no such module, neither here nor in PYTHONPATH")
    frames = traceback.extract_tb(error.__traceback__)
    # Where the program's own code is; what is wrong with a declaration, the library has seen.
    where = [one for one in frames if not one.filename.startswith((_HERE, "<frozen "))][-1:]
    at = "".join(f", in {frame.filename}, line {frame.lineno}" for frame in where)
    return ConfigError(f"{name}: cannot be imported: {told(error)}{at}")
