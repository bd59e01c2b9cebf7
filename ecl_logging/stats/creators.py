"""Who creates an object: the nearest `self` among its callers that has a place in the tree."""

from __future__ import annotations

import sys
from types import FrameType

from ecl_logging.stats.tree import Place, place_if_any

__all__ = ["creator_of"]

_KEEPS_VARIABLES = sys.version_info < (3, 13)
"""Whether a frame keeps what it was asked for: all that is in its variables, until it ends."""

_OURS_ALONE = 3  # holders of that: the frame, the variable here, and the call that asks


def creator_of(obj: object, frame: FrameType | None) -> Place | None:
    """Return the place of the object whose method has called, directly or not; None for none.

    Functions, lambdas, generators and static methods in between are passed over. A thread or a
    task of asyncio that was started by a method is not called by it.
    """
    while frame is not None:
        # Not `f_locals` of every function on the way, which makes a dictionary of each.
        code = frame.f_code
        if "self" in code.co_varnames or "self" in code.co_freevars:
            caller = _self_in(frame)
            if caller is not obj and caller is not None:
                place = place_if_any(caller)
                if place is not None:
                    return place
        frame = frame.f_back
    return None


def _self_in(frame: FrameType) -> object:
    variables = frame.f_locals
    caller = variables.get("self")
    if _KEEPS_VARIABLES and sys.getrefcount(variables) == _OURS_ALONE:
        # A loop that makes one object after the other would keep the last but one alive.
        code = frame.f_code
        for name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
            variables.pop(name, None)
    return caller
