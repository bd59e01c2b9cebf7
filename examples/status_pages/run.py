"""Runs the shop, shows its page as JSON, and compares the tree with the counts of the group."""

import json
import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, compare

EVENTS = ("paid", "refused")

with Trial(__file__) as trial:
    page = trial.run("shop.py")
    print(page)
    tree = json.loads(page)
    counted: Counter[str] = Counter()
    for bucket in ("last", "current"):  # the hour may have turned meanwhile
        counted.update(tree["events"]["orders"]["1h"][bucket])
    logged = {event: tree["shop"][event] for event in EVENTS}
    raise SystemExit(compare(logged, counted))
