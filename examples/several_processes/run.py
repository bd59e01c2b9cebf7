"""Has the work done in all ways, and compares what was counted with what was logged."""

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, compare

with Trial(__file__) as trial:
    logged = json.loads(trial.run("work.py"))
    raise SystemExit(compare(logged, trial.counted("events")))
