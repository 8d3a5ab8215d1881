"""Files of every syntax and form come back, and are coded or say truly why not."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given

from medzip.archive.handles import ObjectPlan, StagedVolume
from medzip.archive.layout import canonical_json, object_key
from medzip.archive.manifest import manifest_of, read_manifest
from medzip.dicom.discover import stack_files
from medzip.dicom.header import read_hashed
from medzip.dicom.records import FileEntry, gaps_of, pieces_of
from medzip.dicom.volume import bytes_of, voxels_of
from medzip.testing.dicoms import Recipe, build
from medzip.testing.strategies import dicom_files

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def comes_back(path: Path, content: bytes) -> str:
    """Plan a file, take its voxels out and put them back; the reason why it is kept whole."""
    header, sha256 = read_hashed(path, len(content))
    entry = FileEntry("a", "", len(content), sha256, 0, 0o644, header.series_uid, (), header.reason)
    (entry,), stacks = stack_files([(entry, header)])
    assert bool(entry.spans) == (not header.reason)
    last = 0
    slices = [0] * len(stacks)
    for span in entry.spans:
        front, body = pieces_of(span)
        places = [*front, *body]
        assert gaps_of(front, body) == span.gaps
        assert last <= places[0][0] == span.start
        assert all(a + n <= b for (a, n), (b, _) in itertools.pairwise(places))
        last = sum(places[-1])
        assert last == span.end <= len(content)
        head, data = (b"".join(content[a : a + n] for a, n in part) for part in (front, body))
        assert (len(head), len(data)) == (span.header, span.length)
        stack = stacks[span.stack]
        shape = (span.slices, *stack.shape[1:])
        voxels = voxels_of(data, head, shape, stack.dtype, span.coding)
        assert bytes_of(np.ascontiguousarray(voxels), head, span.coding) == data
        slices[span.stack] += span.slices
    assert slices == [stack.shape[0] for stack in stacks]
    key = object_key([(entry.path, entry.size, entry.sha256)], (), ())
    plan = ObjectPlan(key, "series", (entry,), stacks)
    volumes = [StagedVolume(s.shape, s.dtype, s.shape[0], s.geometry) for s in stacks]
    described = canonical_json(manifest_of(plan, volumes, "fast", "0"))
    assert read_manifest(described, "a").files == (entry,)
    assert all(len(span) in (8, 9) for span in json.loads(described)["files"][0]["spans"])
    return header.reason


@given(dicom_files())
def test_files_of_every_form(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> None:
    content = build(recipe)
    path = tmp_path_factory.getbasetemp() / "recipe.dcm"
    path.write_bytes(content)
    assert comes_back(path, content) == recipe.reason
