"""Columns that readers of old datasets rely on."""

from __future__ import annotations

import pyarrow as pa
import pytest

from medzip.report.schema import SCHEMA_VERSION, SCHEMAS

# A change here is a change of the format: raise SCHEMA_VERSION and say so in the changelog.
COLUMNS = {
    "runs": "run_id started wall_ns archive codec codec_version format_version profile machine "
    "python versions system",
    "series": "run_id series kind verdict failed_stage failure_kind codec codec_version "
    "format_version profile machine model_digests base_digests volumes files raw_bytes "
    "encoded_bytes slab_bytes model_bytes envelope_bytes manifest_bytes container_bytes voxels "
    "voxel_bytes kept_whole kept_bytes stage_ns fit_ns encode_ns seal_ns prove_ns",
    "slabs": "run_id series volume slab depth height width dtype verdict codec codec_version "
    "format_version profile machine model_digest voxels raw_bytes encoded_bytes encode_ns reused",
    "failures": "run_id series stage kind",
    "peers": "run_id series volume slab codec label version available reason lossless voxels "
    "raw_bytes encoded_bytes encode_ns decode_ns",
    "pictures": "run_id series volume slice window_low window_high residual_limit slice_png "
    "residual_png",
    "trials": "run_id series volume model model_digest sample_voxels sample_bytes model_bytes "
    "estimate_bytes chosen reason",
    "gains": "run_id series outcome reason before_bytes after_bytes",
}


def test_columns_are_those_of_version_2() -> None:
    assert SCHEMA_VERSION == 2
    assert {name: " ".join(schema.names) for name, schema in SCHEMAS.items()} == COLUMNS


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_says_unit_and_meaning(name: str) -> None:
    schema = SCHEMAS[name]
    assert schema.metadata[b"medzip.report_schema"] == b"2"
    for field in schema:
        assert set(field.metadata) == {b"unit", b"description"}
        assert field.metadata[b"description"]
        assert not pa.types.is_floating(field.type), "ratios are derived, never stored"
    assert all(f.metadata[b"unit"] == b"ns" for f in schema if f.name.endswith("_ns"))
    assert all(f.metadata[b"unit"] == b"byte" for f in schema if f.name.endswith("_bytes"))
