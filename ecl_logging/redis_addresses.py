"""Which Redis is meant: URLs, mappings and redis-py clients, as settings for connections of ours.

What a client says about retries, pools and decoding is not taken over: that is ours to say.
Nothing here touches the network. Passwords are in no text that this module makes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from ecl_logging.redis_settings import OF_MAPPINGS, OF_TCP, SETTINGS, checked

__all__ = ["SCHEMES", "RedisAddress", "from_client", "from_mapping", "from_url", "is_client"]

_TRANSPORTS = {"redis": "tcp", "rediss": "tls", "unix": "unix"}
SCHEMES = (*_TRANSPORTS, "redis+sentinel", "redis+cluster")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%\w]+\]|[\w.-]+)(:[0-9]+)?|[0-9A-Fa-f:]+")


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A server, and how to reach it."""

    transport: str  # "tcp", "tls", "unix", "sentinel" or "cluster"
    shown: str  # the URL without its secrets
    settings: Mapping[str, object] = field(repr=False)  # for redis-py's connections


def _address(settings: dict[str, Any]) -> RedisAddress:
    """Sort out over what the server is reached."""
    if "credential_provider" in settings and {"username", "password"} & settings.keys():
        raise ValueError("credential_provider takes the place of username and password")
    path = settings.pop("unix_socket_path", None) or settings.pop("path", None)
    transport = "tls" if settings.pop("ssl", False) else "tcp"
    may_be_anybody = settings.pop("allow_insecure_tls", False)
    of_tls = {name for name in settings if name.startswith("ssl_")}
    db = settings.setdefault("db", 0)
    if path is not None:
        unused = OF_TCP | of_tls
        kept = {name: value for name, value in settings.items() if name not in unused}
        suffix = f"?db={db}" if db else ""
        return RedisAddress("unix", f"unix://{path}{suffix}", kept | {"path": path})
    if transport == "tcp":
        settings = {name: value for name, value in settings.items() if name not in of_tls}
    check = settings.get("ssl_cert_reqs")
    if getattr(check, "name", check) in {"none", "CERT_NONE"}:
        if not may_be_anybody:
            raise ValueError(
                "ssl_cert_reqs: none lets anybody be the server; name its certificate in"
                " ssl_ca_certs, or add allow_insecure_tls: true"
            )
        # A certificate that is not checked has no name to check; redis-py 6.0 wants to be told.
        settings.setdefault("ssl_check_hostname", False)
    if "ssl_keyfile" in settings and "ssl_certfile" not in settings:
        raise ValueError("ssl_keyfile is the key of a certificate; name that in ssl_certfile")
    if "ssl_certfile" in settings:
        settings.setdefault("ssl_password", "")  # else OpenSSL may ask for one at the terminal
    host = settings.setdefault("host", "localhost")
    port = settings.setdefault("port", 6379)
    scheme = "rediss" if transport == "tls" else "redis"
    named = f"[{host}]" if ":" in host else host
    return RedisAddress(transport, f"{scheme}://{named}:{port}/{db}", settings)


# --- the ways to say it


def from_mapping(settings: Mapping[str, object]) -> RedisAddress:
    """Read a mapping with the names of redis-py's arguments; raise ValueError."""
    plain = {str(key): value for key, value in settings.items()}
    return _address(checked(plain, more=OF_MAPPINGS))


def from_url(scheme: str, url: str) -> RedisAddress:
    """Read a URL of one of `SCHEMES`; raise ValueError."""
    parts = _split(scheme, url)
    if scheme not in _TRANSPORTS:
        hosts = parts.netloc.rpartition("@")[2]
        return RedisAddress(scheme.partition("+")[2], f"{scheme}://{hosts}{parts.path}", {})
    settings: dict[str, object] = {}
    if scheme == "unix":
        settings["path"] = unquote(parts.path)
    else:
        if parts.hostname:
            settings["host"] = unquote(parts.hostname)
        if parts.port is not None:
            settings["port"] = parts.port
        if parts.path not in {"", "/"}:
            settings["db"] = parts.path.removeprefix("/")
    for name in ("username", "password"):
        value = getattr(parts, name)
        if value:
            settings[name] = unquote(value)
    options = parse_qsl(parts.query, keep_blank_values=True)
    values = checked(settings | dict(options), more={})
    names = [*settings, *(name for name, _ in options)]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is there twice; write it once")
    return _address(values | {"ssl": scheme == "rediss"})


def _split(scheme: str, url: str) -> SplitResult:
    """Split the URL; what its parts are is not said where it cannot be: one is the password."""
    hint = (
        f"{scheme}://...: not a URL; percent-encode special characters in the password, and write"
        " a port from 1 to 65535"
    )
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2]
        if scheme in {"redis", "rediss"}:
            _ = parts.port  # raises for one that is no number
    except ValueError:
        # urllib's own message would show the start of a password with a '/' in it.
        raise ValueError(hint) from None
    if not all(_HOST.fullmatch(host) for host in hosts.split(",") if host):
        raise ValueError(hint)
    if parts.fragment or "@" in f"{parts.path}{parts.query}":
        raise ValueError(hint)  # what comes before the '#' or '@' is a password cut in two
    return parts


def is_client(value: object) -> bool:
    """Whether it is a client of redis-py's, or of something that is made like it."""
    return any(cls.__module__.partition(".")[0] == "redis" for cls in type(value).__mro__)


def from_client(client: Any) -> RedisAddress:
    """Take over where a client's connections lead to; raise ValueError where that is not known.

    The client itself is not used: it may send a command twice, and its connections may cross
    a fork.
    """
    pool = getattr(client, "connection_pool", None)
    kind = getattr(getattr(pool, "connection_class", None), "__name__", None)
    given = dict(getattr(pool, "connection_kwargs", {}))
    is_async = any(cls.__module__.startswith("redis.asyncio") for cls in type(client).__mro__)
    has_own_login = given.get("redis_connect_func") is not None
    known_kinds = {"Connection", "SSLConnection", "UnixDomainSocketConnection"}
    if kind not in known_kinds or is_async or has_own_login:
        what = f"{type(client).__module__}.{type(client).__qualname__}"
        raise ValueError(
            f"a client of the kind {what} with connections of the kind {kind or 'unknown'} cannot"
            " be taken over; hand in a plain redis.Redis, or name the server by a URL"
        )
    if kind == "UnixDomainSocketConnection":
        given.setdefault("path", "")
    else:
        given.pop("path", None)
    known = {name: given[name] for name in SETTINGS if given.get(name) is not None}
    if not isinstance(known.get("socket_keepalive_options"), Mapping):
        known.pop("socket_keepalive_options", None)  # the library's own word for its default
    for name in ("username", "password"):
        if isinstance(known.get(name), bytes):
            known[name] = known[name].decode("utf-8", "surrogateescape")
        elif isinstance(known.get(name), int):
            known[name] = str(known[name])
    # What the program has switched off in its client is its own decision.
    said = {"ssl": kind == "SSLConnection", "allow_insecure_tls": True}
    return _address(checked(known, more={}) | said)
