"""Two programs that share nothing but the address of a Redis, and a reader beside them.

Starts a Redis of its own, then shop and depot, each with a home and a working folder of its own,
as on two machines. Prints what `ecl-read` says, and compares it with what both have logged. Ends
with status 1 if one count differs.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run the example; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="ecl-example-") as name:
        folder = Path(name)
        with redis_server(folder) as url:
            print(f"counting in {url}")
            machines = [start(folder / script, url) for script in ("shop.py", "depot.py")]
            happened = sum((said_by(machine) for machine in machines), Counter[str]())
            counted = read(folder / "reader", url)
    for event in sorted(happened):
        print(f"{event:8} logged {happened[event]:5}   counted {counted[event]:5}")
    return 0 if counted == happened else 1


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Start a Redis on a free port, and end it after the block; its URL."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is not installed: apt-get install redis-server")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for(port: int) -> None:
    """Wait until somebody listens on the port."""
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise SystemExit("Redis does not start")


def machine(home: Path, url: str) -> dict[str, str]:
    """Return the environment of a machine: a home of its own, and the address of Redis."""
    home.mkdir()
    return os.environ | {"HOME": str(home), "ECL_STORE": url}


def start(home: Path, url: str) -> subprocess.Popen[str]:
    """Start the program of this name on a machine of its own."""
    environment = machine(home, url)
    command = [sys.executable, str(HERE / home.name)]
    return subprocess.Popen(
        command, cwd=home, env=environment, stdout=subprocess.PIPE, encoding="utf-8"
    )


def said_by(program: subprocess.Popen[str]) -> Counter[str]:
    """Return what a program says that it has logged."""
    output, _ = program.communicate()
    return Counter(json.loads(output))


def read(home: Path, url: str) -> Counter[str]:
    """Return what was counted, by a third machine that has no configuration file."""
    command = [sys.executable, "-m", "ecl_logging.tools.read"]
    # Both: the hour may have turned meanwhile.
    shown = subprocess.run(
        [*command, "-g", "orders", "-i", "1h", "--both"],
        env=machine(home, url),
        cwd=home,
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    print(f"$ ecl-read -g orders -i 1h --both\n{shown}")
    counted: Counter[str] = Counter()
    for event, count in re.findall(r"^(\w+):(\d+)$", shown, re.MULTILINE):
        counted[event] += int(count)
    return counted


if __name__ == "__main__":
    raise SystemExit(main())
