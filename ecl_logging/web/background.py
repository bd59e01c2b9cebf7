"""Status pages from within a program: a server in the background, that the program outlives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from ecl_logging.errors import EclError
from ecl_logging.stats.objects import get_stats
from ecl_logging.web.gate import is_loopback
from ecl_logging.web.pages import create_app
from ecl_logging.web.quiet_server import QuietServer
from ecl_logging.web.server import Listening

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from prometheus_client.registry import Collector

__all__ = ["BackgroundServer", "serve_in_background"]

_WAIT = 5.0  # seconds at most, for a thread that ends within one


def serve_in_background(  # noqa: PLR0913 - those of create_app, and where
    port: int,
    server_name: str | None = None,
    *,
    host: str = "127.0.0.1",
    hosts: Collection[str] = (),
    stats: Callable[[], Mapping[Any, Any]] = get_stats,
    collectors: Iterable[Collector] | None = None,
) -> BackgroundServer:
    """Serve the status pages from a thread of this program, until it ends.

    ::

        serve_in_background(8765, server_name="something-server-42")

    They are at http://localhost:8765/status/ then. With port 0 the system chooses one. It listens
    before this returns; raises EclError where it cannot. `host` is where it listens: at loopback
    by default, so that only this machine can read them. At another address it may be called by any
    name, or by `hosts` where there are some. The other arguments are those of `create_app`.

    The program's end does not wait for it. A forked child does not serve, and holds no port; it
    may call this for one of its own.
    """
    listening = Listening(host, port)
    try:
        on_loopback = all(map(is_loopback, listening.addresses))
        application = create_app(
            server_name,
            stats=stats,
            hosts=hosts or (() if on_loopback else ("*",)),
            collectors=collectors,
        )
        return BackgroundServer(application, listening)
    except BaseException:
        listening.close()
        raise


class BackgroundServer:
    """What `serve_in_background` returns. Thread safe; a context manager that closes it.

    It goes on also where nobody keeps it.
    """

    def __init__(self, application: WSGIApplication, listening: Listening) -> None:
        """Serve an application where something listens. Raises EclError."""
        self._listening = listening
        try:
            self._server = QuietServer(application, listening.sockets)
            self._thread = threading.Thread(
                target=self._server.run, name="ecl-status-pages", daemon=True
            )
            self._start()
        except RuntimeError as error:  # the system gives no more threads
            raise EclError(f"cannot serve on {listening.shown}: {error}") from error

    def _start(self) -> None:
        try:
            self._thread.start()
        except BaseException:
            self._server.end()
            raise

    @property
    def port(self) -> int:
        """Where it listens; the one that was chosen, where that was left to the system."""
        return self._listening.port

    @property
    def url(self) -> str:
        """The URL of all of the tree, with the host that was given."""
        return f"http://{self._listening.shown}/status/"

    def close(self) -> None:
        """Serve no more; the port is free then. Safe to call twice, and in a forked child.

        What is being answered at that moment has a second to be done.
        """
        self._server.stop()
        if threading.current_thread() is not self._thread:
            self._thread.join(_WAIT)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def __repr__(self) -> str:
        state = ", over" if self._server.is_over else ""
        return f"<BackgroundServer {self.url}{state}>"
