"""gunicorn loads the app once and forks; each worker is replaced after 50 requests."""

from __future__ import annotations

preload_app = True
workers = 3
max_requests = 50
max_requests_jitter = 10
loglevel = "warning"
