"""Which Redis is meant: URLs, mappings and redis-py clients, as settings for connections of ours.

What a client says about retries, pools and decoding is not taken over: that is ours to say.
Nothing here touches the network. Passwords are in no text that this module makes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

__all__ = ["SCHEMES", "RedisAddress", "from_client", "from_mapping", "from_url", "is_client"]

_TRANSPORTS = {"redis": "tcp", "rediss": "tls", "unix": "unix"}
SCHEMES = (*_TRANSPORTS, "redis+sentinel", "redis+cluster")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%\w]+\]|[\w.-]+)(:[0-9]+)?|[0-9A-Fa-f:]+")
_NAME = re.compile(r"[A-Za-z_]\w{0,40}")


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A server, and how to reach it."""

    transport: str  # "tcp", "tls", "unix", "sentinel" or "cluster"
    shown: str  # the URL without its secrets
    settings: Mapping[str, object] = field(repr=False)  # for redis-py's connections


# --- settings, each checked


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("is a text; quote it")
    return value


def _host(value: object) -> object:
    if not isinstance(value, str) or "/" in value or "@" in value:
        raise ValueError("is a host's name or address; a URL is given in place of the mapping")
    host = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if ":" in host:
        _check_address(host)
    elif not re.fullmatch(r"[\w.-]+", host) or not all(
        0 < len(label) < 64 for label in host.removesuffix(".").split(".")
    ):
        raise ValueError("is no host's name: between its dots are 1 to 63 letters and digits")
    return host


def _check_address(text: str) -> None:
    import ipaddress

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError("is no IPv6 address; a port goes into port") from None


def _name(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]+", value):
        raise ValueError("is a word without blanks")
    return value


def _path(value: object) -> object:
    if not isinstance(value, str) or not value:
        raise ValueError("is a socket's path, as in unix:///run/redis.sock")
    return value


def _whole(least: int, most: int) -> Callable[[object], object]:
    def check(value: object) -> object:
        number = int(value) if isinstance(value, str) and _is_digits(value) else value
        if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
            raise ValueError(f"is a whole number from {least} to {most}")
        return number

    return check


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _seconds(value: object) -> object:
    number = value
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            number = None
    if value is None:
        return None
    if not isinstance(number, int | float) or isinstance(number, bool) or not 0 < number < 1e6:
        raise ValueError("is a number of seconds above 0")
    return number


def _flag(value: object) -> object:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    flag = words.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(flag, bool):
        raise ValueError("is true or false")
    return flag


def _text_or_bytes(value: object) -> object:
    if not isinstance(value, str | bytes):
        raise ValueError("is a text; quote it")
    return value


def _certificate_check(value: object) -> object:
    """`none`, `optional`, `required`; or what module `ssl` calls them."""
    if value in {"none", "optional", "required"} or type(value).__name__ == "VerifyMode":
        return value
    raise ValueError("is none, optional or required")


def _object(value: object) -> object:
    """Something that only a program can make."""
    if isinstance(value, str | int | float | list | dict):
        raise ValueError("is an object of redis-py or ssl, to be given by a program")
    return value


def _tls_version(value: object) -> object:
    if type(value).__name__ != "TLSVersion":
        raise ValueError("is an ssl.TLSVersion, to be given by a program")
    return value


def _socket_options(value: object) -> object:
    if not isinstance(value, Mapping) or not all(
        isinstance(number, int) for pair in value.items() for number in pair
    ):
        raise ValueError("is a mapping of numbers, as socket.TCP_KEEPIDLE")
    return value


_CHECKS: dict[str, Callable[[object], object]] = {
    "host": _host,
    "port": _whole(1, 65535),
    "path": _path,
    "db": _whole(0, 2**31),
    "username": _text,
    "password": _text,
    "client_name": _name,
    "protocol": _whole(2, 3),
    "socket_timeout": _seconds,
    "socket_connect_timeout": _seconds,
    "socket_keepalive": _flag,
    "socket_keepalive_options": _socket_options,
    "credential_provider": _object,
    "ssl_keyfile": _text,
    "ssl_certfile": _text,
    "ssl_cert_reqs": _certificate_check,
    "ssl_ca_certs": _text,
    "ssl_ca_path": _text,
    "ssl_ca_data": _text_or_bytes,
    "ssl_check_hostname": _flag,
    "ssl_password": _text,
    "ssl_min_version": _tls_version,
    "ssl_ciphers": _text,
    "ssl_validate_ocsp": _flag,
    "ssl_validate_ocsp_stapled": _flag,
    "ssl_ocsp_context": _object,
    "ssl_ocsp_expected_cert": _text_or_bytes,
}
_OF_MAPPINGS = {"ssl": _flag, "unix_socket_path": _path}

