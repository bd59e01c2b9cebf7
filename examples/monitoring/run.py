"""Runs the shop, asks ecl-web for its page of metrics, and compares them with what was logged.

Also that the files for Grafana and Prometheus are those that are made from logging.yaml.
"""

import json
import re
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from trial import Trial, compare, free_port

HERE = Path(__file__).resolve().parent
MADE = {"dashboard.json": "grafana", "prometheus.yml": "scrape"}


def counted_in(page: str) -> Counter[str]:
    """How often each event was counted, and how many values of each measure."""
    form = r'^ecl_(?:events_total|measure_count)\{.*?\b(?:event|measure)="([^"]*)".*\} (\S+)$'
    counts: Counter[str] = Counter()
    for name, n in re.findall(form, page, re.MULTILINE):
        counts[name] += int(float(n))
    return counts


def scraped(port: int) -> str:
    """The page of metrics, as Prometheus has it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return str(answer.read(), "utf-8")


with Trial(__file__) as trial:
    for file, kind in MADE.items():
        made = trial.run("-m", "ecl_logging.exporters", kind, "logging.yaml")
        if made != (HERE / file).read_text("utf-8"):
            raise SystemExit(f"{file} is not what `python -m ecl_logging.exporters {kind}` prints")

    port = free_port()
    listening = ("--metrics-only", "--listen", f"127.0.0.1:{port}")
    with trial.server(
        "-m", "ecl_logging.tools.web", *listening, port=port, stderr=subprocess.DEVNULL
    ):
        scraped(port)  # totals are kept from the first time on
        logged = json.loads(trial.run("shop.py"))
        page = scraped(port)
    shown = re.findall(r"^ecl_(?:events_total|measure_(?:count|sum))\{.*\n", page, re.MULTILINE)
    print(*shown, sep="")
    raise SystemExit(compare(logged, counted_in(page)))
