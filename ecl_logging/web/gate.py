"""Who may ask for what: the first thing that happens to a request."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["gated", "guarded", "is_loopback", "may_be_called_so", "refusal"]

_METHODS = ("GET", "HEAD")


def gated(
    application: WSGIApplication, may_be_called: Callable[[str], bool], *, hint: str = ""
) -> WSGIApplication:
    """Return what lets GET and HEAD through, where the host may be called so.

    HEAD is asked as GET, so an application need not know of it. `hint` is told with a refused
    host: how the name can be allowed.
    """
    reason = f"this host is not served here{hint and '; '}{hint}"

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not may_be_called(environ.get("HTTP_HOST", "")):
            return refusal(start_response, "403 Forbidden", reason)
        if environ["REQUEST_METHOD"] not in _METHODS:
            allow = ("Allow", ", ".join(_METHODS))
            return refusal(start_response, "405 Method Not Allowed", "use GET or HEAD", allow)
        if environ["REQUEST_METHOD"] == "HEAD":
            return _head_of(application, environ, start_response)
        return application(environ, start_response)

    return answer


def guarded(
    pages: Mapping[str, WSGIApplication], may_be_called: Callable[[str], bool]
) -> WSGIApplication:
    """Return what answers GET and HEAD of these paths, where the host may be called so."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        page = pages.get(environ.get("PATH_INFO", ""))
        if page is None:
            return refusal(start_response, "404 Not Found", "there is no such page")
        return page(environ, start_response)

    return gated(answer, may_be_called)


def _head_of(
    page: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Answer as to GET, with the length of the content in place of it."""
    answers: list[tuple[str, list[tuple[str, str]]]] = []

    def note(status: str, headers: list[tuple[str, str]], *_: object) -> Callable[..., object]:
        answers.append((status, headers))
        return answers.append

    content = b"".join(page({**environ, "REQUEST_METHOD": "GET"}, note))
    status, headers = answers[-1]
    others = [(name, value) for name, value in headers if name.lower() != "content-length"]
    start_response(status, [*others, ("Content-Length", str(len(content)))])
    return []


def refusal(
    start_response: StartResponse, status: str, reason: str, *headers: tuple[str, str]
) -> list[bytes]:
    """Answer with a status and a line of text."""
    content = f"{status}: {reason}\n".encode()
    plain = ("Content-Type", "text/plain; charset=utf-8")
    start_response(status, [plain, ("Content-Length", str(len(content))), *headers])
    return [content]


def may_be_called_so(names: Collection[str], *, on_loopback: bool) -> Callable[[str], bool]:
    """Return what decides on a Host header.

    A server of this machine only would otherwise answer to pages of the web: a browser asks it
    under a name of theirs, which they let lead here. So on loopback the host must have one of
    the machine's own names, or one of `names`. Elsewhere it is checked where there are names.
    """
    known = {name.lower() for name in names}

    def may_be_called(header: str) -> bool:
        host = _host_of(header)
        if host in known or (on_loopback and is_loopback(host)):
            return True
        return not (known or on_loopback)

    return may_be_called


def _host_of(header: str) -> str:
    """Return a Host header's name, without the port."""
    if header.startswith("["):
        address, bracket, _ = header[1:].partition("]")
        return address.lower() if bracket else ""
    return header.partition(":")[0].lower()


def is_loopback(host: str) -> bool:
    """Whether a name or an address is one that every machine has for itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
