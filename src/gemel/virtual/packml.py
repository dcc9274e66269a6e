"""The PackML state machine (ISA-TR88.00.02): states, commands and which change is legal.

The numbers are the standard's, so that a client that knows PackML reads them without a table.
"""

from enum import IntEnum


class State(IntEnum):
    """PackML states, numbered as in PackTags `Status.StateCurrent`."""

    UNDEFINED = 0
    CLEARING = 1
    STOPPED = 2
    STARTING = 3
    IDLE = 4
    SUSPENDED = 5
    EXECUTE = 6
    STOPPING = 7
    ABORTING = 8
    ABORTED = 9
    HOLDING = 10
    HELD = 11
    UNHOLDING = 12
    SUSPENDING = 13
    UNSUSPENDING = 14
    RESETTING = 15
    COMPLETING = 16
    COMPLETE = 17


class Command(IntEnum):
    """PackML commands, numbered as in PackTags `Command.CntrlCmd`."""

    RESET = 1
    START = 2
    STOP = 3
    HOLD = 4
    UNHOLD = 5
    SUSPEND = 6
    UNSUSPEND = 7
    ABORT = 8
    CLEAR = 9
    COMPLETE = 10


#: Acting states end by themselves: how long they last (s) and the state that follows.
ACTING: dict[State, tuple[float, State]] = {
    State.CLEARING: (1.0, State.STOPPED),
    State.RESETTING: (1.5, State.IDLE),
    State.STARTING: (2.0, State.EXECUTE),
    State.STOPPING: (1.5, State.STOPPED),
    State.ABORTING: (0.5, State.ABORTED),
    State.HOLDING: (1.0, State.HELD),
    State.UNHOLDING: (1.5, State.EXECUTE),
    State.SUSPENDING: (0.5, State.SUSPENDED),
    State.UNSUSPENDING: (1.0, State.EXECUTE),
    State.COMPLETING: (1.0, State.COMPLETE),
}

_COMMANDED: dict[tuple[State, Command], State] = {
    (State.STOPPED, Command.RESET): State.RESETTING,
    (State.COMPLETE, Command.RESET): State.RESETTING,
    (State.IDLE, Command.START): State.STARTING,
    (State.EXECUTE, Command.HOLD): State.HOLDING,
    (State.HELD, Command.UNHOLD): State.UNHOLDING,
    (State.EXECUTE, Command.SUSPEND): State.SUSPENDING,
    (State.SUSPENDED, Command.UNSUSPEND): State.UNSUSPENDING,
    (State.EXECUTE, Command.COMPLETE): State.COMPLETING,
    (State.ABORTED, Command.CLEAR): State.CLEARING,
}

#: Stop and Abort are the only commands that are legal nearly everywhere.
_NO_STOP = {State.STOPPED, State.STOPPING, State.ABORTING, State.ABORTED, State.CLEARING}
_NO_ABORT = {State.ABORTING, State.ABORTED}


def after(state: State, command: Command) -> State | None:
    """The state that `command` leads to from `state`; None when PackML does not allow it."""
    if command is Command.STOP:
        return None if state in _NO_STOP else State.STOPPING
    if command is Command.ABORT:
        return None if state in _NO_ABORT else State.ABORTING
    return _COMMANDED.get((state, command))


def is_legal(before: State, now: State) -> bool:
    """Whether a machine may be seen in `before` and then, one change later, in `now`."""
    if before in ACTING and ACTING[before][1] is now:
        return True
    return any(after(before, command) is now for command in Command)
