"""What can go wrong, as picklable exceptions.

Every message reads "expected X, got Y" and ends with the remedy, because the person who reads it
is running an archive overnight and was not there when it happened.
"""

from __future__ import annotations

__all__ = [
    "ArchiveError",
    "CorruptStreamError",
    "MedZipError",
    "MissingExtraError",
    "ModelError",
    "ProverError",
    "SourceError",
    "UnsupportedVoxelsError",
    "VerificationError",
]


class MedZipError(Exception):
    """Base of everything this package raises on purpose.

    Takes one message only, so that the default pickling of exceptions restores it in another
    process.
    """


class UnsupportedVoxelsError(MedZipError, ValueError):
    """Voxels that the codec does not take (dtype or number of dimensions)."""


class CorruptStreamError(MedZipError, ValueError):
    """Encoded bytes that are not what their checksum or header says."""


class ModelError(MedZipError, ValueError):
    """A model that is missing, malformed, or whose arithmetic cannot be proven exact."""


class MissingExtraError(MedZipError, ImportError):
    """A package that an extra of this one brings, and that is not installed."""


class SourceError(MedZipError, OSError):
    """A source file that cannot be read."""


class ArchiveError(MedZipError, ValueError):
    """An archive that is incomplete, foreign, or unsafe to restore."""


class ProverError(MedZipError):
    """The process that proves ended without an answer (killed, out of memory).

    Nothing is said about the object by that: its work is kept, and the next run proves it again.
    """


class VerificationError(MedZipError):
    """Decoded bytes differ from the original; never retried."""
