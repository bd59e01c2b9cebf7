"""Starts a worker, has it work, ends it with SIGTERM, and compares the counts."""

import json
import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, compare

WORKER = ["-m", "celery", "--app", "shop", "--quiet", "worker", "--pool", "prefork"]
OPTIONS = ["--concurrency", "3", "--max-tasks-per-child", "20", "--without-gossip"]
OF_ROOT = "You're running the worker with superuser privileges"  # a container may well do so

with Trial(__file__) as trial:
    trial.environment["SHOP_FOLDER"] = str(trial.home)
    for name in ("messages", "control", "results"):
        Path(trial.home, name).mkdir()
    with trial.running(f"-Wignore:{OF_ROOT}", *WORKER, *OPTIONS):
        logged = Counter(json.loads(trial.run("order.py")))
    tasks = logged["ordered"]
    logged += Counter(received=tasks, succeeded=tasks)
    raise SystemExit(compare(logged, trial.counted("orders", "tasks")))
