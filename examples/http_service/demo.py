"""The main job, seen from outside: real requests, and the counts that come of them.

Starts the service, sends it requests of three outcomes, prints what `ecl-read` says, and
compares it with what this client received. Ends with status 1 if one count differs.
"""

from __future__ import annotations

import argparse
import http.client
import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import CLIENTS, Trial, compare, free_port

OUTCOMES = {200: "ok", 404: "not_found", 500: "error"}
PATHS = ["/price/apple"] * 8 + ["/price/pear"] * 6 + ["/price/plum"] * 4 + ["/price/durian"] * 2
GUNICORN = ["-m", "gunicorn", "--config", "gunicorn.conf.py", "service:application"]


def main() -> int:
    """Run the demonstration; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=6000, help="how many to send")
    arguments = parser.parse_args()
    port = free_port()
    with Trial(__file__) as trial:
        trial.environment["ECL_CONFIG"] = str(trial.folder.parents[1] / "logging.yaml")
        trial.environment["DEMO_BIND"] = f"127.0.0.1:{port}"
        log = trial.home / "service.log"
        try:
            print(f"starting a service with four worker processes on port {port}")
            with log.open("w") as output, trial.server(*GUNICORN, port=port, stderr=output):
                received = send(arguments.requests, port)
        except RuntimeError as error:
            print(error, log.read_text("utf-8", "replace"), sep="\n", file=sys.stderr)
            return 1
        counted = trial.counted("requests")
    return compare(received, counted, title="received")


def send(requests: int, port: int) -> Counter[str]:
    """Send requests from several clients; return how often each outcome was received."""
    paths = random.Random(4).choices(PATHS, k=requests)
    received: Counter[str] = Counter()
    with (
        tqdm(total=requests, desc="requests", unit="", mininterval=0.5, file=sys.stdout) as bar,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):
        shares = [paths[first::CLIENTS] for first in range(CLIENTS)]
        for part in clients.map(lambda share: send_share(share, port, bar), shares):
            received += part
    return received


def send_share(paths: list[str], port: int, bar: tqdm[None]) -> Counter[str]:
    """Send some requests over one connection at a time."""
    received: Counter[str] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for path in paths:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        received[OUTCOMES[response.status]] += 1
        bar.update()
    connection.close()
    return received


if __name__ == "__main__":
    raise SystemExit(main())
