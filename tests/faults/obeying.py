"""What a program of a `Crew` runs: it counts, and stops counting, as the test says."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from tests.faults.counted import event_count_logger, log_records

COUNT, SETTLE = "count", "settle"


def flush_until_done() -> None:
    """Have everything sent, however often that takes a try: the outage's pauses are passed over."""
    while not event_count_logger().flush():
        time.sleep(0.002)


def obey() -> None:
    """Do what the last line of the file `$ORDERS` says, until the test kills this program.

    `count`: log and flush, over and over; what cannot be sent waits. `settle`: log once more, have
    all of it sent, and print the telemetry.
    """
    orders, settled = Path(os.environ["ORDERS"]), 0
    while True:
        lines = orders.read_text().splitlines()
        if lines[-1:] == [COUNT]:
            log_records(7)
            event_count_logger().flush()
        elif len(lines) > settled:
            settled = len(lines)
            log_records(7)
            flush_until_done()
            print(json.dumps(event_count_logger().telemetry()), flush=True)
        time.sleep(0.02)
