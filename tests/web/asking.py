"""Asking the status pages for something: the application, or a server at a port."""

from __future__ import annotations

import contextlib
import http.client
import socket
from typing import Any
from urllib.parse import unquote_to_bytes

from werkzeug.test import Client, TestResponse

from ecl_logging.web import create_app

LOCALHOST = "127.0.0.1"

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


def ask_at(port: int, path: str = "/status/?format=json", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(LOCALHOST, port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def is_refused(port: int) -> bool:
    try:
        socket.create_connection((LOCALHOST, port), timeout=30).close()
    except ConnectionRefusedError:
        return True
    return False
