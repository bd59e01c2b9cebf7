"""Runs the service until it is in full swing, ends it with SIGTERM, and compares the counts."""

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, compare, end

with Trial(__file__) as trial:
    with trial.running("service.py") as service:
        print(service.stdout.readline())
        logged = json.loads(end(service))
    raise SystemExit(compare(logged, trial.counted("jobs")))