# Taken by redis-py's client, and of no account here: connections are ours, none is shared,
# nothing is sent twice, and answers are bytes.
_NOT_TAKEN = {
    "charset",
    "connection_class",
    "connection_pool",
    "decode_responses",
    "encoding",
    "encoding_errors",
    "errors",
    "health_check_interval",
    "legacy_responses",
    "lib_name",
    "lib_version",
    "max_connections",
    "retry",
    "retry_on_error",
    "retry_on_timeout",
    "single_connection_client",
    "timeout",
}
_OF_TCP = {"host", "port", "socket_keepalive", "socket_keepalive_options"}


def _checked(settings: Mapping[str, object], *, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with values as redis-py takes them; raise ValueError."""
    checks = {**_CHECKS, **more}
    checked = {}
    for name, value in settings.items():
        if name in _NOT_TAKEN or value is None:
            continue
        if name not in checks:
            raise ValueError(_of_unknown(name, checks))
        try:
            checked[name] = checks[name](value)
        except ValueError as error:
            # Only numbers are shown, and none where a text should be: that may be a password.
            is_number = isinstance(value, int | float) and checks[name] is not _text
            said = f"{name}: {value}" if is_number else name
            raise ValueError(f"{said} {error}") from None
    return checked


def _of_unknown(name: str, known: Mapping[str, object]) -> str:
    from difflib import get_close_matches

    if not _NAME.fullmatch(name):
        return "an unknown setting; write such as {host: cache, port: 6379, db: 0}, or a URL"
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
    return f"unknown setting {name!r}; {hint}"


def _address(settings: dict[str, Any]) -> RedisAddress:
    """Sort out over what the server is reached."""
    if "credential_provider" in settings and {"username", "password"} & settings.keys():
        raise ValueError("credential_provider takes the place of username and password")
    path = settings.pop("unix_socket_path", None) or settings.pop("path", None)
    transport = "tls" if settings.pop("ssl", False) else "tcp"
    of_tls = {name for name in settings if name.startswith("ssl_")}
    db = settings.setdefault("db", 0)
    if path is not None:
        unused = _OF_TCP | of_tls
        kept = {name: value for name, value in settings.items() if name not in unused}
        suffix = f"?db={db}" if db else ""
        return RedisAddress("unix", f"unix://{path}{suffix}", kept | {"path": path})
    if transport == "tcp":
        settings = {name: value for name, value in settings.items() if name not in of_tls}
    host = settings.setdefault("host", "localhost")
    port = settings.setdefault("port", 6379)
    scheme = "rediss" if transport == "tls" else "redis"
    named = f"[{host}]" if ":" in host else host
    return RedisAddress(transport, f"{scheme}://{named}:{port}/{db}", settings)


# --- the ways to say it


def from_mapping(settings: Mapping[str, object]) -> RedisAddress:
    """Read a mapping with the names of redis-py's arguments; raise ValueError."""
    plain = {str(key): value for key, value in settings.items()}
    return _address(_checked(plain, more=_OF_MAPPINGS))


def from_url(scheme: str, url: str) -> RedisAddress:
    """Read a URL of one of `SCHEMES`; raise ValueError."""
    parts = _split(scheme, url)
    if scheme not in _TRANSPORTS:
        hosts = parts.netloc.rpartition("@")[2]
        return RedisAddress(scheme.partition("+")[2], f"{scheme}://{hosts}{parts.path}", {})
    settings: dict[str, object] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if scheme == "unix":
        settings["path"] = unquote(parts.path)
    else:
        settings["host"] = unquote(parts.hostname or "localhost")
        settings["port"] = 6379 if parts.port is None else parts.port
        if parts.path not in {"", "/"}:
            settings["db"] = parts.path.removeprefix("/")
    for name in ("username", "password"):
        value = getattr(parts, name)
        if value:
            settings[name] = unquote(value)
    checked = _checked(settings, more={})
    checked["ssl"] = scheme == "rediss"
    return _address(checked)


def _split(scheme: str, url: str) -> SplitResult:
    """Split the URL; what its parts are is not said where it cannot be: one is the password."""
    hint = f"{scheme}://...: not a URL; percent-encode special characters in the password"
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
    if "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise ValueError(hint)  # what comes before the '@' is a password cut in two
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
    known = {name: given[name] for name in _CHECKS if given.get(name) is not None}
    if not isinstance(known.get("socket_keepalive_options"), Mapping):
        known.pop("socket_keepalive_options", None)  # the library's own word for its default
    for name in ("username", "password"):
        if isinstance(known.get(name), bytes):
            known[name] = known[name].decode("utf-8", "surrogateescape")
        elif isinstance(known.get(name), int):
            known[name] = str(known[name])
    return _address(_checked(known, more={}) | {"ssl": kind == "SSLConnection"})
