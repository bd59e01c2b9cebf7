"""redis-py in a command's own process: without what its package imports for clients.

`redis/__init__.py` imports the clients for threads, asyncio, Cluster and Sentinel, and the commands
of all server modules. A connection needs none of it, and a command that reads one bucket would
have ended before all of that is there.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

__all__ = ["import_redis_leanly"]

_PACKAGE = "redis"
_NEEDED = "redis.connection"


def import_redis_leanly() -> None:
    """Have redis-py's package run its `__init__` when a name in it is asked for, not before.

    Where a version cannot be imported so, it is imported as usual. Does nothing where it has been
    imported already. Not for a process that has others' code in it: what they import would be the
    same package, but at another time.
    """
    if _PACKAGE not in sys.modules:
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Asks the other finders, and has what they find run later; once."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != _PACKAGE:
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment] # as those of importlib are
        return spec


class _Loader:
    """Makes the package without running its `__init__`."""

    def __init__(self, usual: Any) -> None:
        self._usual = usual

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._usual.create_module(spec)
        return made

    def exec_module(self, package: ModuleType) -> None:
        package.__loader__ = self._usual
        if package.__spec__ is not None:
            package.__spec__.loader = self._usual
        names = vars(package)
        empty = dict(names)

        def run_now(name: str) -> object:
            """Called by Python for a name that the package does not have."""
            if names.pop("__getattr__", None) is None:
                raise AttributeError(f"module {_PACKAGE!r} has no attribute {name!r}")
            self._usual.exec_module(package)
            return getattr(package, name)

        names["__getattr__"] = run_now
        try:
            __import__(_NEEDED)
        except Exception:  # noqa: BLE001 - what is really wrong is told by the usual way
            for module in [module for module in sys.modules if module.startswith(f"{_PACKAGE}.")]:
                del sys.modules[module]
            names.clear()
            names.update(empty)
            self._usual.exec_module(package)
