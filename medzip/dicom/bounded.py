"""A file for whoever parses it element by element: it ends where that would take too long.

pydicom makes objects of all that it reads, whatever a broken or hostile length says. Its work grows
with the number of its reads, and its memory with their bytes too.
"""

from __future__ import annotations

from typing import BinaryIO

__all__ = ["Bounded"]

MOST_READS = 1 << 21  # some 25,000 frames with groups of their own; half a minute
MOST_BYTES = 256 << 20


class Bounded:
    """Read, seek and tell of a file, a bounded number of times.

    Parameters
    ----------
    file : binary file
        Open for reading and seeking.

    Raises
    ------
    ValueError
        From ``read``, beyond the bounds, or where it is to read everything, as pydicom does to
        inflate it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.reads = 0
        self.bytes = 0
        self.seek = file.seek
        self.tell = file.tell

    def read(self, count: int = -1) -> bytes:
        """Read up to ``count`` bytes."""
        self.reads += 1
        room = MOST_BYTES - self.bytes
        data = self._file.read(min(count, room + 1)) if count >= 0 else b""
        self.bytes += len(data)
        if self.reads > MOST_READS or len(data) > room or count < 0:
            raise ValueError(
                f"expected a header of at most {MOST_READS} reads and {MOST_BYTES} bytes, got a "
                "longer one; keep the file whole"
            )
        return data
