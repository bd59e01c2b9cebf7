"""Runs the shop and compares what it has logged with what was shown and told.

`python run.py FOLDER` scores the fingerprint on the logs of loghub in a folder, too.
"""

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, compare

PROJECT = Path(__file__).resolve().parents[2]

with Trial(__file__) as trial:
    logged, counted = json.loads(trial.run("shop.py"))
    status = compare(logged, counted)
    if sys.argv[1:]:
        folder = Path(__file__).resolve().parent
        trial.environment["PYTHONPATH"] = f"{PROJECT}:{folder}"
        tables = sorted(Path(sys.argv[1]).rglob("*_structured.csv"))
        options = ["--fingerprint", "mined:template", "--at-least", "0.9"]
        print(trial.run("-m", "benchmarks.grouping_accuracy", *tables, *options))
    raise SystemExit(status)
