"""Two programs that share nothing but the address of a Redis, and a reader beside them.

Starts a Redis of its own, then shop and depot, each with a home and a working folder of its own,
as on two machines. Prints what `ecl-read` says, and compares it with what both have logged. Ends
with status 1 if one count differs.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, compare, free_port, said_by, wait_for

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run the example; return the exit status."""
    with redis_server() as url, machine(url) as first, machine(url) as second:
        print(f"counting in {url}")
        programs = [first.start(HERE / "shop.py"), second.start(HERE / "depot.py")]
        logged: Counter[str] = Counter()
        for program in programs:
            logged.update(json.loads(said_by(program)))
        with machine(url) as third:  # it has no configuration file
            counted = third.counted("orders")
    return compare(logged, counted)


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """Start a Redis on a free port, and end it after the block; its URL."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is not installed: apt-get install redis-server")
    port = free_port()
    # Nothing is written anywhere.
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, encoding="utf-8")
    try:
        wait_for(port, server)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def machine(url: str) -> Iterator[Trial]:
    """Give a machine: a home and a working folder of its own, and the address of Redis."""
    with Trial(__file__) as trial:
        trial.folder = trial.home
        trial.environment["ECL_STORE"] = url
        yield trial


if __name__ == "__main__":
    raise SystemExit(main())
