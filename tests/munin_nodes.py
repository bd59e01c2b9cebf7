"""Plugins in a folder, run by Debian's munin-node as it runs them on a machine."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# As pip writes it for a console script; with NOW in its environment, at that time.
_SCRIPT = """\
#!{python}
import os, sys, time
if "NOW" in os.environ:
    now = float(os.environ["NOW"])
    time.time = lambda: now
from ecl_logging.tools.{module} import main
if __name__ == "__main__":
    sys.exit(main())
"""


def environment_of(**more: str) -> dict[str, str]:
    """What our commands run in: the test's environment, where they find the package."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | more


def find_program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        pytest.fail(f"{name} is not installed; tests/install-system-packages names the package")
    return path


def write_program(path: Path, module: str) -> Path:
    """Write a command that runs one of our tools."""
    path.write_text(_SCRIPT.format(python=sys.executable, module=module))
    path.chmod(0o755)
    return path


class MuninNode:
    """A folder with plugins and their configuration. Programs run as the test's own user."""

    def __init__(self, folder: Path, **environment: str) -> None:
        """`environment` is what plugin-conf.d gives to our plugins."""
        self.folder, self.plugins, self.library = folder, folder / "plugins", folder / "library"
        for made in (self.plugins, self.library, folder / "conf"):
            made.mkdir()
        (folder / "munin-node.conf").write_text("ignore_file \\.bak$\n")
        given = {"MUNIN_PLUGSTATE": str(folder / "state")} | environment
        lines = [f"env.{name} {value}" for name, value in given.items()]
        if os.geteuid() == 0:  # else it would become nobody, who may see nothing here
            lines.append(f"user {pwd.getpwuid(0).pw_name}")
        (folder / "conf" / "ecl").write_text("\n".join(["[ecl_*]", *lines, ""]))
        self.program = write_program(folder / "ecl-munin", "munin")

    def link(self, name: str) -> None:
        (self.plugins / name).symlink_to(self.program)

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`munin-run PLUGIN [ARGUMENT]`, with this beside the test's environment."""
        return self._run("munin-run", "--ignore-systemd-properties", *words, **environment)

    def configure(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`munin-node-configure`, which looks for plugins in the library's folder."""
        library = ("--libdir", str(self.library))
        return self._run("munin-node-configure", *library, *words, **environment)

    def _run(self, name: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        places = [
            *("--config", str(self.folder / "munin-node.conf")),
            *("--servicedir", str(self.plugins)),
            *("--sconfdir", str(self.folder / "conf")),
        ]
        return subprocess.run(
            [find_program(name), *places, *words],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment_of(**environment),
        )
