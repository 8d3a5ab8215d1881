"""Results as a Parquet table, one row a codec and volume."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from medzip.bench.results import FORMAT
from medzip.report.schema import field

if TYPE_CHECKING:
    import os

    from medzip.bench.results import Results

__all__ = ["SCHEMA", "write_parquet"]

SCHEMA = pa.schema(
    [
        field("date", pa.string(), "", "when the run began, UTC"),
        field("commit", pa.string(), "", "git commit of the code; + if it was changed"),
        field("cpu", pa.string(), "", "processor"),
        field("slab", pa.string(), "", "name of the volume"),
        field("codec", pa.string(), "", "name of the codec"),
        field("version", pa.string(), "", "implementation and its version"),
        field("available", pa.bool_(), "", "whether the codec could run here"),
        field("reason", pa.string(), "", "why it could not run, or not on this volume"),
        field("voxels", pa.int64(), "voxel", "real voxels"),
        field("raw_bytes", pa.int64(), "byte", "voxels before"),
        field("encoded_bytes", pa.int64(), "byte", "all bytes after; 0 where it did not run"),
        field("parts", pa.map_(pa.string(), pa.int64()), "byte", "what the bytes pay for"),
        field("fit_ns", pa.int64(), "ns", "fitting; 0 where there is none"),
        field("encode_ns", pa.int64(), "ns", "encoding, one core"),
        field("decode_ns", pa.int64(), "ns", "decoding, one core"),
        field("lossless", pa.bool_(), "", "whether decoding gave the same voxels"),
        field("error", pa.string(), "", "what went wrong"),
        field("noise_bits", pa.int64(), "bit", "estimated entropy of the volume's noise; -1: none"),
        field("noise_method", pa.string(), "", "how it was estimated"),
    ],
    metadata={"medzip.table": "bench", "medzip.bench": FORMAT},
)
"""The columns; ratios such as bits per voxel are derived on reading."""


_NOTHING = {
    "raw_bytes": 0,
    "encoded_bytes": 0,
    "fit_ns": 0,
    "encode_ns": 0,
    "decode_ns": 0,
    "lossless": False,
    "error": "",
}


def write_parquet(results: Results, path: str | os.PathLike[str]) -> None:
    """Write one row a codec and volume; codecs that are absent have rows that say why."""
    figures = {(figure.slab, figure.codec): figure for figure in results.measurements}
    rows = []
    for slab in results.slabs:
        for codec in results.codecs:
            figure = figures.get((slab.name, codec.name))
            measured = dataclasses.asdict(figure) if figure else _NOTHING
            rows.append(
                {
                    **measured,
                    "parts": dict(figure.parts if figure else ()),
                    "date": results.date,
                    "commit": results.commit,
                    "cpu": results.machine["cpu"],
                    "slab": slab.name,
                    "codec": codec.name,
                    "version": codec.version,
                    "available": codec.available,
                    "reason": figure.impossible if figure else codec.reason,
                    "voxels": slab.voxels,
                    "noise_bits": -1 if slab.noise_bits is None else slab.noise_bits,
                    "noise_method": slab.noise_method,
                }
            )
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path, compression="zstd")
