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

from medzip.bench.archived import peer_bits
from medzip.bench.binding import on_cores
from medzip.bench.measuring import Settings, measure
from medzip.bench.parquet import write_parquet
from medzip.bench.parts import PARTS
from medzip.bench.peers import PEERS, Availability, NotPossibleError
from medzip.bench.peers.general import Zstd
from medzip.bench.phantom import ct_volume, mr_volume
from medzip.bench.plots import write_plots
from medzip.bench.records import Scaling, Startup
from medzip.bench.results import Results
from medzip.bench.runner import run_bench
from medzip.bench.tables import is_current, markdown, update
from medzip.cli.bench import bench
from medzip.volumes import find_volumes, middle

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


@dataclass(frozen=True)
class Narrow(Zstd):
    name: str = field(default="narrow", init=False)
    label: str = field(default="Narrow", init=False)

    def encode(self, voxels: Any, prepared: Any = None) -> bytes:
        if voxels.min() < 0:
            raise NotPossibleError("13 bits")
        return super().encode(voxels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "ct.npy", ct_volume((6, 48, 48), seed=1, signed=True))
    np.save(tmp_path / "flat.npy", mr_volume((1, 40, 32), seed=1)[0])
    return tmp_path


@pytest.fixture
def results(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    for peer in (Absent(), Narrow()):
        monkeypatch.setitem(PEERS, peer.name, peer)
    return run_bench(find_volumes(folder), [*FAST, "narrow", "absent"], Settings(slices=4))


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
    with pytest.raises(ValueError, match="medzip-bench/2"):
        Results.from_json('{"format": "other"}')


def test_first_format_is_read(results: Results) -> None:
    content = json.loads(results.to_json()) | {"format": "medzip-bench/1"}
    for new in ("scaling", "startup", "skipped"):
        del content[new]
    for slab in content["slabs"]:
        del slab["noise_bits"], slab["noise_method"]
    content["measurements"] = [m for m in content["measurements"] if not m["impossible"]]
    for figure in content["measurements"]:
        del figure["impossible"]
    old = Results.from_json(json.dumps(content))
    assert old.get("ct", "jpeg-ls") == results.get("ct", "jpeg-ls")
    assert "noise floor" not in markdown(old)
    assert "noise floor" in markdown(results)


def test_impossible_is_no_failure(results: Results) -> None:
    assert results.find("ct", "narrow").impossible == "13 bits"  # type: ignore[union-attr]
    assert results.get("ct", "narrow") is None
    assert results.failures == ()
    assert len(results.savings("narrow")) == 1
    assert results.mean_saving("narrow") is None
    text = markdown(results)
    assert "| not possible |" in text
    assert "(1 of 2)" in text
    assert "Narrow is not possible on ct: 13 bits" in text


def test_noise_floor_of_each_slab(results: Results) -> None:
    for slab in results.slabs:
        assert slab.noise_method == "spectral/1"
        assert slab.noise_bpv is not None
        assert 0 < slab.noise_bpv < 16
    assert run_bench([], ["zstd"]).slabs == ()


def test_parquet(results: Results, tmp_path: Path) -> None:
    write_parquet(results, tmp_path / "r.parquet")
    table = pq.read_table(tmp_path / "r.parquet")
    assert table.num_rows == len(results.codecs) * len(results.slabs) == 8
    assert table.schema.field("encode_ns").metadata[b"unit"] == b"ns"
    assert table.schema.field("noise_bits").metadata[b"unit"] == b"bit"
    rows = {(row["slab"], row["codec"]): row for row in table.to_pylist()}
    assert rows["ct", "absent"]["reason"] == "not installed: pip install absent"
    assert not rows["ct", "absent"]["available"]
    assert rows["ct", "narrow"]["reason"] == "13 bits"
    figure = results.get("ct", "jpeg-ls")
    assert figure is not None
    assert rows["ct", "jpeg-ls"]["encoded_bytes"] == figure.encoded_bytes
    assert dict(rows["ct", "jpeg-ls"]["parts"]) == dict(figure.parts)


def test_plots(results: Results, tmp_path: Path) -> None:
    plots = write_plots(results, tmp_path / "r")
    assert [plot.name for plot in plots] == ["r-saving.svg", "r-pareto.svg"]
    first = [plot.read_bytes() for plot in plots]
    assert first == [plot.read_bytes() for plot in write_plots(results, tmp_path / "r")]
    assert b"Narrow (1 of 2)" in first[1]
    scaled = dataclasses.replace(
        results, scaling=tuple(Scaling("ct", "jpeg-ls", 10, n, 7, 9, True) for n in (1, 2))
    )
    assert [plot.name for plot in write_plots(scaled, tmp_path / "s")][-1] == "s-scaling.svg"


@pytest.mark.parametrize(
    ("peer", "error"), [(Lossy(), ""), (Broken(), "RuntimeError: out of luck")]
)
def test_wrong_codec_does_not_count(peer: Any, error: str) -> None:
    figure = measure(peer, "x", np.ones((1, 2, 2), np.uint8))
    assert not figure.ok
    assert not figure.lossless
    assert figure.error == error


def test_peer_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    for peer in (Lossy(), Broken(), Absent(), Narrow()):
        monkeypatch.setitem(PEERS, peer.name, peer)
    voxels = mr_volume((2, 24, 24), seed=1)
    records = peer_bits(voxels, ["jpeg-ls", "lossy", "broken", "absent"], series="abc", slab=3)
    good, lossy, broken, absent = records
    (narrow,) = peer_bits(voxels.astype(np.int16) - np.int16(9), ["narrow"], series="abc")
    assert (narrow.available, narrow.reason) == (False, "13 bits")
    assert good.encoded_bytes == len(PEERS["jpeg-ls"].encode(voxels))
    assert (good.series, good.slab, good.available, good.lossless) == ("abc", 3, True, True)
    assert (lossy.available, lossy.lossless) == (True, False)
    assert (broken.available, broken.reason) == (False, "RuntimeError: out of luck")
    assert (absent.available, absent.encoded_bytes) == (False, 0)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_cores_bind_and_give_back() -> None:
    before = os.sched_getaffinity(0)
    with on_cores(1) as granted:
        assert granted == 1
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_middle_slices() -> None:
    voxels = np.arange(10)[:, None, None]
    assert middle(voxels, 4)[:, 0, 0].tolist() == [3, 4, 5, 6]
    assert middle(voxels, 99).shape == voxels.shape
    assert middle(voxels, None).shape == voxels.shape


def test_what_cannot_be_read_is_skipped(tmp_path: Path) -> None:
    np.save(tmp_path / "good.npy", mr_volume((2, 16, 16), seed=1))
    np.save(tmp_path / "float.npy", np.zeros((2, 4, 4), np.float32))
    np.save(tmp_path / "wide.npy", np.full((2, 4, 4), 70000))
    np.save(tmp_path / "deep.npy", np.zeros((2, 2, 4, 4), np.int16))
    (tmp_path / "broken.npy").write_bytes(b"nothing of it")
    results = run_bench(find_volumes(tmp_path), ["jpeg-ls"], Settings(noise=False))
    assert [slab.name for slab in results.slabs] == ["good"]
    assert sorted(results.skipped) == ["broken", "deep", "float", "wide"]
    assert "at most 16 bits in wide.npy" in results.skipped["wide"]
    assert "wide was skipped" in markdown(results)
    assert Results.from_json(results.to_json()) == results


def test_command(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "r.json"
    arguments = ["--data", str(folder), "--peers", ",".join(FAST), "--out", str(out)]
    done = CliRunner().invoke(bench, arguments)
    assert done.exit_code == 0, done.output
    assert "JPEG XL e7" in done.output
    assert "noise floor" in done.output
    assert {path.suffix for path in out.parent.iterdir()} == {".json", ".parquet", ".svg"}
    assert Results.read(out).mean_saving("jpeg-ls") is not None


def test_command_prints_json(folder: Path) -> None:
    arguments = ["--data", str(folder), "--peers", "jpeg-ls", "--slab", "flat", "--json"]
    done = CliRunner().invoke(bench, arguments)
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
        (["--peers", "narrow"], 0),
        (["--scaling", "jpeg-xxl"], 2),
    ],
)
def test_exit_codes(
    folder: Path, arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for peer in (Lossy(), Broken(), Narrow()):
        monkeypatch.setitem(PEERS, peer.name, peer)
    done = CliRunner().invoke(bench, ["--data", str(folder), *arguments])
    assert done.exit_code == code, done.output


def test_missing_folder_fails(tmp_path: Path) -> None:
    done = CliRunner().invoke(bench, ["--data", str(tmp_path / "nowhere")])
    assert done.exit_code == 1


def test_nothing_readable_fails(tmp_path: Path) -> None:
    np.save(tmp_path / "float.npy", np.zeros((2, 4, 4), np.float32))
    done = CliRunner().invoke(bench, ["--data", str(tmp_path), "--peers", "zstd"])
    assert done.exit_code == 1
    assert "float was skipped" in done.output


@pytest.mark.parametrize("arguments", [[], ["tables", "a.json", "--update", "--check"]])
def test_usage_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(bench, arguments).exit_code == 2


def test_command_that_scales(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    arguments = ["--data", str(folder), "--peers", "jpeg-xl-7", "--out", str(out), "--no-noise"]
    done = CliRunner().invoke(bench, [*arguments, "--scaling", "jpeg-ls", "--workers", "1"])
    assert done.exit_code == 0, done.output
    results = Results.read(out)
    assert [(item.codec, item.workers) for item in results.scaling] == [("jpeg-ls", 1)]
    assert results.label("jpeg-ls") == "JPEG-LS"
    assert "Throughput" in done.output
    assert out.with_name("r-scaling.svg").exists()


def test_parts_of_results(results: Results, tmp_path: Path) -> None:
    more = dataclasses.replace(
        results,
        scaling=(
            Scaling("ct", "jpeg-ls", 1000, 1, 1000, 500, True),
            Scaling("ct", "jpeg-ls", 1000, 2, 1100, 500, True),
        ),
        startup=(Startup("medzip-fast", 65536, 2_000_000_000, 500_000_000, 1_000_000_000),),
    )
    more.write(tmp_path / "r.json")
    document = tmp_path / "results.md"
    regions = [f"<!-- bench: r.json {part} -->\nold\n<!-- bench: end -->\n" for part in PARTS]
    document.write_text("\n".join(regions))
    update(document)
    assert is_current(document)
    text = document.read_text()
    assert "old" not in text
    for part in PARTS:
        assert markdown(more, part) in text
    assert "| JPEG-LS | 2 | 1818.18 | 1.82 | 4000.00 | 2.00 | ct |" in text
    assert "| medzip-fast | 65536 | 0.50 | 1.00 | 2.00 |" in text
    assert "absent: not installed" in text
    assert "| ct | " in markdown(more, "noise")
    document.write_text("<!-- bench: r.json dreams -->\n<!-- bench: end -->\n")
    with pytest.raises(ValueError, match="expected one of bits"):
        is_current(document)


def test_readme_is_generated_and_checked(results: Results, tmp_path: Path) -> None:
    results.write(tmp_path / "r" / "x.json")
    readme = tmp_path / "README.md"
    readme.write_text("# A\n<!-- bench: r/x.json -->\nold\n<!-- bench: end -->\nend\n")
    assert not is_current(readme)
    assert CliRunner().invoke(bench, ["tables", str(readme), "--check"]).exit_code == 1
    assert CliRunner().invoke(bench, ["tables", str(readme), "--update"]).exit_code == 0
    assert is_current(readme)
    assert CliRunner().invoke(bench, ["tables", str(readme), "--check"]).exit_code == 0
    shown = CliRunner().invoke(bench, ["tables", str(tmp_path / "r" / "x.json")])
    assert shown.stdout == markdown(results)
    text = readme.read_text()
    assert text.startswith("# A\n")
    assert text.endswith("<!-- bench: end -->\nend\n")
    assert markdown(results) in text
    changed = dataclasses.replace(results, commit="f" * 40)
    changed.write(tmp_path / "r" / "x.json")
    assert not is_current(readme)
    readme.write_text("no region")
    with pytest.raises(ValueError, match="add both"):
        is_current(readme)
