"""The columns of a report, their types and units.

Every table has an explicit Arrow schema; each field says its unit and meaning in its metadata, each
schema its table and version. Integers are stored (bytes, voxels, nanoseconds) and ratios derived on
reading, so that figures of many runs can be summed without rounding.
"""

from __future__ import annotations

import pyarrow as pa

__all__ = ["SCHEMAS", "SCHEMA_VERSION", "field", "schema"]

SCHEMA_VERSION = 2
"""Raised whenever a column changes its name, type or meaning; readers refuse newer ones."""

_KEY_VALUE = pa.map_(pa.string(), pa.int64())


def field(name: str, kind: pa.DataType, unit: str, meaning: str) -> pa.Field:
    """Describe one column; `unit` is "1" for counts and "" for what has none."""
    return pa.field(name, kind, nullable=False, metadata={"unit": unit, "description": meaning})


def schema(table: str, fields: list[pa.Field]) -> pa.Schema:
    """Make the schema of a table, its name and version in the metadata."""
    return pa.schema(
        fields,
        metadata={"medzip.table": table, "medzip.report_schema": str(SCHEMA_VERSION)},
    )


_RUN = [field("run_id", pa.string(), "", "names the run; a second write of it replaces the first")]

_MADE_BY = [
    field("codec", pa.string(), "", "name of the codec"),
    field("codec_version", pa.string(), "", "version of the package that encoded"),
    field("format_version", pa.int32(), "1", "version of the stream format"),
    field("profile", pa.string(), "", "fast, default or max"),
    field("machine", pa.string(), "", "processor and cores"),
]

_RUNS = [
    *_RUN,
    field("started", pa.timestamp("s", tz="UTC"), "", "when the run began"),
    field("wall_ns", pa.int64(), "ns", "wall-clock time of the run; 0 for a page of what is there"),
    field("archive", pa.string(), "", "folder of the archive"),
    *_MADE_BY,
    field("python", pa.string(), "", "version of Python"),
    field("versions", pa.map_(pa.string(), pa.string()), "", "versions of the packages in use"),
    field("system", pa.string(), "", "operating system and architecture"),
]

_SERIES = [
    *_RUN,
    field("series", pa.string(), "", "first digits of the object key; never a UID"),
    field("kind", pa.string(), "", "series (voxels coded) or other (kept whole)"),
    field("verdict", pa.string(), "", "proven, already-proven, recorded (not checked) or failed"),
    field("failed_stage", pa.string(), "", "step that failed; empty if none"),
    field("failure_kind", pa.string(), "", "class of the error; empty if none"),
    *_MADE_BY,
    field("model_digests", pa.list_(pa.string()), "", "SHA-256 of the model of each volume"),
    field(
        "base_digests",
        pa.list_(pa.string()),
        "",
        "digest of the network that each starts from, as cards and config.json have it",
    ),
    field("volumes", pa.list_(pa.string()), "", "shape (z, y, x) and dtype of each volume"),
    field("files", pa.int64(), "1", "original files"),
    field("raw_bytes", pa.int64(), "byte", "original files"),
    field("encoded_bytes", pa.int64(), "byte", "object on disk; the sum of its parts"),
    field("slab_bytes", pa.int64(), "byte", "part: coded voxels"),
    field("model_bytes", pa.int64(), "byte", "part: fitted models"),
    field("envelope_bytes", pa.int64(), "byte", "part: everything outside the voxels"),
    field("manifest_bytes", pa.int64(), "byte", "part: path, size and digest of each file"),
    field("container_bytes", pa.int64(), "byte", "part: zip and Zarr structure"),
    field("voxels", pa.int64(), "voxel", "real voxels coded, never padding"),
    field("voxel_bytes", pa.int64(), "byte", "those voxels in the original files"),
    field(
        "kept_whole", _KEY_VALUE, "1", "files that did not go through the voxel codec, by reason"
    ),
    field("kept_bytes", _KEY_VALUE, "byte", "those files, by reason"),
    field("stage_ns", pa.int64(), "ns", "reading and laying out; 0 if an earlier run did it"),
    field("fit_ns", pa.int64(), "ns", "fitting the models; 0 if an earlier run did it"),
    field("encode_ns", pa.int64(), "ns", "encoding, summed over slabs (worker time)"),
    field("seal_ns", pa.int64(), "ns", "assembling the object"),
    field("prove_ns", pa.int64(), "ns", "decoding from the stored bytes and comparing digests"),
]

