"""A plugin as a file of its own, for munin-node-configure.

That reads from a plugin's file what it can do. The script that pip writes does not say so.
"""

from __future__ import annotations

import shlex

__all__ = ["script"]

_SCRIPT = """\
#!/bin/sh
# A plugin for Munin: event counts of one group and interval, named by the link to this file,
# ecl_GROUP_INTERVAL. Printed by `ecl-munin script`. munin-node-configure reads these lines:
#%# family=auto
#%# capabilities=autoconf suggest
exec {python} -P -m ecl_logging.tools.munin --as "$0" "$@\""""


def script(python: str) -> str:
    """Return the text of a plugin that runs by this interpreter."""
    return _SCRIPT.format(python=shlex.quote(python))
