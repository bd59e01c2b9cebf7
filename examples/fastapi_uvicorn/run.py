"""Starts the shop with uvicorn, sends it requests, ends it, and compares the counts."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, ask, compare, free_port

PATHS = ["/buy/apple", "/buy/durian", "/check"] * 200
UVICORN = ["-m", "uvicorn", "--workers", "2", "--log-config", "logging.yaml", "app:app", "--port"]

port = free_port()
with Trial(__file__) as trial:
    with trial.server(*UVICORN, str(port), port=port):
        answers = ask(port, PATHS)
    raise SystemExit(compare(answers, trial.counted("orders", "access")))
