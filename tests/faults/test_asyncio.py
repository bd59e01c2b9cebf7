"""asyncio: tasks that log, and are cancelled; a loop that is closed before the program ends."""

from __future__ import annotations

import pytest

from tests.faults.programs import Programs, assert_silent

pytestmark = pytest.mark.fault("D14")

START = """
import asyncio, contextlib, logging, random, sys, threading, time
from tests.faults.counted import *
configure(sync_interval=0.02)
"""


@pytest.fixture
def programs(programs_anywhere: Programs) -> Programs:
    """On every store that processes share, in turn."""
    return programs_anywhere


def test_tasks_that_are_cancelled_at_any_moment_lose_nothing(programs: Programs) -> None:
    """From the loop's thread, from another one, and by a time limit."""
    ended = programs.run(
        f"""{START}
async def work():
    try:
        while True:
            log_records(7)
            await asyncio.sleep(0)
            await asyncio.to_thread(log_records, 3)
    except asyncio.CancelledError:
        log_records(5)
        raise
    finally:
        log_records(2)

async def main():
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(work()) for _ in range(40)]
    def cancel_from_elsewhere():
        for task in tasks[20:]:
            loop.call_soon_threadsafe(task.cancel)
            time.sleep(0.005)
    elsewhere = threading.Thread(target=cancel_from_elsewhere)
    elsewhere.start()
    for task in tasks[:20]:
        await asyncio.sleep(0.005)
        task.cancel()
    with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
        await asyncio.wait_for(work(), 0.05)
    await asyncio.gather(*tasks, return_exceptions=True)
    elsewhere.join()

asyncio.run(main())
"""
    )

    assert_silent(ended)
    programs.assert_everything_counted()


MAIN = f"""{START}
async def main():
    log_records(100)
    asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0.01)
    log_records(100)
"""
RUN = f"{MAIN}\nasyncio.run(main())\nlog_records(10)"
CLOSED_BY_HAND = f"""{MAIN}
loop = asyncio.new_event_loop()
loop.run_until_complete(main())
for task in asyncio.all_tasks(loop):
    task.cancel()
loop.run_until_complete(asyncio.sleep(0))
loop.close()
log_records(10)
"""
CONFIGURED_ANEW = f"{MAIN}\nasyncio.run(main())\nconfigure()\nlog_records(10)"


@pytest.mark.parametrize(
    "source", [RUN, CLOSED_BY_HAND, CONFIGURED_ANEW], ids=["run", "by hand", "configured anew"]
)
def test_a_loop_that_is_closed_before_the_end_is_not_missed(
    programs: Programs, source: str
) -> None:
    assert_silent(programs.run(source))

    programs.assert_counted(210)


def test_flushing_and_closing_in_a_coroutine_loses_nothing(programs: Programs) -> None:
    """On the loop's thread, in other threads, and cancelled while it waits."""
    ended = programs.run(
        f"""{START}
async def main():
    ecl = event_count_logger()
    for _ in range(20):
        log_records(10)
        ecl.flush()
        task = asyncio.create_task(asyncio.to_thread(ecl.flush))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    log_records(10)
    await asyncio.to_thread(ecl.close)

asyncio.run(main())
"""
    )

    assert_silent(ended)
    programs.assert_counted(210)
