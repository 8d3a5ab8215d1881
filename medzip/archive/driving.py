"""Who runs the calls of a line: this process, or a pool of processes.

A driver decides where and when; what follows on what is `medzip.archive.line`'s alone.
"""

from __future__ import annotations

from collections import deque
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from medzip.archive.committing import commit, discard
from medzip.archive.failures import failure_of
from medzip.archive.line import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from medzip.archive.line import Call, Item, Line

    Functions = Mapping[Step, Callable[..., Any]]

__all__ = [
    "BEGINNING",
    "FUNCTIONS",
    "HERE",
    "SEALING",
    "Ran",
    "attempt",
    "run_ahead",
    "run_calls",
    "run_here",
    "tell",
]

FUNCTIONS = "medzip.archive.steps:FUNCTIONS"
"""Where the functions of the steps are, by name: they are looked up where they run, because they
bring torch, Zarr and the kernels, of which a process that only drives needs none."""
HERE: dict[Step, Callable[..., Any]] = {Step.COMMIT: commit, Step.DISCARD: discard}
"""Short steps that change the archive: they run where it is locked."""
BEGINNING = frozenset({Step.CHECK, Step.STAGE, Step.PREPARE, Step.FIT})
"""How far one process takes a large object: what follows is for as many as there are slabs."""
SEALING = BEGINNING | {Step.ENCODE, Step.SEAL}
"""How far one process takes a lot of small objects."""


class Ran(NamedTuple):
    """A call that was run, and what it returned, or its failure."""

    call: Call
    outcome: Any


def functions_named(name: str) -> Functions:
    """The functions of steps that a name (module:attribute) stands for."""
    module, _, attribute = name.partition(":")
    found: Functions = getattr(import_module(module), attribute)
    return found


def attempt(call: Call, functions: Functions) -> Any:
    """Run a call in this process; gives what it returned, or raised."""
    try:
        return functions[call.step](*call.arguments)
    except Exception as error:
        return error


def run_here(
    line: Line[Any, Any],
    items: Iterable[Any],
    functions: str = FUNCTIONS,
    here: Functions = HERE,
) -> None:
    """Bring one object after another through the line, in this process."""
    every = {**functions_named(functions), **here}
    for item in items:
        ready = deque(line.start(item))
        while ready:
            call = ready.popleft()
            ready.extendleft(reversed(line.done(call, attempt(call, every))))


def run_ahead(
    line: Line[Any, Any], items: Sequence[Item], steps: frozenset[Step], functions: str
) -> list[Ran]:
    """Bring objects through a line as far as some steps go, in this process.

    A worker does so with a fresh line: the line of whoever drives is told afterwards, call by call,
    what became of them, and gives out what is to follow elsewhere.

    Parameters
    ----------
    line : Line
        A fresh one, of the same rules as that of the driver.
    items : sequence
        Objects to start.
    steps : frozenset of Step
        What may run here.
    functions : str
        Name of the functions that run the steps.

    Returns
    -------
    list of Ran
        In an order in which the line of the driver can be told.
    """
    ran = []
    for item in items:
        ready = deque(line.start(item))
        while ready:
            call = ready.popleft()
            if call.step in steps:
                ran += run_calls([call], functions)
                ready.extendleft(reversed(line.done(*ran[-1])))
    return ran


def tell(line: Line[Any, Any], given: Iterable[Call], ran: Iterable[Ran]) -> list[Call]:
    """Tell a line what was run ahead of it.

    Parameters
    ----------
    line : Line
        Of the driver.
    given : iterable of Call
        What it gave out for the objects.
    ran : iterable of Ran
        From `run_ahead`; what the line has not given out by then is passed over.

    Returns
    -------
    list of Call
        What it gives out beyond that, and what was not run.
    """
    left = {call.id: call for call in given}
    for call, outcome in ran:
        if left.pop(call.id, None) is not None:
            left |= {call.id: call for call in line.done(call, outcome)}
    return list(left.values())


def run_calls(calls: Sequence[Call], functions: str) -> list[Ran]:
    """Run calls one after the other, in this process."""
    found = functions_named(functions)
    ran = []
    for call in calls:
        outcome = attempt(call, found)
        if isinstance(outcome, BaseException):
            outcome = failure_of(call.key, call.step, outcome)
        ran.append(Ran(call, outcome))
    return ran
