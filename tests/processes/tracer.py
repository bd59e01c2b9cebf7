"""A program that runs a command and writes down of which modules something is used, and by whom.

Its arguments: the file to write, the command's module, and the command's own arguments.

Of a function that runs after the imports, its own module is used, and the modules of the global
names in it. While a module is imported, it uses those whose functions it calls, and those whose
classes its own are made from.
"""

from __future__ import annotations

import importlib
import json
import sys
from types import CodeType, FrameType, ModuleType
from typing import Any

_IMPORT_SYSTEM = ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
_OPTIMISED = 1  # a flag of functions; modules and classes run without it

importing: list[str] = []  # the innermost at the end
used: set[str] = set()
uses: set[tuple[str, str]] = set()  # who, of whom, while it was imported
seen: set[CodeType] = set()


def profile(frame: FrameType, event: str, argument: Any) -> None:
    code = frame.f_code
    if code.co_filename in _IMPORT_SYSTEM:
        if code.co_name == "_find_and_load" and event == "call":
            importing.append(frame.f_locals["name"])
        elif code.co_name == "_find_and_load" and event == "return":
            importing.pop()
    elif event == "c_call":
        note(module_of(argument))
    elif event == "call" and code.co_flags & _OPTIMISED:
        note(frame.f_globals.get("__name__"))
        if not importing and code not in seen:
            seen.add(code)
            for name in code.co_names:
                if name in frame.f_globals:
                    note(module_of(frame.f_globals[name]))


def note(module: object) -> None:
    if not isinstance(module, str):
        return
    if importing:
        uses.add((importing[-1], module))
    else:
        used.add(module)


def module_of(value: object) -> object:
    owner = getattr(value, "__self__", None)
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(owner, ModuleType):
        return owner.__name__
    kind = type(value) if owner is None else type(owner)
    return getattr(value, "__module__", None) or kind.__module__


def note_bases() -> None:
    for name, module in list(sys.modules.items()):
        for value in list(vars(module).values()):
            if isinstance(value, type) and value.__module__ == name:
                uses.update((name, base.__module__) for base in value.__mro__[1:])


if __name__ == "__main__":
    told, command, *arguments = sys.argv[1:]
    sys.argv = [command, *arguments]
    sys.setprofile(profile)
    status = importlib.import_module(command).main()
    sys.setprofile(None)
    note_bases()
    with open(told, "w") as file:
        json.dump({"used": sorted(used), "uses": sorted(uses)}, file)
    raise SystemExit(status)
