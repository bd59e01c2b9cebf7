"""gunicorn with four workers, logging by the project's logging.yaml."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

_FILE = os.environ.get("ECL_CONFIG", str(Path(__file__).parents[2] / "logging.yaml"))

bind = os.environ.get("DEMO_BIND", "127.0.0.1:8000")
workers = 4
worker_class = "gthread"
threads = 4
keepalive = 5
logconfig_dict = yaml.safe_load(Path(_FILE).read_text("utf-8"))
