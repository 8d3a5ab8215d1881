"""All bytes outside the voxels <-> one long-window zstd frame.

The headers of one series are nearly equal, so a window that reaches over all of them makes each
cost a few bytes. The frame is a plain zstd frame (RFC 8878) with a content checksum; it is written
and read as a stream, so its size does not matter to memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Self

import zstandard

from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["EnvelopeReader", "EnvelopeWriter"]

WINDOW_LOG = 27  # 128 MiB: the most that every zstd decoder takes without being asked
_STRONG_BELOW = 32 << 20  # level 19 costs about a second a MiB


def _parameters(size: int) -> zstandard.ZstdCompressionParameters:
    """Choose the effort by the number of bytes to come, so that the frame depends on them alone."""
    level = 19 if size <= _STRONG_BELOW else 9
    window = min(WINDOW_LOG, max(10, (size - 1).bit_length() if size > 1 else 10))
    return zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=size,
        window_log=window,
        enable_ldm=size > _STRONG_BELOW,
        write_checksum=1,
        write_content_size=1,
    )


class EnvelopeWriter:
    """Write the frame.

    Parameters
    ----------
    target : binary file
        Where the frame goes; it is not closed.
    size : int
        Number of bytes that will be written, exactly; it also chooses the effort.

    Examples
    --------
    >>> import io
    >>> target = io.BytesIO()
    >>> with EnvelopeWriter(target, 3) as writer:
    ...     writer.write(b"abc")
    >>> EnvelopeReader(io.BytesIO(target.getvalue())).read(3)
    b'abc'
    """

    def __init__(self, target: BinaryIO, size: int) -> None:
        compressor = zstandard.ZstdCompressor(compression_params=_parameters(size))
        self._stream = compressor.stream_writer(target, size=size, closefd=False)

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes of the envelope."""
        self._stream.write(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._stream.close()  # type: ignore[no-untyped-call]


class EnvelopeReader:
    """Read the frame from its start.

    Parameters
    ----------
    source : binary file
        Stands at the start of the frame; it is not closed.
    """

    def __init__(self, source: BinaryIO) -> None:
        decompressor = zstandard.ZstdDecompressor(max_window_size=1 << WINDOW_LOG)
        self._stream = decompressor.stream_reader(source, closefd=False)

    def read(self, count: int) -> bytes:
        """Read exactly ``count`` bytes.

        Raises
        ------
        CorruptStreamError
            When the frame is broken or ends early.
        """
        parts = []
        missing = count
        while missing:
            try:
                part = self._stream.read(missing)
            except zstandard.ZstdError as error:
                raise CorruptStreamError(
                    f"envelope: expected a zstd frame, got {error}; restore the object from a copy"
                ) from error
            if not part:
                raise CorruptStreamError(
                    f"envelope: expected {missing} more bytes, got its end; "
                    "restore the object from a copy"
                )
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def finish(self) -> None:
        """Check that nothing is left; this also checks the frame's own checksum.

        Raises
        ------
        CorruptStreamError
            When bytes are left or the checksum does not match.
        """
        try:
            rest = self._stream.read(1)
        except zstandard.ZstdError as error:
            raise CorruptStreamError(
                f"envelope: expected a zstd frame, got {error}; restore the object from a copy"
            ) from error
        if rest:
            raise CorruptStreamError(
                "envelope: expected its end, got more bytes; restore the object from a copy"
            )
