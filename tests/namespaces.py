"""Mounts of a test's own, which nobody else sees."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


def with_mount(mounting: str, place: Path) -> list[str]:
    """What comes before a command to run it where `mounting` was done to `place`, its `$0`.

    Skips the test where the system does not let us.
    """
    own_user = [] if os.geteuid() == 0 else ["--map-root-user"]
    through = ["unshare", *own_user, "--mount", "sh", "-c", f'{mounting} && exec "$@"', str(place)]
    try:
        tried = subprocess.run([*through, "true"], capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no mount namespaces here: {error}")
    if tried.returncode:
        pytest.skip(f"no mount namespaces here: {tried.stderr.strip()}")
    return through
