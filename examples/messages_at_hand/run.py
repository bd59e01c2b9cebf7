"""Runs the shop, shows its messages with ecl-tail and ecl-top, and compares with what it logged."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, compare, said_by


def most_common(trial: Trial) -> Counter[str]:
    """Return how often each message came: in this hour and, if it has just turned, before."""
    found: Counter[str] = Counter()
    top = ("-m", "ecl_logging.tools.top", "--json", "-n", "1000")
    for arguments in ([], ["--last"]):  # which says on stderr that there is none, as a rule
        asked = trial.start(*top, *arguments, stderr=subprocess.DEVNULL)
        for row in json.loads(said_by(asked))["rows"]:
            found[f"{row['name']} {row['severity']} {row['message']}"] += row["count"]
    return found


def newest(trial: Trial) -> dict[str, list[str]]:
    """Return the newest messages of each logger and severity, the oldest first."""
    found: dict[str, list[str]] = {}
    for line in trial.run("-m", "ecl_logging.tools.tail", "-n", "1000").splitlines():
        _, name, severity, message = line.split(" ", 3)
        found.setdefault(f"{name} {severity}", []).append(message)
    return found


def agreeing(some: list[str], others: list[str]) -> int:
    """Return how many lines are the same, in the same order, from the newest backwards."""
    return sum(one == other for one, other in zip(some[::-1], others[::-1], strict=False))


with Trial(__file__) as trial:
    console = trial.home / "console.txt"
    with console.open("w", encoding="utf-8") as stderr:
        said, recent = json.loads(said_by(trial.start("shop.py", stderr=stderr)))

    lines = console.read_text("utf-8").splitlines()
    print(f"The console had {len(lines)} lines. These are the last of them:\n")
    print(*lines[-4:], "", sep="\n")
    trial.command("tail", "shop.jobs", "-n", "5")
    trial.command("top")

    told = [re.search(r": (\d+) more in the 1m from ", line) for line in lines]
    shown = newest(trial)
    logged = said | {f"newest of {speaker}": len(there) for speaker, there in recent.items()}
    counted = most_common(trial)
    counted.update(
        {f"newest of {who}": agreeing(recent.get(who, []), there) for who, there in shown.items()}
    )
    logged["on the console"] = sum(said.values())
    counted["on the console"] = sum(int(match[1]) if match else 1 for match in told)
    raise SystemExit(compare(logged, counted))
