"""Sample stores: what is drawn from a cohort, once, for any number of training runs.

    STORE/store.json           the plan: form, seed, series with their quotas; canonical JSON
    STORE/series/<key>/        a Zarr group a series: one array a column, rows in random order

A group takes its name when it is complete, so a killed sampling goes on with the series that lack
one. Rows are shuffled by the seed: any range of rows is a random sample of its series, and a run
reads a store in portions without holding it. Groups hold voxels; guard a store as its images.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import zarr

from medzip.archive.refusing import check_outside
from medzip.atomic import write_atomic
from medzip.canonical import canonical_json, digest_of
from medzip.errors import SourceError
from medzip.fitting.linear import Window
from medzip.fitting.sample import Samples
from medzip.training.forms import Form, form_from
from medzip.training.sampled import SampledSeries
from medzip.training.strata import quotas
from medzip.volumes.about import SeriesAbout

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

__all__ = ["SampleStore"]

STORE_FORMAT = 1


@dataclass(frozen=True)
class SampleStore:
    """A store and its plan; `plan` and `open` make one, `write_series` fills it.

    Attributes
    ----------
    folder
        Where it lies.
    form
        What it holds of each voxel.
    seed
        Of every choice.
    voxels
        How many were asked for.
    series
        All that belong to it, by key.
    quotas
        How many to draw of each, by key.
    """

    folder: Path
    form: Form
    seed: int
    voxels: int
    series: tuple[SeriesAbout, ...]
    quotas: dict[str, int]

    @classmethod
    def plan(
        cls,
        folder: str | os.PathLike[str],
        form: Form,
        series: Iterable[SeriesAbout],
        voxels: int,
        seed: int = 0,
    ) -> SampleStore:
        """Begin a store, or take one up that was begun with the same plan.

        Raises
        ------
        SourceError
            No series are given, two have one key, or the folder holds something else.
        ArchiveError
            It lies in an archive.
        """
        chosen = tuple(sorted(series, key=lambda one: one.key))
        if not chosen or len({one.key for one in chosen}) != len(chosen) or voxels < 1:
            raise SourceError(
                f"expected different series and a number of voxels, got {len(chosen)} series with "
                f"{len({one.key for one in chosen})} contents and {voxels} voxels; name a folder "
                "with images and drop copies"
            )
        store = cls(Path(folder), form, seed, voxels, chosen, quotas(chosen, voxels))
        target = store.folder / "store.json"
        if target.exists():
            if target.read_bytes() != store.described:
                raise SourceError(
                    f"{folder}: expected a store of the same form, series, size and seed, got "
                    "another; name another folder, or remove it"
                )
            return store
        if store.folder.exists() and any(store.folder.iterdir()):
            raise SourceError(
                f"{folder}: expected a sample store or no such folder, got one with other things "
                "in it; name another folder"
            )
        check_outside(store.folder)
        store.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(target, store.described)
        return store

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> SampleStore:
        """Open a complete store.

        Raises
        ------
        SourceError
            There is none, it is not complete, or it is of another version.
        """
        path = Path(folder)
        try:
            value = json.loads((path / "store.json").read_bytes())
            if value["format"] != STORE_FORMAT:
                raise SourceError(
                    f"{folder}: expected a sample store of format {STORE_FORMAT}, got "
                    f"{value['format']}; sample again"
                )
            series = tuple(SeriesAbout(**about) for about in value["series"])
            store = cls(
                path,
                form_from(value["form"]),
                value["seed"],
                value["voxels"],
                series,
                value["quotas"],
            )
        except SourceError:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SourceError(
                f"{folder}: expected a sample store, got {type(error).__name__}; check the path, "
                "or sample again"
            ) from error
        missing = store.missing()
        if missing:
            raise SourceError(
                f"{folder}: expected a complete sample store, got one without {len(missing)} of "
                f"{len(series)} series; run the sampling again, it goes on where it was"
            )
        return store

    @cached_property
    def described(self) -> bytes:
        """`store.json`."""
        return canonical_json(
            {
                "format": STORE_FORMAT,
                "form": self.form.describe(),
                "seed": self.seed,
                "voxels": self.voxels,
                "series": [asdict(one) for one in self.series],
                "quotas": self.quotas,
            }
        )

    @cached_property
    def digest(self) -> str:
        """Of the plan and of every sample: two stores of one digest train the same model."""
        return digest_of(
            [hashlib.sha256(self.described).hexdigest(), [one.digest for one in self.sampled]]
        )

    @cached_property
    def sampled(self) -> tuple[SampledSeries, ...]:
        """Its series as they were sampled, by key."""
        return tuple(self.sampled_of(about) for about in self.series)

    def missing(self) -> list[SeriesAbout]:
        """Series that have no complete group yet."""
        return [one for one in self.series if not (self.path(one.key) / "zarr.json").is_file()]

    def found(self, key: str) -> SampledSeries | None:
        """A series if it has been sampled completely."""
        about = next((one for one in self.series if one.key == key), None)
        if about is None or not (self.path(key) / "zarr.json").is_file():
            return None
        return self.sampled_of(about)

    def samples(self, key: str, rows: slice | None = None) -> Samples:
        """Rows of one series of a store of inputs.

        Raises
        ------
        SourceError
            The store is of another form.
        """
        if self.form.kind != "inputs":
            raise SourceError(
                f"expected a store of a network's inputs, got one of {self.form.kind}; sample "
                "again with another form"
            )
        return Samples(
            *(torch.from_numpy(self.column(key, name, rows)) for name in self.form.columns)
        )

    def column(self, key: str, name: str, rows: slice | None = None) -> np.ndarray:
        """One column of one series; "origin" holds z, y, x of each sample."""
        array: Any = self._group(key)[name]
        return np.ascontiguousarray(array[rows or slice(None)])

    def windows(self, most: int) -> list[Window]:
        """Central windows of the series of `window_series`."""
        out = []
        for one in self.window_series(most):
            group = self._group(one.key)
            about: Any = group.attrs["window"]
            values = np.ascontiguousarray(np.asarray(group["window"][...]))  # type: ignore[index]
            out.append(Window(values, int(about["origin"]), int(about["count"])))
        return out

    def window_series(self, most: int) -> list[SeriesAbout]:
        """At most so many series, evenly among all."""
        count = min(most, len(self.series))
        return [self.series[number * len(self.series) // count] for number in range(count)]

    def volumes_about(self) -> list[dict[str, Any]]:
        """What training.json and a card say of each series."""
        return [
            {
                "name": one.about.name,
                "key": one.about.key,
                "modality": one.about.modality,
                "vendor": one.about.scanner,
                "kernel": one.about.kernel,
                "spacing": one.about.spacing,
                "origin": one.about.origin,
                "licence": one.about.licence,
                "rows": one.rows,
                "eligible": round(one.eligible, 4),
            }
            for one in self.sampled
        ]

    def sampled_of(self, about: SeriesAbout) -> SampledSeries:
        """A series of it whose group is there."""
        attributes: Any = self._group(about.key).attrs
        return SampledSeries(
            about, int(attributes["rows"]), float(attributes["eligible"]), attributes["digest"]
        )

    def path(self, key: str) -> Path:
        """Where the group of a series lies, or will."""
        return self.folder / "series" / key

    def _group(self, key: str) -> zarr.Group:
        try:
            return zarr.open_group(str(self.path(key)), mode="r")
        except (OSError, ValueError) as error:
            raise SourceError(
                f"expected the samples of series {key[:16]}, got {type(error).__name__}; "
                "sample again"
            ) from error
