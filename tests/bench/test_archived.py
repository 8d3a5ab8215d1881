"""What stands beside a series comes out of the archive itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from medzip.archive import Verdict
from medzip.bench.archived import Beside, beside, comparable, pictured
from medzip.bench.peers import PEERS, REPORT_PEERS
from medzip.bench.phantom import SeriesSpec, ct_volume, mr_volume, write_series
from medzip.report import render_report, rows_from, write_report_rows
from medzip.report.figures import derive
from medzip.testing.archives import archive_here

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.archive import Summary


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    root = tmp_path_factory.mktemp("archived")
    ct, mr = SeriesSpec(7, 1, 1, "CT", "SECRET-A"), SeriesSpec(8, 1, 1, "MR", "SECRET-B")
    write_series(root / "in" / "ct", ct_volume((36, 32, 40), seed=1), ct)
    write_series(root / "in" / "mr", mr_volume((3, 32, 32), seed=1), mr)
    (root / "in" / "note.txt").write_text("Phantom^07\n")
    return root, archive_here([root / "in"], root / "archive")


def test_middle_slab_of_each_series(archive: tuple[Path, Summary]) -> None:
    root, summary = archive
    assert summary.ok
    records = comparable(summary.objects)
    assert sorted(record.voxels for record in records) == [3 * 32 * 32, 36 * 32 * 40]
    for record in records:
        found = beside(root / "archive", record.key)
        assert [peer.codec for peer in found.peers] == list(REPORT_PEERS)
        slab = record.slabs[len(record.slabs) // 2]
        for peer in found.peers:
            assert peer.lossless
            assert (peer.series, peer.slab, peer.voxels) == (record.name, slab.slab, slab.voxels)
        assert found.picture is not None
        assert found.picture.series == record.name


def test_voxels_are_those_of_the_files(archive: tuple[Path, Summary]) -> None:
    root, summary = archive
    record = min(comparable(summary.objects), key=lambda record: record.voxels)
    (peer,) = beside(root / "archive", record.key, ["jpeg-ls"], picture=False).peers
    voxels = mr_volume((3, 32, 32), seed=1)
    sizes = {len(PEERS["jpeg-ls"].encode(np.ascontiguousarray(v))) for v in (voxels, voxels[::-1])}
    assert peer.encoded_bytes in sizes  # the archive may order slices from either end


def test_object_without_voxels(archive: tuple[Path, Summary]) -> None:
    root, summary = archive
    (other,) = [record for record in summary.objects if not record.voxels]
    assert other.verdict is Verdict.PROVEN
    assert beside(root / "archive", other.key) == Beside()
    assert other.key not in pictured(summary.objects)
    assert len(pictured(summary.objects, 1)) == 1


def test_report_of_a_real_run(archive: tuple[Path, Summary], tmp_path: Path) -> None:
    root, summary = archive
    found = [beside(root / "archive", record.key) for record in comparable(summary.objects)]
    rows = rows_from(
        summary,
        run_id="real",
        peers=[peer for item in found for peer in item.peers],
        pictures=[item.picture for item in found if item.picture],
    )
    figures = derive(rows)
    assert all(series.saving is not None for series in figures.series if series.bpv)
    assert sum(figures.parts.values()) == figures.encoded_bytes == summary.encoded_bytes
    write_report_rows(tmp_path / "rows", rows)
    html = render_report(tmp_path / "rows", tmp_path / "report.html").read_text(encoding="utf-8")
    uid = SeriesSpec(7, 1, 1, "CT", "").uid(7, 1, 1)
    for secret in ("Phantom^", "PHANTOM-", "SECRET", str(uid), "note.txt", str(root)):
        assert secret not in html
    rendered = b"".join(path.read_bytes() for path in (tmp_path / "rows").rglob("*.parquet"))
    assert str(uid).encode() not in rendered
