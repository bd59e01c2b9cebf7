"""Runs the shop, reads its counts with ecl-read, and compares them with what it has logged."""

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, compare

with Trial(__file__) as trial:
    logged = json.loads(trial.run("shop.py"))
    raise SystemExit(compare(logged, trial.counted("orders", "levels", "libraries")))
