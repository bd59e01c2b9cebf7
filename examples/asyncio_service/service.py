"""An asyncio service that works until SIGTERM, and then ends as a program ends.

Prints a line when it is in full swing, and what it has logged at the end.
"""

import asyncio
import json
import logging.config
import signal
import threading
from collections import Counter
from pathlib import Path

import yaml

logging.config.dictConfig(yaml.safe_load(Path(__file__).with_name("logging.yaml").read_text()))
log = logging.getLogger("service")

logged: Counter[str] = Counter()  # for whoever compares
by_itself = threading.Lock()


def say(event: str, number: int) -> None:
    """Log, from the event loop's thread or any other."""
    log.info("%s: job %d", event, number, extra={"event": event})
    with by_itself:
        logged[event] += 1


async def job(number: int, permits: asyncio.Semaphore) -> None:
    """Do one job, the slow part of it in a thread."""
    try:
        async with permits:
            say("begun", number)
            await asyncio.sleep(0.002)
            say("fetched", number)
            await asyncio.to_thread(store, number)
    except asyncio.CancelledError:
        say("cancelled", number)
        raise


def store(number: int) -> None:
    """Store one result; every tenth cannot be."""
    say("failed" if number % 10 == 0 else "stored", number)


async def serve() -> None:
    """Begin jobs until SIGTERM comes; then cancel those that are under way, and end."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopping.set)

    permits = asyncio.Semaphore(10)
    jobs: set[asyncio.Task[None]] = set()
    number = 0
    while not stopping.is_set():
        number += 1
        task = asyncio.create_task(job(number, permits))
        jobs.add(task)
        task.add_done_callback(jobs.discard)
        if number == 300:
            print("in full swing", flush=True)
        await asyncio.sleep(0.001)
    for task in jobs:
        task.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


asyncio.run(serve())  # also waits for the threads of to_thread
print(json.dumps(logged))
