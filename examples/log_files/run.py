"""Replays logs of three programs, and compares what was counted with what is known of them.

`python run.py` takes the samples; `python run.py FOLDER` takes loghub's logs from FOLDER, where
Apache/Apache_2k.log is, and beside each log the table that says of what kind its lines are.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

import yaml

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, compare

HERE = Path(__file__).resolve().parent
GROUPS = {
    "Apache": ("apache", "levels"),
    "OpenSSH": ("sshd",),  # its table has no levels
    "Zookeeper": ("zookeeper", "levels"),
}


def known(log: Path, levels: dict[str, str]) -> Counter[str]:
    """Return how often each event ID is in a log, and each level where its table names them."""
    table = log.with_name(f"{log.name}_structured.csv").read_text("utf-8")
    happened: Counter[str] = Counter()
    for row in csv.DictReader(table.splitlines()):
        happened[row["EventId"]] += 1
        if "Level" in row:
            happened[levels.get(row["Level"], row["Level"])] += 1
    return happened


def main() -> int:
    """Compare the counts of all logs; return the exit status."""
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE / "samples"
    status = 0
    for name, groups in GROUPS.items():
        [log] = (folder / name).glob("*.log")
        config = HERE / f"{name.lower()}.yaml"
        with Trial(__file__) as trial:
            print(trial.run("replay.py", config, log), end="")
            counted = +trial.counted(*groups)
        levels = yaml.safe_load(config.read_text("utf-8"))["lines"]["levels"]
        status |= compare(known(log, levels), counted, title="happened")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
