"""Where shared counts live. `open_store` is the way in; `protocols` says what a store promises."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ecl_logging.addresses import StoreAddress, choose_address, embedded_path, parse_address
from ecl_logging.errors import ConfigError, StoreError
from ecl_logging.stores.protocols import Store

__all__ = ["check_store", "every_store_is", "open_chosen_store", "open_store", "standing_in"]

_shared_memory: dict[str, Store] = {}
_stand_in: Store | None = None


def open_store(store: object) -> Store:
    """Return the store that a URL names; an object with all of a store's methods as it is.

    `redis://[[user]:password@]host[:port][/db]`, `rediss://` (TLS), `unix://[:password@]/path[?db=N]`,
    `sqlite:///relative.db`, `sqlite:////absolute.db`, `memory://` (private), `memory://NAME`
    (shared in the process). In place of a URL, a mapping with the names of redis-py's arguments,
    or a redis-py client: its settings are taken over, the client itself is not used.

    Raises ConfigError for what names no store. Touches neither network nor disk: what is wrong
    with the place itself is told by the first use.
    """
    if isinstance(store, Store):
        return _stand_in or store
    try:
        return _open(parse_address(store), "")
    except ValueError as error:
        raise ConfigError(f"store: {error}") from None


def open_chosen_store(
    argument: object, configured: StoreAddress | None, *, prefix: str = ""
) -> Store:
    """Return the store of the argument, else of `ECL_STORE`, else configured, else embedded.

    `prefix` is put before all keys, in a Redis.
    """
    if isinstance(argument, Store):
        return _stand_in or argument
    try:
        return _open(choose_address(argument, configured), prefix)
    except ValueError as error:
        raise ConfigError(f"store: {error}") from None


def check_store(store: object, redis: object) -> object:
    """Return the argument that names a store, by either of its words; raise ConfigError."""
    if store is not None and redis is not None:
        raise ConfigError("redis is the older word for store; give one of them")
    given = redis if redis is not None else store
    open_chosen_store(given, None)  # raises what is wrong with it, or with ECL_STORE
    return given


@contextlib.contextmanager
def every_store_is(store: Store) -> Iterator[None]:
    """Have every store that is opened in the block be this one, whatever was asked for."""
    global _stand_in  # noqa: PLW0603 - what is opened anywhere in the process
    before, _stand_in = _stand_in, store
    try:
        yield
    finally:
        _stand_in = before


def standing_in() -> Store | None:
    """The store that every one is at present, by `every_store_is`; None as a rule."""
    return _stand_in


def _open(address: StoreAddress, prefix: str) -> Store:
    if _stand_in is not None:
        return _stand_in
    if address.kind == "redis":
        return _open_redis(address, prefix)
    if address.kind == "memory":
        from ecl_logging.stores.memory import MemoryStore

        if not address.target:
            return MemoryStore()
        return _shared_memory.setdefault(address.target, MemoryStore(address.shown))
    from ecl_logging.stores.sqlite.store import SqliteStore

    if address.kind == "embedded":
        return SqliteStore(embedded_path, private=True)
    return SqliteStore(address.target)


def _open_redis(address: StoreAddress, prefix: str) -> Store:
    if address.target not in {"tcp", "tls", "unix"}:
        raise ValueError(
            f"{address.shown}: this version knows neither Sentinel nor Cluster; name one server,"
            " such as redis://host:6379/0"
        )
    # Here and not with the first use, which is in a thread: a lock of the import system that a
    # fork finds taken stays taken in the child.
    from ecl_logging.stores.redis.store import RedisStore

    try:
        return RedisStore(address.target, address.settings, shown=address.shown, prefix=prefix)
    except StoreError as error:
        raise ValueError(str(error)) from None
