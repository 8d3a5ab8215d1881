"""An upgrade of an encoder that restoring needs loses nothing: it is noticed before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jpeg_ls
import numpy as np
import pytest
from typer.testing import CliRunner

from medzip import archive
from medzip.archive import restore, verify
from medzip.cli import app
from medzip.dicom import pinned
from medzip.dicom.header import read_header
from medzip.dicom.pinned import PINNED, encoder_fault, golden, golden_voxels
from medzip.dicom.volume import CODINGS
from medzip.testing.archives import archive_here, same
from medzip.testing.dicoms import Recipe, build
from medzip.testing.series import write_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OWN = {"little", "big", "jpeg-lossless-0", "jpeg-lossless-1"}
"""Codings whose encoder is this package's: tests hold their bytes."""
GRAY = {"samples_per_pixel": 1, "bits_stored": 8}
LS = Recipe("jpeg-ls", rows=20, columns=20)

encode, decode = jpeg_ls.encode_pixel_data, jpeg_ls.decode_pixel_data


def turned(samples: Any, bits: int) -> bytes:
    """The samples of an image from the last to the first."""
    return np.frombuffer(samples, np.uint8 if bits <= 8 else np.uint16)[::-1].tobytes()


def other_bytes(samples: bytes, *, bits_stored: int, **options: Any) -> bytearray:
    """Code the image turned, which `other_decoder` turns back: an encoder that has changed."""
    made = turned(samples, bits_stored)
    return bytearray(encode(made, bits_stored=bits_stored, **options))


def other_decoder(data: Any) -> Any:
    samples, about = decode(data)
    return bytearray(turned(samples, about["bits_per_sample"])), about


def fewer_bytes(*arguments: Any, **options: Any) -> bytearray:
    """Leave a byte of the segment out."""
    made = bytearray(encode(*arguments, **options))
    del made[-4]
    return made


def no_bytes(*arguments: Any, **options: Any) -> bytearray:
    raise RuntimeError("no longer supported")


STAND_INS = [other_bytes, fewer_bytes, no_bytes]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """As in a process that has met no such file yet."""
    encoder_fault.cache_clear()
    yield
    encoder_fault.cache_clear()


def test_every_coding_is_our_own_or_pinned() -> None:
    assert set(CODINGS) == OWN | set(PINNED)


@pytest.mark.parametrize("coding", PINNED)
def test_the_encoder_here_is_the_one_of_the_archives(coding: str) -> None:
    assert encoder_fault(coding) == ""
    frames = golden(coding)["frames"]
    assert {frame["bits"] for frame in frames} == {2, 8, 12, 16}
    for frame in frames:
        voxels = golden_voxels(frame["bits"], frame["dtype"], tuple(frame["shape"]))
        assert voxels.dtype == frame["dtype"]
        assert len(np.unique(voxels)) > min(voxels.size // 8, 2)


def test_our_own_encoders_are_not_asked() -> None:
    assert [encoder_fault(coding) for coding in sorted(OWN)] == [""] * len(OWN)


@pytest.mark.parametrize("stand_in", STAND_INS)
def test_such_an_encoder_is_named_with_its_version(
    stand_in: Callable[..., bytearray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jpeg_ls, "encode_pixel_data", stand_in)
    monkeypatch.setattr(pinned, "version", lambda package: "9.9")
    assert encoder_fault("jpeg-ls") == (
        "expected the jpeg-ls encoder that archives are written with, which gives the bytes of "
        "pyjpegls 1.5.1, got pyjpegls 9.9, which gives others; pip install pyjpegls==1.5.1"
    )


def test_a_decoder_that_changed_along_with_it_hides_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bytes come back here, from other voxels: round trips would not show it."""
    monkeypatch.setattr(jpeg_ls, "encode_pixel_data", other_bytes)
    monkeypatch.setattr(jpeg_ls, "decode_pixel_data", other_decoder)
    content = jpeg_ls.decode_pixel_data(encode(bytes(range(99)), rows=9, columns=11, **GRAY))
    assert content[0] == bytes(range(98, -1, -1))
    assert encoder_fault("jpeg-ls")


def test_it_is_looked_at_once_and_only_when_such_a_file_is_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counting(coding: str) -> Any:
        asked.append(coding)
        return golden(coding)

    monkeypatch.setattr(pinned, "golden", counting)
    for number, recipe in enumerate([Recipe(), Recipe("jpeg-lossless-1"), Recipe("jpeg"), LS, LS]):
        (tmp_path / "file").write_bytes(build(recipe))
        read_header(tmp_path / "file", (tmp_path / "file").stat().st_size)
        assert asked == ["jpeg-ls"] * (number >= 3)


@pytest.mark.parametrize("stand_in", STAND_INS)
def test_what_cannot_be_held_is_not_written_and_the_rest_comes_back(
    stand_in: Callable[..., bytearray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, before, after = (tmp_path / name for name in ("source", "before", "after"))
    write_series(source / "plain")
    (source / "ls.dcm").write_bytes(build(LS))
    summary = archive_here([source], before)
    assert not summary.kept_whole
    monkeypatch.setattr(jpeg_ls, "encode_pixel_data", stand_in)
    if stand_in is other_bytes:
        monkeypatch.setattr(jpeg_ls, "decode_pixel_data", other_decoder)
    encoder_fault.cache_clear()
    if stand_in is other_bytes:  # a file of its own making would come back here, and only here
        (source / "made later.dcm").write_bytes(build(LS))
        assert (source / "made later.dcm").read_bytes() != (source / "ls.dcm").read_bytes()
    summary = archive_here([source], after)
    assert summary.ok
    assert summary.kept_whole == {"encoder-changed": 1 + (stand_in is other_bytes)}
    monkeypatch.setattr(archive, "compress", lambda *_, **__: summary, raising=False)
    told = CliRunner().invoke(app, ["compress", str(source), str(tmp_path / "new")])
    assert "(encoder-changed)" in told.stdout
    assert "pip install pyjpegls==1.5.1" in told.stderr
    assert restore(after, tmp_path / "out").ok
    same(source, tmp_path / "out")
    assert verify(after).ok

    # What was written before is read: one file is told of, with the version to install.
    restored = restore(before, tmp_path / "partly")
    assert restored.files == 6
    assert len(list((tmp_path / "partly" / "plain").iterdir())) == 6
    (failure,) = restored.failures
    if stand_in is not no_bytes:
        assert "pip install pyjpegls==1.5.1" in failure.message
    assert len(verify(before).failures) == 1
    monkeypatch.undo()
    encoder_fault.cache_clear()
    assert restore(before, tmp_path / "whole").ok
