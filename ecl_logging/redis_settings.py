"""What may be said of a connection to Redis: redis-py's arguments, each with its check.

Values are checked when configured, so that a slip is told with its place and not by the first
use. No message shows a value that may be a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["OF_MAPPINGS", "OF_TCP", "SETTINGS", "checked"]

_SETTING = re.compile(r"[A-Za-z_]\w{0,40}")


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
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("is a socket's path, as in unix:///run/redis.sock")
    return value


def _file(value: object) -> object:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("is a file's path")
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


SETTINGS: dict[str, Callable[[object], object]] = {
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
    "ssl_keyfile": _file,
    "ssl_certfile": _file,
    "ssl_cert_reqs": _certificate_check,
    "allow_insecure_tls": _flag,  # ours
    "ssl_ca_certs": _file,
    "ssl_ca_path": _file,
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
OF_MAPPINGS = {"ssl": _flag, "unix_socket_path": _path}

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
OF_TCP = {"host", "port", "socket_keepalive", "socket_keepalive_options"}


def checked(settings: Mapping[str, object], *, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with values as redis-py takes them; raise ValueError."""
    checks = {**SETTINGS, **more}
    values = {}
    for name, value in settings.items():
        if name in _NOT_TAKEN or value is None:
            continue
        if name not in checks:
            raise ValueError(_of_unknown(name, checks))
        try:
            values[name] = checks[name](value)
        except ValueError as error:
            # Only numbers are shown, and none where a text should be: that may be a password.
            is_number = isinstance(value, int | float) and checks[name] is not _text
            said = f"{name}: {value}" if is_number else name
            raise ValueError(f"{said} {error}") from None
    return values


def _of_unknown(name: str, known: Mapping[str, object]) -> str:
    from difflib import get_close_matches

    if not _SETTING.fullmatch(name):
        return "an unknown setting; write such as {host: cache, port: 6379, db: 0}, or a URL"
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
    return f"unknown setting {name!r}; {hint}"
