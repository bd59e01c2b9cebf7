"""Runs the service in two processes, gathers their records, and compares kind by kind.

What was logged is what the service says; what was counted is what the database says.
"""

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, compare, said_by

SERVICE = Path(__file__).resolve().with_name("service.py")
KINDS = "SELECT template, sum(repeats) FROM ecl_records GROUP BY kind, template"
ROWS = "SELECT count(*), sum(repeats) FROM ecl_records"
TRACEBACK = "SELECT time, repeats, message, exc_text FROM ecl_records WHERE level = 'ERROR' LIMIT 1"

with Trial(__file__) as trial:
    trial.folder = trial.home  # where the database is made
    services = [trial.start(SERVICE) for _ in range(2)]
    logged: Counter[str] = Counter()
    for service in services:
        logged.update(json.loads(said_by(service)))

    gather = ("gather", "--once", "--to", "sqlite:///records.db")
    trial.command(*gather, stderr=subprocess.STDOUT)

    with contextlib.closing(sqlite3.connect(trial.home / "records.db")) as database:
        rows, records = database.execute(ROWS).fetchone()
        print(f"{records} records are {rows} rows in the database. One of them:\n")
        print(*database.execute(TRACEBACK).fetchone(), "", sep="\n")
        counted = dict(database.execute(KINDS))
    raise SystemExit(compare(logged, counted))
