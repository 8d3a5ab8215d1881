"""What stands beside a series comes out of the archive itself."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pydicom.data
import pytest

from medzip.archive import Verdict
from medzip.archive.layout import object_path
from medzip.archive.reader import ObjectReader
from medzip.bench.archived import Beside, beside, comparable, pictured
from medzip.bench.peers import PEERS, REPORT_PEERS
from medzip.bench.phantom import SeriesSpec, ct_volume, mr_volume, write_series
from medzip.report import Wanted, render_report, rows_from, write_report_rows
from medzip.report.figures import derive
from medzip.testing.archives import archive_here
from medzip.testing.series import volume, write_slice

if TYPE_CHECKING:
    from collections.abc import Callable

    from medzip.archive import Summary

ALL = Wanted(slices=True)


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
        assert found.picture is None, "not asked for"
        drawn = beside(root / "archive", record.key, (), wanted=ALL)
        assert (drawn.peers, drawn.withheld) == ((), "")
        assert drawn.picture is not None
        assert drawn.picture.series == record.name


def test_voxels_are_those_of_the_files(archive: tuple[Path, Summary]) -> None:
    root, summary = archive
    record = min(comparable(summary.objects), key=lambda record: record.voxels)
    (peer,) = beside(root / "archive", record.key, ["jpeg-ls"]).peers
    voxels = mr_volume((3, 32, 32), seed=1)
    sizes = {len(PEERS["jpeg-ls"].encode(np.ascontiguousarray(v))) for v in (voxels, voxels[::-1])}
    assert peer.encoded_bytes in sizes  # the archive may order slices from either end


def test_object_without_voxels(archive: tuple[Path, Summary]) -> None:
    root, summary = archive
    (other,) = [record for record in summary.objects if not record.voxels]
    assert other.verdict is Verdict.PROVEN
    assert beside(root / "archive", other.key, wanted=ALL) == Beside()
    assert pictured(summary.objects, Wanted()) == frozenset()
    largest, smallest = (record.key for record in comparable(summary.objects))
    assert pictured(summary.objects, ALL) == {largest, smallest}
    assert pictured(summary.objects, Wanted(names=(smallest[:8],))) == {smallest}


def test_report_of_a_real_run(archive: tuple[Path, Summary], tmp_path: Path) -> None:
    root, summary = archive
    records = comparable(summary.objects)
    found = [beside(root / "archive", record.key, wanted=ALL) for record in records]
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
    page = render_report(tmp_path / "rows", tmp_path / "report.html", wanted=ALL)
    html = page.read_text(encoding="utf-8")
    assert html.count("<img ") == 2 * len(records)
    assert "guard it as the images" in html
    uid = SeriesSpec(7, 1, 1, "CT", "").uid(7, 1, 1)
    for secret in ("Phantom^", "PHANTOM-", "SECRET", str(uid), "note.txt", str(root / "in")):
        assert secret not in html
    rendered = b"".join(path.read_bytes() for path in (tmp_path / "rows").rglob("*.parquet"))
    assert str(uid).encode() not in rendered


RASTERS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"data:image", b"<img", b"<canvas")


def rasters_in(*places: Path) -> list[tuple[str, bytes]]:
    """What looks like an image in the files of a report."""
    files = [file for place in places for file in place.rglob("*") if file.is_file()]
    assert files
    return [(file.name, mark) for file in files for mark in RASTERS if mark in file.read_bytes()]


def test_rows_and_page_hold_no_image_unless_asked_for(
    archive: tuple[Path, Summary], tmp_path: Path
) -> None:
    root, summary = archive
    for name, wanted in (("without", Wanted()), ("with", ALL)):
        found = [
            beside(root / "archive", record.key, ["zstd"], wanted=wanted)
            for record in comparable(summary.objects)
        ]
        pictures = [item.picture for item in found if item.picture]
        rows = rows_from(summary, run_id=name, pictures=pictures)
        write_report_rows(tmp_path / name / "rows", rows)
        render_report(tmp_path / name / "rows", tmp_path / name / "report.html", wanted=wanted)
    assert rasters_in(tmp_path / "without") == []
    assert {mark for _, mark in rasters_in(tmp_path / "with")} >= {b"data:image", b"<img"}
    # rows that were drawn once are not shown by whoever does not ask
    again = render_report(tmp_path / "with" / "rows", tmp_path / "again" / "report.html")
    assert rasters_in(again.parent) == []


def odd_series(folder: Path, **values: object) -> None:
    """Slices that are CT in form, but for what their headers say of them."""
    for z, pixels in enumerate(volume((4, 24, 20), len(folder.name))):
        path = folder / f"{z}.dcm"
        uid = f"1.2.3.{sum(map(ord, folder.name))}"
        write_slice(path, pixels.astype(values.get("dtype", "int16")), series=uid, instance=z)
        data = pydicom.dcmread(path)
        data.Modality = "CT"
        for name, value in values.items():
            if name != "dtype":
                setattr(data, name, value)
        data.save_as(path)


US, SCREEN = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.7"


def shown(summary: Summary, *, named: bool) -> list[str]:
    """Objects of which there is a picture, asked for all together or each by its name."""
    return [
        record.key
        for record in comparable(summary.objects)
        if beside(
            summary.archive,
            record.key,
            (),
            wanted=Wanted(names=(record.key,)) if named else ALL,
        ).picture
    ]


def test_what_may_bear_names_is_shown_by_name_alone(tmp_path: Path) -> None:
    odd_series(tmp_path / "in" / "fit")
    odd_series(tmp_path / "in" / "burned", BurnedInAnnotation="YES")
    odd_series(tmp_path / "in" / "ultrasound", SOPClassUID=US, Modality="US")
    odd_series(tmp_path / "in" / "screens", SOPClassUID=SCREEN, ConversionType="WSD")
    odd_series(tmp_path / "in" / "bytes", dtype="uint8")
    write_slice(tmp_path / "in" / "one.dcm", volume((1, 24, 20))[0], series="1.2.4")
    summary = archive_here([tmp_path / "in"], tmp_path / "archive")
    assert len(comparable(summary.objects)) == 6
    assert len(shown(summary, named=False)) == 1
    assert len(shown(summary, named=True)) == 5, "all but those that say that names are burned in"


def test_of_real_files_only_slices_are_shown(shared: Callable[[str], Path], tmp_path: Path) -> None:
    samples = Path(pydicom.data.__file__).parent
    files = [file for name in ("field", "compressed") for file in shared(name).glob("*.dcm")]
    for pattern in ("emri_small.dcm", "examples_*.dcm", "US*.dcm", "SC_*.dcm", "?[TR]_small.dcm"):
        files += samples.rglob(pattern)
    files += sorted(shared("series/ct-siemens-8mm").iterdir())[:4]
    files += shared("series/mr-siemens-enhanced-multiframe").iterdir()
    for number, file in enumerate(files):
        target = tmp_path / "in" / str(number) / file.name
        target.parent.mkdir(parents=True)
        shutil.copyfile(file, target)
    summary = archive_here([tmp_path / "in"], tmp_path / "archive")
    drawn = shown(summary, named=False)
    assert 2 <= len(drawn) < len(shown(summary, named=True))
    for key in drawn:
        with ObjectReader(object_path(summary.archive, key)) as reader:
            heads = [head for file, head in reader.heads() if file.spans]
        for head in heads:
            data = pydicom.dcmread(io.BytesIO(head), force=True)
            assert data.Modality in ("CT", "MR", "PT")
            assert data.get("BurnedInAnnotation", "NO") == "NO"
            assert data.BitsStored > 8
            assert len(heads) > 1 or data.NumberOfFrames > 1
