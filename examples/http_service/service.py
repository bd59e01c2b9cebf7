"""A small HTTP service that logs what it does; nothing in it knows that records are counted.

gunicorn --config gunicorn.conf.py service:application
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

log = logging.getLogger("shop.web")

Start = Callable[[str, list[tuple[str, str]]], object]

STOCK = {"apple": 3, "pear": 2}


def application(environ: dict[str, object], start_response: Start) -> Iterable[bytes]:
    """Answer /price/<fruit>; /price/durian breaks."""
    fruit = str(environ["PATH_INFO"]).removeprefix("/price/")
    try:
        body = f"{price_of(fruit)}\n"
    except KeyError:
        log.warning("no %s here", fruit, extra={"event": "not_found"})
        return answer(start_response, "404 Not Found", "nothing\n")
    except ZeroDivisionError:
        log.exception("no price for %s", fruit, extra={"event": "error"})
        return answer(start_response, "500 Internal Server Error", "sorry\n")
    log.info("price of %s", fruit, extra={"event": "ok"})
    return answer(start_response, "200 OK", body)


def price_of(fruit: str) -> int:
    """Return a price; fail for what is not sold, and for durian."""
    return 1 // 0 if fruit == "durian" else STOCK[fruit]


def answer(start_response: Start, status: str, text: str) -> Iterable[bytes]:
    """Send a plain text."""
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text.encode()]
