"""The benchmark counts all bytes, checks every round trip, and says what did not run."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from medzip.errors import SourceError
from medzip.evaluation.bench import Settings, measure, peer_bits, run_bench
from medzip.evaluation.cli import app
from medzip.evaluation.cores import cores
from medzip.evaluation.peers import PEERS, Availability
from medzip.evaluation.peers.general import Zstd
from medzip.evaluation.phantom import SeriesSpec, ct_volume, mr_volume, write_series
from medzip.evaluation.plots import write_plots
from medzip.evaluation.results import Results
from medzip.evaluation.sources import find_volumes, middle
from medzip.evaluation.tables import main as tables_main
from medzip.evaluation.tables import markdown

if TYPE_CHECKING:
    from pathlib import Path

FAST = ["jpeg-ls", "jpeg-xl-7"]


@dataclass(frozen=True)
class Lossy(Zstd):
    name: str = field(default="lossy", init=False)

    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> Any:
        return super().decode(data, shape, dtype) + np.dtype(dtype).type(1)


@dataclass(frozen=True)
class Broken(Zstd):
    name: str = field(default="broken", init=False)

    def encode(self, voxels: Any, prepared: Any = None) -> bytes:
        raise RuntimeError("out of luck")


@dataclass(frozen=True)
class Absent(Zstd):
    name: str = field(default="absent", init=False)
    label: str = field(default="Absent", init=False)

    def available(self) -> Availability:
        return Availability(ok=False, reason="not installed: pip install absent")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "ct.npy", ct_volume((6, 48, 48), seed=1, signed=True))
    np.save(tmp_path / "flat.npy", mr_volume((1, 40, 32), seed=1)[0])
    return tmp_path


@pytest.fixture
def results(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    monkeypatch.setitem(PEERS, "absent", Absent())
    return run_bench(find_volumes(folder), [*FAST, "absent"], Settings(slices=4))


def test_figures(results: Results) -> None:
    ct = results.get("ct", "jpeg-ls")
    assert ct is not None
    assert ct.voxels == 4 * 48 * 48
    assert ct.raw_bytes == 2 * ct.voxels
    voxels = middle(ct_volume((6, 48, 48), seed=1, signed=True), 4)
    assert ct.encoded_bytes == len(PEERS["jpeg-ls"].encode(voxels))
    assert sum(size for _, size in ct.parts) == ct.encoded_bytes
    assert ct.encode_ns > 0
    assert ct.decode_ns > 0
    assert ct.fit_ns == 0
    assert results.saving("ct", "jpeg-xl-7") == 0
    mean = np.mean([results.saving(name, "jpeg-ls") for name in ("ct", "flat")])
    assert results.mean_saving("jpeg-ls") == pytest.approx(mean)


def test_absent_codec_is_reported(results: Results) -> None:
    absent = [codec for codec in results.codecs if not codec.available]
    assert [codec.name for codec in absent] == ["absent"]
    assert "Absent did not run: not installed" in markdown(results)


def test_json_is_canonical(results: Results) -> None:
    text = results.to_json()
    assert Results.from_json(text) == results
    assert Results.from_json(text).to_json() == text
    content = json.loads(text)
    assert list(content) == sorted(content)
    for figure in content["measurements"]:
        assert all(isinstance(v, int) for k, v in figure.items() if k.endswith(("_ns", "_bytes")))
    with pytest.raises(ValueError, match="medzip-bench/1"):
        Results.from_json('{"format": "other"}')


def test_parquet_and_plots(results: Results, tmp_path: Path) -> None:
    results.write_parquet(tmp_path / "r.parquet")
    table = pq.read_table(tmp_path / "r.parquet")
    assert table.num_rows == len(results.measurements) == 4
    assert table.schema.field("encode_ns").metadata[b"unit"] == b"ns"
    plots = write_plots(results, tmp_path / "r")
    assert [plot.name for plot in plots] == ["r-saving.svg", "r-pareto.svg"]
    first = [plot.read_bytes() for plot in plots]
    assert first == [plot.read_bytes() for plot in write_plots(results, tmp_path / "r")]


@pytest.mark.parametrize(
    ("peer", "error"), [(Lossy(), ""), (Broken(), "RuntimeError: out of luck")]
)
def test_wrong_codec_does_not_count(peer: Any, error: str) -> None:
    figure = measure(peer, "x", np.ones((1, 2, 2), np.uint8))
    assert not figure.ok
    assert not figure.lossless
    assert figure.error == error


def test_peer_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    for peer in (Lossy(), Broken(), Absent()):
        monkeypatch.setitem(PEERS, peer.name, peer)
    voxels = mr_volume((2, 24, 24), seed=1)
    records = peer_bits(voxels, ["jpeg-ls", "lossy", "broken", "absent"], series="abc", slab=3)
    good, lossy, broken, absent = records
    assert good.encoded_bytes == len(PEERS["jpeg-ls"].encode(voxels))
    assert (good.series, good.slab, good.available, good.lossless) == ("abc", 3, True, True)
    assert (lossy.available, lossy.lossless) == (True, False)
    assert (broken.available, broken.reason) == (False, "RuntimeError: out of luck")
    assert (absent.available, absent.encoded_bytes) == (False, 0)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_cores_bind_and_give_back() -> None:
    before = os.sched_getaffinity(0)
    with cores(1) as granted:
        assert granted == 1
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_middle_slices() -> None:
    voxels = np.arange(10)[:, None, None]
    assert middle(voxels, 4)[:, 0, 0].tolist() == [3, 4, 5, 6]
    assert middle(voxels, 99).shape == voxels.shape
    assert middle(voxels, None).shape == voxels.shape


def test_index_of_tiffs(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    voxels = ct_volume((3, 16, 16), seed=1, signed=True)
    stored = (voxels.astype(np.int32) + 2000).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack")
    entry = {
        "file": "a.tif",
        "shape": [3, 16, 16],
        "dtype": "int16",
        "offset": -2000,
        "licence": "CC0",
    }
    (tmp_path / "index.json").write_text(json.dumps({"a": entry}))
    (volume,) = find_volumes(tmp_path)
    np.testing.assert_array_equal(volume.load(), voxels)
    assert volume.about == (("licence", "CC0"),)


def test_dicom_is_named_by_digest(tmp_path: Path) -> None:
    voxels = ct_volume((4, 16, 16), seed=1)
    spec = SeriesSpec(1, 1, 1, "CT", "SECRET")
    write_series(tmp_path / "Doe" / "ct", voxels, spec)
    (tmp_path / "Doe" / "note.txt").write_text("x")
    (volume,) = find_volumes(tmp_path)
    assert volume.name.isalnum()
    assert len(volume.name) == 12
    np.testing.assert_array_equal(volume.load(), voxels)


def test_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="got none"):
        find_volumes(tmp_path)
    with pytest.raises(SourceError, match="check the path"):
        find_volumes(tmp_path / "nowhere")


def test_command(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "r.json"
    arguments = ["--data", str(folder), "--peers", ",".join(FAST), "--out", str(out)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "JPEG XL e7" in done.output
    assert {path.suffix for path in out.parent.iterdir()} == {".json", ".parquet", ".svg"}
    assert Results.read(out).mean_saving("jpeg-ls") is not None


def test_command_prints_json(folder: Path) -> None:
    arguments = ["--data", str(folder), "--peers", "jpeg-ls", "--slab", "flat", "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert [slab.name for slab in Results.from_json(done.stdout).slabs] == ["flat"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--peers", "jpeg-xxl"], 2),
        (["--slab", "nothing"], 2),
        (["--slices", "0"], 2),
        (["--peers", "broken"], 1),
        (["--peers", "lossy"], 1),
    ],
)
def test_exit_codes(
    folder: Path, arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for peer in (Lossy(), Broken()):
        monkeypatch.setitem(PEERS, peer.name, peer)
    done = CliRunner().invoke(app, ["--data", str(folder), *arguments])
    assert done.exit_code == code, done.output


def test_missing_folder_fails(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["--data", str(tmp_path / "nowhere")])
    assert done.exit_code == 1


def test_readme_is_generated_and_checked(results: Results, tmp_path: Path) -> None:
    results.write(tmp_path / "r" / "x.json")
    readme = tmp_path / "README.md"
    readme.write_text("# A\n<!-- bench: r/x.json -->\nold\n<!-- bench: end -->\nend\n")
    assert tables_main(["--check", str(readme)]) == 1
    assert tables_main(["--update", str(readme)]) == 0
    assert tables_main(["--check", str(readme)]) == 0
    text = readme.read_text()
    assert text.startswith("# A\n")
    assert text.endswith("<!-- bench: end -->\nend\n")
    assert markdown(results) in text
    changed = dataclasses.replace(results, commit="f" * 40)
    changed.write(tmp_path / "r" / "x.json")
    assert tables_main(["--check", str(readme)]) == 1
    readme.write_text("no region")
    with pytest.raises(ValueError, match="add both"):
        tables_main(["--check", str(readme)])
