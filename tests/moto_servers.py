"""Moto's SQS, in a process of the tests' own on loopback; and a proxy before it that goes wrong."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ecl_logging.deadlines import Deadline

_ROOT = Path(__file__).parents[1]

Answer = tuple[int, bytes]
Fault = Callable[[bytes, Callable[[bytes], Answer]], Answer | None]
"""Gets a request and what passes one on; returns the answer, None to cut the connection."""


@contextlib.contextmanager
def running() -> Iterator[str]:
    """A server for the length of a block: its URL. It ends with this process, too."""
    command = [sys.executable, "-m", "tests.moto_servers"]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            command,
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            said.seek(0)
            assert port, said.read()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def set_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have boto3 look nowhere but here for keys, and find some that are nobody's."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobodys")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nobodys")


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have time for all: a machine with much else to do is not what a test is about."""
    from ecl_logging.events.queues import sqs, sqs_clients, sqs_dead_letters

    monkeypatch.setattr(sqs, "Deadline", lambda _: Deadline(60.0))
    monkeypatch.setattr(sqs_dead_letters, "_SEND_SECONDS", 60.0)
    monkeypatch.setattr(sqs_clients, "_no_longer_than", lambda _: 60.0)


class Proxy:
    """Passes requests on, but for those for which there is a fault."""

    def __init__(self, to: str) -> None:
        self._to = to.removeprefix("http://")
        self.reset()

    def reset(self) -> None:
        """Pass all on, as if there had been nothing."""
        self._faults: deque[tuple[str, Fault]] = deque()
        self.seen: list[tuple[str, Any]] = []  # operations and what they were asked
        self.released = threading.Event()  # what hangs goes on

    def once(self, operation: str, fault: Fault) -> None:
        """Have the next request of this kind go wrong; faults come one after the other."""
        self._faults.append((operation, fault))

    def times(self, operation: str) -> int:
        return sum(seen == operation for seen, _ in self.seen)

    def handle(self, operation: str, body: bytes, headers: dict[str, str]) -> Answer | None:
        self.seen.append((operation, json.loads(body)))

        def pass_on(body: bytes) -> Answer:
            with contextlib.closing(http.client.HTTPConnection(self._to)) as connection:
                more = headers | {"Content-Length": str(len(body))}
                connection.request("POST", "/", body, more)
                answer = connection.getresponse()
                return answer.status, answer.read()

        if self._faults and self._faults[0][0] == operation:
            return self._faults.popleft()[1](body, pass_on)
        return pass_on(body)

    # --- faults

    def hang(self, body: bytes, pass_on: Callable[[bytes], Answer]) -> None:
        self.released.wait(30)

    @staticmethod
    def cut(body: bytes, pass_on: Callable[[bytes], Answer]) -> None:
        """Before it was passed on."""

    @staticmethod
    def cut_when_done(body: bytes, pass_on: Callable[[bytes], Answer]) -> None:
        pass_on(body)

    @staticmethod
    def refuse(status: int, code: str, words: str = "Words of the service.") -> Fault:
        answer = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": words}).encode()
        return lambda body, pass_on: (status, answer)

    @staticmethod
    def say(text: bytes, status: int = 200) -> Fault:
        return lambda body, pass_on: (status, text)

    @staticmethod
    def fail_some(*numbers: int, code: str = "InternalError", by_sender: bool = False) -> Fault:
        """Pass on all entries but those at these places, which have failed."""

        def fail(body: bytes, pass_on: Callable[[bytes], Answer]) -> Answer:
            asked = json.loads(body)
            entries = asked["Entries"]
            failed = [entries[number] for number in numbers]
            asked["Entries"] = [entry for entry in entries if entry not in failed]
            status, text = pass_on(json.dumps(asked).encode()) if asked["Entries"] else (200, b"{}")
            answer = json.loads(text)
            answer["Failed"] = [
                {"Id": entry["Id"], "Code": code, "Message": "no", "SenderFault": by_sender}
                for entry in failed
            ]
            return status, json.dumps(answer).encode()

        return fail


@contextlib.contextmanager
def proxy(to: str) -> Iterator[tuple[str, Proxy]]:
    """A proxy for the length of a block, and its URL."""
    between = Proxy(to)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = between.handle(operation, body, dict(self.headers))
            if answer is None:
                self.close_connection = True
                return
            status, text = answer
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """The client has gone while it hung."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", between
        finally:
            between.released.set()
            server.shutdown()
            thread.join()


def _serve() -> None:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    sys.stdin.read()  # until whoever has started it is gone
    server.stop()


if __name__ == "__main__":
    _serve()
