"""Where events come from: the context that is in the header of each."""

from __future__ import annotations

import os
import socket
import sys

from ecl_logging.errors import ConfigError

__all__ = ["current_context", "set_context"]

_MOST = 200  # characters of each

_given: dict[str, str] = {}
_context: dict[str, str] | None = None


def current_context() -> dict[str, str]:
    """Return a copy of the context; what is not known is not in it. Never waits for a network."""
    global _context  # noqa: PLW0603 - found out once
    if _context is None:
        found = {"fqdn": _host(), "application": _program(), **_given}
        _context = {name: text for name, text in found.items() if text}
    return _context.copy()


def set_context(
    *, fqdn: str | None, application: str | None, application_version: str | None
) -> None:
    """Set the context from now on; None is what can be found out. Raises ConfigError."""
    global _given, _context
    given = {
        "fqdn": fqdn,
        "application": application,
        "application_version": application_version,
    }
    problems = [
        f"{name}: expected a text of 1 to {_MOST} characters, not {ascii(text)[:50]}"
        for name, text in given.items()
        if text is not None and not _is_fit(text)
    ]
    if problems:
        raise ConfigError(problems)
    _given, _context = {name: text for name, text in given.items() if text is not None}, None


def _is_fit(text: object) -> bool:
    if not isinstance(text, str) or not 1 <= len(text) <= _MOST:
        return False
    try:
        text.encode()
    except UnicodeError:
        return False
    return True


def _host() -> str:
    """The name that the machine has for itself: asking for its full name may wait for a server."""
    try:
        return _readable(socket.gethostname())
    except OSError:
        return ""


def _program() -> str:
    """What was started: the script's name, or that of the package after `-m`."""
    path = sys.argv[0] if getattr(sys, "argv", None) else ""
    if path in {"", "-", "-c", "-m"}:
        return ""
    folder, file = os.path.split(os.path.abspath(path))
    name = os.path.splitext(file)[0]
    return _readable(os.path.basename(folder) if name == "__main__" else name)


def _readable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()[:_MOST]
