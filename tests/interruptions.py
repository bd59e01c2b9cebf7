"""An exception out of a signal handler, at one moment after the other.

Python looks for signals where a function of its own is entered, where a loop turns, and when a
function in C has returned (not when one of its own has). So there are so many moments in a piece of
work, and each can be tried: what a timer hits once in a thousand runs fails here in each.
"""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Callable
from functools import cache
from types import CodeType, FrameType
from typing import Any

import ecl_logging

PACKAGE = ecl_logging.__path__[0]


class TimeIsUp(BaseException):
    """Raised by the signal handler."""


def interrupted_at(moment: int, work: Callable[[], object], *, within: str = PACKAGE) -> bool:
    """Do the work and raise at its `moment`th moment; False where it has no more so many.

    Moments count on this thread, in files whose path begins with `within`.
    """
    tracer = _Tracer(moment, within, _raise)
    before = sys.gettrace()
    sys.settrace(tracer.enter)
    try:
        work()
    except TimeIsUp:
        return True
    finally:
        sys.settrace(before)
    assert not tracer.has_raised or within != PACKAGE, "somebody has swallowed it"
    return tracer.has_raised


def handled_at(moment: int, work: Callable[[], object], handler: Callable[[], object]) -> bool:
    """Do the work, and call the signal handler at its `moment`th moment; False where it has none.

    Moments count as in `interrupted_at`.
    """
    tracer = _Tracer(moment, PACKAGE, handler)
    before = sys.gettrace()
    sys.settrace(tracer.enter)
    try:
        work()
    finally:
        sys.settrace(before)
    return tracer.has_raised


def _raise() -> None:
    raise TimeIsUp


class _Tracer:
    def __init__(self, moment: int, within: str, handler: Callable[[], object]) -> None:
        self._left, self._within, self._handler = moment, within, handler
        self._have_called: set[FrameType | None] = set()  # a function of Python's
        self.has_raised = False

    def enter(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        is_function = not code.co_flags & inspect.CO_GENERATOR
        if is_function:
            self._have_called.add(frame.f_back)
        if not code.co_filename.startswith(self._within):
            return None
        frame.f_trace_opcodes = True
        if is_function:  # a generator may be entered to be closed, which nobody is told of
            self._pass()
        return self._follow(frame)

    def _follow(self, frame: FrameType) -> Any:
        """What is called of each instruction of a frame, which are many: all is at hand."""
        looks_for_signals = _looks_for_signals(frame.f_code)
        handles_exceptions = _handles_exceptions(frame.f_code)  # of what it called
        have_called = self._have_called
        last: int | None = None

        def go_on(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal last
            if event == "opcode":
                before, last = last, frame.f_lasti
                has_called = frame in have_called
                have_called.discard(frame)
                if (
                    before in looks_for_signals
                    and not has_called
                    and last not in handles_exceptions
                ):
                    self._pass()
            return go_on

        return go_on

    def _pass(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.has_raised = True
            self._handler()


@cache
def _looks_for_signals(code: CodeType) -> frozenset[int]:
    """The places after whose instruction a signal handler can run."""
    return frozenset(
        instruction.offset
        for instruction in dis.get_instructions(code)
        if instruction.opname in {"CALL", "CALL_FUNCTION_EX", "CALL_KW", "JUMP_BACKWARD"}
    )


@cache
def _handles_exceptions(code: CodeType) -> frozenset[int]:
    """Where a handler of exceptions begins. What has raised is not looked at for signals after."""
    return frozenset(
        instruction.offset
        for instruction in dis.get_instructions(code)
        if instruction.opname == "PUSH_EXC_INFO"
    )
