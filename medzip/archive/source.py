"""A source file, read once from start to end while its SHA-256 is taken."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Self

from medzip.dicom.walk import changed, open_file, unreadable

if TYPE_CHECKING:
    from types import TracebackType

    from medzip.dicom.records import FileEntry

__all__ = ["SourceFile"]


class SourceFile:
    """Reader that knows what the scan saw, and raises when the file is not that any more.

    Parameters
    ----------
    entry : FileEntry
        The file as scanned.

    Raises
    ------
    SourceError
        From any method, when the file cannot be read or changed since the scan.
    """

    def __init__(self, entry: FileEntry) -> None:
        self._entry = entry
        self._digest = hashlib.sha256()
        try:
            self._file = open_file(entry.source)  # closed by __exit__
        except OSError as error:
            raise unreadable(entry.source, error) from error

    def read(self, count: int) -> bytes:
        """Read exactly ``count`` bytes."""
        data = self._read(count)
        if len(data) < count:
            raise changed(self._entry.source)
        self._digest.update(data)
        return data

    def finish(self) -> None:
        """Check that nothing follows and that the content is the one scanned."""
        if self._read(1) or self._digest.hexdigest() != self._entry.sha256:
            raise changed(self._entry.source)

    def _read(self, count: int) -> bytes:
        try:
            return self._file.read(count)
        except OSError as error:
            raise unreadable(self._entry.source, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
