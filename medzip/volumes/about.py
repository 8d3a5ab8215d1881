"""What is known of a series beside its voxels."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SeriesAbout", "Stratum"]

Stratum = tuple[str, str, str]


@dataclass(frozen=True)
class SeriesAbout:
    """What is known of a series beside its voxels; nothing here names a patient.

    Attributes
    ----------
    name
        Unique among the series of a cohort, for people.
    key
        SHA-256 of its content, hexadecimal.
    voxels
        How many it has.
    modality, scanner, kernel, spacing
        "CT" or "MR"; maker and model; convolution kernel or sequence; mm between pixels, "" where
        it is not known.
    licence, origin
        Of the data, "" where nothing is known.
    """

    name: str
    key: str
    voxels: int
    modality: str = ""
    scanner: str = ""
    kernel: str = ""
    spacing: str = ""
    licence: str = ""
    origin: str = ""

    @property
    def facts(self) -> dict[str, str]:
        """What figures say of it: licence, modality, origin and vendor, where they are known."""
        known = {
            "licence": self.licence,
            "modality": self.modality,
            "origin": self.origin,
            "vendor": self.scanner,
        }
        return {name: value for name, value in known.items() if value}

    @property
    def stratum(self) -> Stratum:
        """(scanner, kernel, spacing)."""
        return self.scanner, self.kernel, self.spacing
