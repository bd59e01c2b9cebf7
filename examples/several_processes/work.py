"""The same work, done by several processes in each of the ways that Python has.

Each way counts under an event of its own. Prints what was logged, for whoever compares.
"""

import json
import logging
import multiprocessing
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from ecl_logging import count_logs

log = logging.getLogger("work")

PROCESSES = 3
ITEMS = 40  # for each process


def work(event: str) -> None:
    """Do what there is to do in this process, in any of the ways below."""
    for item in range(ITEMS):
        log.info("item %d", item, extra={"event": event})


def counted_work(event: str) -> None:
    """Do it in a process that begins with nothing configured."""
    count_logs()
    work(event)


def by_processes(method: str, target: Callable[[str], None]) -> str:
    """Start processes, and wait for them."""
    event = f"process_{method}"
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=target, args=(event,)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return event


def by_executor(method: str, initializer: Callable[[], object] | None) -> str:
    """Give it to an executor."""
    event = f"executor_{method}"
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=initializer) as executor:
        list(executor.map(work, [event] * PROCESSES))
    return event


def by_pool(method: str, initializer: Callable[[], object] | None) -> str:
    """Give it to a pool, which is closed and joined: the end of `with Pool()` kills."""
    event = f"pool_{method}"
    pool = multiprocessing.get_context(method).Pool(PROCESSES, initializer)
    pool.map(work, [event] * PROCESSES)
    pool.close()
    pool.join()
    return event


def main() -> None:
    """Do it in all ways. Those that fork come first: nothing was logged, so no thread runs yet."""
    count_logs()
    events = [
        by_processes("fork", work),
        by_executor("fork", None),
        by_pool("fork", None),
        by_processes("spawn", counted_work),
        by_executor("spawn", count_logs),
        by_pool("spawn", count_logs),
        by_processes("forkserver", counted_work),
        by_executor("forkserver", count_logs),
        by_pool("forkserver", count_logs),
    ]
    work("parent")
    logged = Counter(dict.fromkeys(events, PROCESSES * ITEMS)) + Counter(parent=ITEMS)
    print(json.dumps(logged))


if __name__ == "__main__":
    main()
