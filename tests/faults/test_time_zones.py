"""Local time: a day of 25 hours, and one of 23, are for those who look at clocks on the wall."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from tests.faults.programs import Programs, assert_silent

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
"""The rules of Europe/Berlin, for machines without its file."""

# An event every ten minutes of UTC for a night; then what the buckets are, and what hour it was.
PROGRAM = """
import json
import sys
import time

from ecl_logging import EventCountLogger
from ecl_logging.handlers import CountingHandler
from ecl_logging.stores.sqlite.store import SqliteStore
import logging

first, path = float(sys.argv[1]), sys.argv[2]
now = first
store = SqliteStore(path, clock=lambda: now)
groups = {"g": {"events": ["x"], "intervals": ["1h", "1d"], "history": 50}}
handler = CountingHandler(store=store, groups=groups, sync_interval=3600)
hours = []
for number in range(10 * 6):
    now = first + number * 600
    handler.handle(logging.makeLogRecord({"event": "x", "created": now}))
    hours.append(time.strftime("%d %H", time.localtime(now)))
    handler.ecl.flush()
buckets = {}
for text in ("1h", "1d"):
    interval = next(one for one in store.definition("g").intervals if one.text == text)
    buckets[text] = [(b.start, b.cells.get("x", 0)) for b in store.read("g", interval, range(12))]
finished = [(one.interval.text, one.start) for one in store.rotate("g")]
handler.close()
print(json.dumps({"buckets": buckets, "finished": finished, "hours": hours}))
"""

NIGHTS = {
    "hour twice": datetime(2026, 10, 24, 20, tzinfo=UTC),
    "hour missing": datetime(2026, 3, 28, 20, tzinfo=UTC),
}


def counted_in(programs: Programs, zone: str, night: str) -> dict[str, object]:
    folder = programs.folder / zone.partition(",")[0]
    folder.mkdir()
    script = folder / "program.py"
    script.write_text(PROGRAM)
    first = str(NIGHTS[night].timestamp())
    ended = programs.start_command(
        "-W", "error", str(script), first, str(folder / "counts.db"), TZ=zone
    ).end()
    assert_silent(ended)
    return json.loads(ended.out)


@pytest.mark.once
@pytest.mark.fault("C10")
@pytest.mark.parametrize("night", NIGHTS)
def test_buckets_are_the_same_in_every_zone_on_the_night_when_clocks_change(
    programs: Programs, night: str
) -> None:
    found = counted_in(programs, BERLIN, night)
    first = int(NIGHTS[night].timestamp())

    hours = [(first + 3600 * n, 6 if n >= 0 else 0) for n in range(9, -3, -1)]
    assert list(map(tuple, found["buckets"]["1h"])) == hours
    midnight = first + 4 * 3600
    assert list(map(tuple, found["buckets"]["1d"]))[:2] == [(midnight, 36), (midnight - 86400, 24)]
    assert found["finished"] == counted_in(programs, "UTC", night)["finished"]


@pytest.mark.once
@pytest.mark.fault("C10", control=True)
@pytest.mark.parametrize(("night", "in_an_hour"), [("hour twice", 12), ("hour missing", 6)])
def test_by_the_clock_on_the_wall_an_hour_would_be_two_or_none(
    programs: Programs, night: str, in_an_hour: int
) -> None:
    """What the program saw of local time: so its zone had an effect."""
    hours = Counter(counted_in(programs, BERLIN, night)["hours"])

    assert max(hours.values()) == in_an_hour
    assert len(hours) == (9 if night == "hour twice" else 10)
    assert any(hour.endswith(" 02") for hour in hours) == (night == "hour twice")
