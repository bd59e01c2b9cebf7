"""A configuration by which Prometheus scrapes what `ecl-web` serves."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ecl_logging.settings import GroupConfig

__all__ = ["TARGET", "scrape_configuration"]

TARGET = "127.0.0.1:10325"
"""Where `ecl-web` listens, with nothing else said."""

_USUAL_SECONDS = 15

_FORM = """\
# What `ecl-web --metrics-only` serves, for Prometheus.
global:
  scrape_interval: {seconds}s
scrape_configs:
  - job_name: ecl
    static_configs:
      - targets: [{target}]
"""


def scrape_configuration(groups: Iterable[GroupConfig], target: str) -> str:
    """Return it as YAML. It scrapes so often that no bucket of any interval is missed."""
    lengths = [interval.seconds for group in groups for interval in group.intervals]
    seconds = min([_USUAL_SECONDS, *lengths])
    return _FORM.format(seconds=seconds, target=json.dumps(target))