_SLABS = [
    *_RUN,
    field("series", pa.string(), "", "first digits of the object key"),
    field("volume", pa.int32(), "1", "index of the volume in the object"),
    field("slab", pa.int32(), "1", "index of the slab in the volume"),
    field("depth", pa.int32(), "voxel", "slices in the slab"),
    field("height", pa.int32(), "voxel", "rows of a slice"),
    field("width", pa.int32(), "voxel", "columns of a slice"),
    field("dtype", pa.string(), "", "how the stored words are read"),
    field("verdict", pa.string(), "", "verdict of the object"),
    *_MADE_BY,
    field("model_digest", pa.string(), "", "SHA-256 of the model"),
    field("voxels", pa.int64(), "voxel", "real voxels"),
    field("raw_bytes", pa.int64(), "byte", "the voxels in the original files"),
    field("encoded_bytes", pa.int64(), "byte", "coded slab, checksum included"),
    field("encode_ns", pa.int64(), "ns", "worker time; 0 if an earlier run did it"),
    field("reused", pa.bool_(), "", "encoded by an earlier run"),
]

_FAILURES = [
    *_RUN,
    field("series", pa.string(), "", "first digits of the object key, or scan"),
    field("stage", pa.string(), "", "step that failed"),
    field("kind", pa.string(), "", "class of the error"),
]

_PEERS = [
    *_RUN,
    field("series", pa.string(), "", "first digits of the object key"),
    field("volume", pa.int32(), "1", "index of the volume in the object"),
    field("slab", pa.int32(), "1", "slab that was measured; -1 for the whole volume"),
    field("codec", pa.string(), "", "name of the codec"),
    field("label", pa.string(), "", "title of the codec"),
    field("version", pa.string(), "", "implementation and its version"),
    field("available", pa.bool_(), "", "whether it could run"),
    field("reason", pa.string(), "", "why it could not"),
    field("lossless", pa.bool_(), "", "whether decoding gave the same voxels"),
    field("voxels", pa.int64(), "voxel", "real voxels"),
    field("raw_bytes", pa.int64(), "byte", "voxels before"),
    field("encoded_bytes", pa.int64(), "byte", "all bytes after"),
    field("encode_ns", pa.int64(), "ns", "wall-clock time, one thread"),
    field("decode_ns", pa.int64(), "ns", "wall-clock time, one thread"),
]

_PICTURES = [
    *_RUN,
    field("series", pa.string(), "", "first digits of the object key"),
    field("volume", pa.int32(), "1", "index of the volume in the object"),
    field("slice", pa.int32(), "1", "z of the slice in the volume"),
    field("window_low", pa.int32(), "", "stored value shown black"),
    field("window_high", pa.int32(), "", "stored value shown white"),
    field("residual_limit", pa.int32(), "", "absolute residual in full colour"),
    field("slice_png", pa.binary(), "", "the slice, grey"),
    field("residual_png", pa.binary(), "", "voxel minus prediction, zero white"),
]

_TRIALS = [
    *_RUN,
    field("series", pa.string(), "", "first digits of the object key"),
    field("volume", pa.int32(), "1", "index of the volume in the object"),
    field("model", pa.string(), "", "name of the model that coded a sample"),
    field("model_digest", pa.string(), "", "digest of its network"),
    field("sample_voxels", pa.int64(), "voxel", "voxels of the sample; 0 if it was not tried"),
    field("sample_bytes", pa.int64(), "byte", "the sample, coded; 0 if it was not tried"),
    field("model_bytes", pa.int64(), "byte", "the model in the object"),
    field("estimate_bytes", pa.int64(), "byte", "all voxels and the model, from the sample"),
    field("chosen", pa.bool_(), "", "whether the volume was coded with it"),
    field("reason", pa.string(), "", "why, or why not"),
]

_GAINS = [
    *_RUN,
    field("series", pa.string(), "", "first digits of the object key"),
    field("outcome", pa.string(), "", "replaced (by a smaller object), kept or failed"),
    field("reason", pa.string(), "", "why"),
    field("before_bytes", pa.int64(), "byte", "object on disk before"),
    field("after_bytes", pa.int64(), "byte", "object on disk after"),
]

SCHEMAS: dict[str, pa.Schema] = {
    name: schema(name, fields)
    for name, fields in (
        ("runs", _RUNS),
        ("series", _SERIES),
        ("slabs", _SLABS),
        ("failures", _FAILURES),
        ("peers", _PEERS),
        ("pictures", _PICTURES),
        ("trials", _TRIALS),
        ("gains", _GAINS),
    )
}
"""Schema by table; the folder of a table in a dataset has the same name."""
