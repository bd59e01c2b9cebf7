"""Starts the site with gunicorn, sends it requests, runs the command, and compares the counts."""

import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, ask, compare, free_port

PATHS = ["/buy/apple", "/buy/durian", "/buy/pear", "/nowhere", "/break"] * 100
GUNICORN = ["-m", "gunicorn", "--workers", "3", "--log-level", "warning", "mysite.wsgi", "--bind"]
DELIVERED = 150

port = free_port()
with Trial(__file__) as trial:
    with trial.server(*GUNICORN, f"127.0.0.1:{port}", port=port):
        answers = ask(port, PATHS)
        print(trial.run("manage.py", "deliver", str(DELIVERED)))
    logged = answers + Counter(delivered=DELIVERED)
    raise SystemExit(compare(logged, trial.counted("orders", "refused")))
