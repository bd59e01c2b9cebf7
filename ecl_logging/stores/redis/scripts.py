"""The atomic steps as the server runs them: one Lua file each, read when the store is opened."""

from __future__ import annotations

import hashlib
import pkgutil

from ecl_logging.stores.protocols import (
    AHEAD_SECONDS,
    INVALID,
    LATE,
    MAX_BAD_CELLS,
    OTHER,
    PRUNE_SECONDS,
    SOURCE_SECONDS,
)

__all__ = [
    "APPLY",
    "DEFINE",
    "DEFINITION",
    "MARK",
    "READ",
    "ROTATE",
    "SOURCES",
    "TOTALS",
    "Script",
]

# What the protocol fixes, in Lua's words.
_CONSTANTS = f"""
local AHEAD_SECONDS, SOURCE_SECONDS, PRUNE_SECONDS = {AHEAD_SECONDS}, {SOURCE_SECONDS}, {PRUNE_SECONDS}
local LATE, OTHER, INVALID, MAX_BAD_CELLS = '{LATE}', '{OTHER}', '{INVALID}', {MAX_BAD_CELLS}
"""  # noqa: E501


# An answer that belongs to another question, as on a connection on which somebody in between has
# asked twice, is told by the word that it begins with. An error stays what it is.
_STEP = """
local question = string.match(ARGV[2], '^%x*')
local function step()
{step}
end
local answer = step()
if type(answer) == 'table' and answer.err then
    return answer
end
return {{question, answer}}
"""


def _source(name: str) -> str:
    return (pkgutil.get_data(__name__, f"{name}.lua") or b"").decode()


class Script:
    """One step: its text, and the digest by which a server that has seen it knows it."""

    def __init__(self, *names: str) -> None:
        step = _CONSTANTS + "\n".join(_source(name) for name in names)
        self.text = _STEP.format(step=step)
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


APPLY = Script("basics", "shared", "view", "apply")
DEFINE = Script("basics", "shared", "view", "define")
DEFINITION = Script("basics", "shared", "definition")
MARK = Script("basics", "shared", "mark")
READ = Script("basics", "shared", "read")
ROTATE = Script("basics", "shared", "view", "rotate")
SOURCES = Script("basics", "shared", "sources")
TOTALS = Script("basics", "shared", "totals")
