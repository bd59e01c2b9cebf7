"""Starts the shop with gunicorn, sends it requests, ends it, and compares the counts."""

import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, ask, compare, free_port

PATHS = ["/buy/apple", "/buy/pear", "/buy/durian"] * 200
GUNICORN = ["-m", "gunicorn", "--config", "gunicorn.conf.py", "app:app", "--bind"]

port = free_port()
with Trial(__file__) as trial:
    with trial.server(*GUNICORN, f"127.0.0.1:{port}", port=port):
        answers = ask(port, PATHS)
    logged = answers + Counter(loaded=1)
    raise SystemExit(compare(logged, trial.counted("orders", "life")))
