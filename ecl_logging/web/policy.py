"""What a browser may do with a page: headers that each answer carries."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["with_policy"]


def with_policy(application: WSGIApplication, style: str) -> WSGIApplication:
    """Return an application whose answers load nothing, run nothing, and stay nowhere.

    `style` is the text of the one style element that its pages have. Whatever else a page came
    to contain, a browser would not run it.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(
            status: str, headers: list[tuple[str, str]], *error: object
        ) -> Callable[[bytes], object]:
            others = [(name, value) for name, value in headers if name not in policy]
            return start_response(status, [*others, *policy.items()], *error)  # type: ignore[arg-type]

        return application(environ, start)

    return answer
