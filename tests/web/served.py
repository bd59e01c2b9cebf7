"""A program whose statistics are served in the way that its argument names, as the docs have it."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from pathlib import Path
from typing import Any

from ecl_logging import stats
from ecl_logging.web import serve_in_background

DOCS = Path(__file__).parents[2] / "docs" / "status-pages.md"
WAYS = ("flask", "tornado", "twisted", "waitress")

NAMES = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(2)>",
    "two\nlines",
    "</style><script>alert(3)</script>",
    "javascript:alert(4)",
    "&lt;b&gt;",
    "50% of C:\\temp?x=1#y",
    "grün\u202etxt.exe",
]


def make_stats() -> None:
    web = stats.collection("/web", stats.IntStat("errors"), stats.IntStat("success"))
    web.errors = 7
    web.success = 1234
    workers = stats.collection("/workers/thread-1", stats.IntStat("errors"), stats.Stat("state"))
    workers.errors = 3
    workers.state = "waiting"
    stats.set_collapsed("/workers")
    hostile = stats.collection("/hostile", *(stats.Stat(name) for name in NAMES))
    for name in NAMES:
        setattr(hostile, name, name)
    kept = [web, workers, hostile]
    for name in NAMES:
        below = "/" + name.replace("/", "|")
        kept.append(stats.collection(f"/folded{below}", stats.IntStat("opened")))
        kept[-1].opened = 1
        stats.set_collapsed(f"/folded{below}")
    globals()["kept"] = kept


def documented(way: str) -> dict[str, Any]:
    """What the docs' code defines."""
    text = DOCS.read_text("utf-8")
    [block] = re.findall(rf"\nIn {way.title()}[^\n]*:\n\n```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    return names


def by_flask() -> None:
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, documented("flask")["app"], threaded=True)
    tell(server.port)
    server.serve_forever()


def by_tornado() -> None:
    async def serve() -> None:
        from tornado.httpserver import HTTPServer
        from tornado.netutil import bind_sockets

        sockets = bind_sockets(0, "127.0.0.1")
        HTTPServer(documented("tornado")["app"]).add_sockets(sockets)
        tell(sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(serve())


def by_twisted() -> None:
    from twisted.web.server import Site

    names = documented("twisted")
    listening = names["reactor"].listenTCP(0, Site(names["root"]), interface="127.0.0.1")
    tell(listening.getHost().port)
    names["reactor"].run()


def by_waitress() -> None:
    tell(serve_in_background(0, server_name="shop").port)
    threading.Event().wait()


def tell(port: int) -> None:
    print(port, flush=True)


if __name__ == "__main__":
    make_stats()
    globals()[f"by_{sys.argv[1]}"]()
