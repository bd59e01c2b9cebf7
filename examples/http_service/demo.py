"""The main job, seen from outside: real requests, and the counts that come of them.

Starts the service, sends it requests of three outcomes, prints what `ecl-read` says, and
compares it with what this client received. Ends with status 1 if one count differs.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

HERE = Path(__file__).parent
OUTCOMES = {200: "ok", 404: "not_found", 500: "error"}
PATHS = ["/price/apple"] * 8 + ["/price/pear"] * 6 + ["/price/plum"] * 4 + ["/price/durian"] * 2
CLIENTS = 8


def main() -> int:
    """Run the demonstration; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=6000, help="how many to send")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ecl-demo-") as folder:
        environment = os.environ | {
            "HOME": folder,  # so that the embedded store is a fresh one
            "XDG_STATE_HOME": str(Path(folder, "state")),
            "ECL_CONFIG": str(HERE.parents[1] / "logging.yaml"),
            "DEMO_BIND": f"127.0.0.1:{free_port()}",
        }
        environment.pop("ECL_STORE", None)
        return demonstrate(arguments.requests, environment, Path(folder, "service.log"))


def demonstrate(requests: int, environment: dict[str, str], log: Path) -> int:
    """Run service and client; return 0 if the counts agree."""
    print(f"starting a service with four worker processes on {environment['DEMO_BIND']}")
    with log.open("wb") as output:
        service = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--config",
                "gunicorn.conf.py",
                "service:application",
            ],
            cwd=HERE,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(environment["DEMO_BIND"], service)
            received = send(requests, environment["DEMO_BIND"])
        except RuntimeError as error:
            print(error, log.read_text("utf-8", "replace"), sep="\n", file=sys.stderr)
            return 1
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(20)
    print("\n$ ecl-read -g requests -i 1h --current")
    print(ecl_read(["-g", "requests", "-i", "1h", "--current"], environment), end="")
    return compare(received, counted(environment))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(address: str, service: subprocess.Popen[bytes]) -> None:
    """Wait until the service answers."""
    host, port = address.split(":")
    for _ in range(200):
        if service.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the service did not start; it said:")


def send(requests: int, address: str) -> Counter[str]:
    """Send requests from several clients; return how often each outcome was received."""
    paths = random.Random(4).choices(PATHS, k=requests)
    received: Counter[str] = Counter()
    with (
        tqdm(total=requests, desc="requests", unit="", mininterval=0.5, file=sys.stdout) as bar,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):
        shares = [paths[first::CLIENTS] for first in range(CLIENTS)]
        for part in clients.map(lambda share: send_share(share, address, bar), shares):
            received += part
    return received


def send_share(paths: list[str], address: str, bar: tqdm[None]) -> Counter[str]:
    """Send some requests over one connection at a time."""
    received: Counter[str] = Counter()
    connection = http.client.HTTPConnection(address, timeout=10)
    for path in paths:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        received[OUTCOMES[response.status]] += 1
        bar.update()
    connection.close()
    return received


def ecl_read(arguments: list[str], environment: dict[str, str]) -> str:
    """Run ecl-read; return what it prints."""
    command = shutil.which("ecl-read", path=str(Path(sys.executable).parent)) or "ecl-read"
    return subprocess.run(
        [command, *arguments], env=environment, check=True, capture_output=True, text=True
    ).stdout


def counted(environment: dict[str, str]) -> Counter[str]:
    """Return all counts of the hour, and of the one before if it has just turned."""
    counts: Counter[str] = Counter()
    for which in ("--last", "--current"):
        for line in ecl_read(["-g", "requests", "-i", "1h", which], environment).splitlines():
            event, _, count = line.rpartition(":")
            counts[event] += int(count)
    return counts


def compare(received: Counter[str], counts: Counter[str]) -> int:
    """Print both numbers of each outcome; return 0 if they agree."""
    print(f"\n{'outcome':<12}{'received':>10}{'counted':>10}")
    for outcome in OUTCOMES.values():
        mark = "" if received[outcome] == counts[outcome] else "  <- differs"
        print(f"{outcome:<12}{received[outcome]:>10}{counts[outcome]:>10}{mark}")
    agree = received == +counts
    print("every response was counted once" if agree else "THE COUNTS DIFFER")
    return 0 if agree else 1


if __name__ == "__main__":
    raise SystemExit(main())
