"""Where a store is: reading store URLs, choosing one, and the embedded default's place.

Nothing here touches network or disk. Passwords are in no text that this module makes.
"""

from __future__ import annotations

import os
import re
import reprlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ecl_logging.errors import StoreUnavailable

if TYPE_CHECKING:
    from ecl_logging.redis_addresses import RedisAddress

__all__ = ["StoreAddress", "choose_address", "embedded_path", "parse_address"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_FORMS = "redis://host:6379/0, sqlite:///relative.db, sqlite:////absolute.db, memory://"


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A store that has been named, not yet opened."""

    kind: str  # "sqlite", "memory", "redis" or "embedded"
    target: str = ""  # a path, the name of a shared memory store, or how Redis is reached
    shown: str = ""  # how messages name it: secrets masked
    settings: Mapping[str, object] = field(default_factory=dict, repr=False)  # for redis-py


EMBEDDED = StoreAddress("embedded", shown="the embedded store")
"""The default: a file whose place is looked up when the store is first used."""


def choose_address(argument: object, configured: StoreAddress | None) -> StoreAddress:
    """Return the store to use: the argument, else `ECL_STORE`, else the file's, else embedded.

    Raises ValueError for a URL that names no store.
    """
    if argument is not None:
        return parse_address(argument)
    from_environment = os.environ.get("ECL_STORE", "").strip()
    if from_environment:
        try:
            return parse_address(from_environment)
        except ValueError as error:
            raise ValueError(f"environment variable ECL_STORE: {error}") from None
    return configured or EMBEDDED


def parse_address(value: object) -> StoreAddress:
    """Read a store URL, a mapping of redis-py's settings, or a client of redis-py's.

    Raises ValueError for anything else.
    """
    if isinstance(value, StoreAddress):
        return value
    if isinstance(value, str):
        return _parse_url(value)
    from ecl_logging import redis_addresses

    if isinstance(value, Mapping):
        return _redis(redis_addresses.from_mapping(value))
    if redis_addresses.is_client(value):
        return _redis(redis_addresses.from_client(value))
    raise ValueError(f"a store is a URL or a mapping, not {type(value).__name__}; {_forms()}")


def _parse_url(value: str) -> StoreAddress:
    if not value.strip():
        raise ValueError(f"is empty; {_forms()}")
    scheme, separator, rest = value.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        # The text is not shown: it may be a URL with a password and a missing slash.
        raise ValueError(f"not a store URL; {_forms()}")
    if scheme == "sqlite":
        return _sqlite(rest)
    if scheme == "memory":
        return _memory(rest)
    # Here, since the other stores need nothing of it.
    from ecl_logging import redis_addresses

    if scheme in redis_addresses.SCHEMES:
        return _redis(redis_addresses.from_url(scheme, value))
    raise ValueError(f"unknown scheme {reprlib.repr(scheme)}; {_forms()}")


def _forms() -> str:
    return f"write one of {_FORMS}"


def _sqlite(rest: str) -> StoreAddress:
    if not rest.startswith("/") or rest == "/" or rest.endswith("/"):
        # What stands there is not shown: it may be a server's address with a password.
        raise ValueError(
            "sqlite://...: a path follows the third slash; write sqlite:///relative.db or "
            "sqlite:////absolute.db"
        )
    if "?" in rest or "#" in rest or not rest.isprintable():
        raise ValueError(
            f"sqlite://{reprlib.repr(rest)[1:-1]}: a store's path has none of '?', '#' and what"
            " cannot be printed"
        )
    return StoreAddress("sqlite", rest[1:], f"sqlite://{rest}")


def _memory(rest: str) -> StoreAddress:
    name = rest.strip("/")
    if "@" in name or not name.isprintable():
        # Not shown: a server's address with a password may have been meant.
        raise ValueError("memory://...: a name is printable, without '@'; write memory://NAME")
    return StoreAddress("memory", name, f"memory://{rest}")


def _redis(address: RedisAddress) -> StoreAddress:
    return StoreAddress("redis", address.transport, address.shown, address.settings)


def embedded_path() -> str:
    """Return the path of the embedded default store; raise StoreUnavailable without a home."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.join(_home(), "AppData", "Local")
    elif sys.platform == "darwin":
        base = os.path.join(_home(), "Library", "Application Support")
    else:
        base = os.environ.get("XDG_STATE_HOME", "")
        if not os.path.isabs(base):  # the XDG specification: a relative one is to be ignored
            base = os.path.join(_home(), ".local", "state")
    return os.path.join(base, "ecl_logging", "counts.db")


def _home() -> str:
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        raise StoreUnavailable("the embedded store has no place: this user has no home directory")
    return home
