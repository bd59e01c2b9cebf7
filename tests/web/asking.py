"""Asking the status pages for something, without a server."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from werkzeug.test import Client, TestResponse

from ecl_logging.web import create_app

TREE = {
    "web": {"errors": 7, "success": 1234, "by_path": {"/x": 3, "/x/y": {"n": 1}}},
    "up": True,
    "none": None,
}


def ask(path: str, host: str = "localhost", method: str = "GET", **chosen: Any) -> TestResponse:
    application = create_app("shop", **{"stats": lambda: TREE} | chosen)
    path, _, query = path.partition("?")
    # As servers have it, byte by byte; the client would take some of it for other things.
    environ = {"PATH_INFO": unquote_to_bytes(path).decode("latin-1")}
    return Client(application).open(
        query_string=query, method=method, headers={"Host": host}, environ_overrides=environ
    )
