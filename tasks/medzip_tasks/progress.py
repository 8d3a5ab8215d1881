"""How far a run is, for a person who looks at Prefect's pages or reads its log.

There is one progress for all: objects of an archive, series of a sampling, models of a benchmark,
steps of a training. It shows how many of how many are done, and bytes of how many where they differ
in size; then the bytes decide the percentage.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

__all__ = ["Progress"]

SECONDS_BETWEEN_UPDATES = 10.0
"""Each is a request to the server and a row of its database; the log has every line."""


class Progress:
    """What is done of all there is to do, as an artifact and in the log.

    A context: what ends without an error is complete, were it by an earlier run.

    Parameters
    ----------
    key : str
        Of the artifact.
    things : str
        What is counted: "objects", "steps".
    total : int
        How many there are; 0 where that is not known yet.
    size : int
        Bytes of all of them; 0 where each counts the same.
    clock : callable
        Seconds; for tests.
    """

    def __init__(
        self,
        key: str,
        things: str,
        total: int = 0,
        size: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._things, self._total, self._size = things, total, size
        self._done = self._done_size = 0
        self._clock, self._shown = clock, clock()
        self._log = get_run_logger()
        artifact = create_progress_artifact(0.0, key=key, description=self._described())
        # only where an event loop runs is it a coroutine
        assert isinstance(artifact, UUID)
        self._artifact = artifact

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *about: object) -> None:
        if kind is None:
            self._show(1.0)

    def advance(self, said: str, size: int = 0) -> None:
        """Count one more, of so many bytes; say in the log what it was."""
        self._done_size += size
        self.reach(self._done + 1, said)

    def reach(self, done: int, said: str, total: int | None = None) -> None:
        """Note how many are done by now, and of how many where only now that is known."""
        self._done, self._total = done, self._total if total is None else total
        self._log.info("%d of %d %s: %s", done, self._total, self._things, said)
        if self._clock() - self._shown >= SECONDS_BETWEEN_UPDATES:
            self._show(self._done_size / self._size if self._size else done / max(1, self._total))

    def _show(self, share: float) -> None:
        self._shown = self._clock()
        update_progress_artifact(self._artifact, 100.0 * share, description=self._described())

    def _described(self) -> str:
        if not self._total:
            return self._things
        counts = f"{self._done} of {self._total} {self._things}"
        if not self._size:
            return counts
        return f"{counts}, {self._done_size / 1e6:.1f} of {self._size / 1e6:.1f} MB"
