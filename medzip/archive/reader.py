"""An object -> the original files, streamed; the inverse of staging and sealing."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO, Self, cast

import numpy as np
import zstandard

from medzip.archive.container import ENVELOPE, MANIFEST, slab_name, volume_metadata
from medzip.archive.manifest import Manifest, read_manifest
from medzip.archive.models import archive_models, archive_of
from medzip.archive.staging import CHUNK
from medzip.codec import decode_slab
from medzip.codec.header import read_header
from medzip.dicom.envelope import EnvelopeReader
from medzip.dicom.pinned import encoder_fault, fault_of
from medzip.dicom.records import pieces_of
from medzip.dicom.volume import bytes_of, coding_of
from medzip.errors import ArchiveError, CorruptStreamError, MedZipError
from medzip.zarr_codec import MedZipCodec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from medzip.archive.handles import StagedVolume
    from medzip.codec import Model
    from medzip.dicom.records import FileEntry, Span

__all__ = ["MOST_HEAD", "ObjectReader", "file_digests"]

MOST_HEAD = 4 << 20
"""Bytes of a file in which its header ends, at most."""
_MANIFEST_LIMIT = 1 << 30
_METADATA_LIMIT = 4 << 20
"""Bytes of a ``zarr.json``, packed or not; one holds a model of some 100 kB at most."""


class ObjectReader:
    """Read one object. Memory stays within a slab and a few MiB, however large the object.

    While it is open, models are looked up among those of its archive, too.

    Parameters
    ----------
    path : Path
        The zip store.
    spool : str or None
        Folder for raw voxels where slices of a file lie apart in their volume; None for the
        system's folder of temporary files.

    Raises
    ------
    ArchiveError, CorruptStreamError
        When the object is broken, of another format, or unsafe.
    OSError
        When it cannot be read.
    """

    def __init__(self, path: Path, spool: str | None = None) -> None:
        self.path = path
        self._spool = spool
        with self._naming():
            self._zip = zipfile.ZipFile(path)
        with ExitStack() as opened:
            opened.callback(self._zip.close)
            self._check_entries()
            self.manifest = self._read_manifest()
            opened.enter_context(archive_models(archive_of(path)))
            self._opened = opened.pop_all()

    def files(self) -> Iterator[tuple[FileEntry, Iterator[bytes]]]:
        """Yield stored files in storage order, each with its content in pieces.

        The pieces of a file must be used up before the next one; the generator does so where the
        caller stops early. Copies (``copy_of``) are not among them.

        Raises
        ------
        ArchiveError, CorruptStreamError
            When a part of the object is broken.
        """
        manifest = self.manifest
        volumes = [self._volume(number) for number in range(len(manifest.volumes))]
        with self._naming(), self._open(ENVELOPE) as source:
            envelope = EnvelopeReader(source)
            for file in manifest.files:
                if file.copy_of >= 0:
                    continue
                pieces = self._guard(self._pieces(file, envelope, volumes))
                yield file, pieces
                for _ in pieces:
                    pass
            envelope.finish()
            while source.read(CHUNK):  # to the end, where zipfile checks the entry's CRC
                pass

    def heads(self) -> Iterator[tuple[FileEntry, bytes]]:
        """Yield stored files, each with what is in front of its first voxel; nothing is decoded.

        Of a file that is kept whole these are its first bytes, :data:`MOST_HEAD` at most of any.

        Raises
        ------
        ArchiveError, CorruptStreamError
            When the envelope is broken.
        """
        with self._naming(), self._open(ENVELOPE) as source:
            envelope = EnvelopeReader(source)
            for file in self.manifest.files:
                if file.copy_of >= 0:
                    continue
                outside = file.size - sum(span.length for span in file.spans)
                head = min(file.spans[0].offset if file.spans else outside, MOST_HEAD)
                yield file, envelope.read(head)
                for _ in _envelope(envelope, outside - head):
                    pass

    def model(self, volume: int) -> Model:
        """Model of a volume, from the configuration of its codec.

        Raises
        ------
        ArchiveError, ModelError
            When it is broken.
        """
        with self._naming():
            metadata = json.loads(self._read(volume_metadata(volume)))
            return MedZipCodec.from_dict(metadata["codecs"][0]).loaded

    def envelope_frame(self) -> Iterator[bytes]:
        """The envelope as it is stored, in pieces.

        Raises
        ------
        ArchiveError
            When the object is broken.
        """
        with self._naming(), self._open(ENVELOPE) as source:
            while piece := source.read(CHUNK):
                yield piece

    def sizes(self) -> dict[str, int]:
        """Bytes that each entry of the container takes, by its name."""
        return {info.filename: info.compress_size for info in self._zip.infolist()}

    def close(self) -> None:
        """Close the file, and look up models in its archive no more."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _volume(self, number: int) -> _VolumeReader:
        return _VolumeReader(self, number, self.manifest, self._spool)

    def slab(self, volume: int, slab: int, model: Model) -> NDArray[np.generic]:
        """Decode one slab, whose header must have the manifest's shape and dtype."""
        data = self.stored_slab(volume, slab)
        with self._naming():
            return decode_slab(data, model)

    def stored_slab(self, volume: int, slab: int) -> bytes:
        """Bytes of one slab, whose header must have the manifest's shape and dtype."""
        described = self.manifest.volumes[volume]
        depth = min(described.depth, described.shape[0] - slab * described.depth)
        data = self._read(slab_name(volume, slab))
        with self._naming():
            header = read_header(data)  # before anything of the size that it tells is made
            if header.shape != (depth, *described.shape[1:]) or header.dtype != described.dtype:
                raise CorruptStreamError(
                    f"{self.path.name}: expected slab {slab} of {described}, got {header.shape} of "
                    f"{header.dtype}; restore the object from a copy"
                )
        return data

    def _pieces(
        self, file: FileEntry, envelope: EnvelopeReader, volumes: list[_VolumeReader]
    ) -> Iterator[bytes]:
        """Content of one file: envelope and voxels in turn.

        Where voxels are broken the envelope is read on, so that the files that follow come right.
        """
        position = 0
        broken: Exception | None = None
        for span in file.spans:
            header, body = pieces_of(span)
            front = b""
            for offset, length in header:
                yield from _envelope(envelope, offset - position)
                front += (piece := envelope.read(length))
                yield piece
                position = offset + length
            content = self._span(span, front, volumes[span.stack])
            data = b""  # of a span in pieces, which is one frame
            done = 0
            for offset, length in body:
                yield from _envelope(envelope, offset - position)
                position = offset + length
                if broken is None:
                    try:
                        if len(body) == 1:
                            yield from content
                        else:
                            data = data or b"".join(content)
                            yield data[done : done + length]
                            done += length
                    except OSError:
                        raise
                    except Exception as error:
                        broken = error
        yield from _envelope(envelope, file.size - position)
        if broken is not None:
            raise broken

    def _span(self, span: Span, header: bytes, volume: _VolumeReader) -> Iterator[bytes]:
        """Bytes of one span, a few slices at a time."""
        at_once = span.slices
        if not coding_of(span.coding).per_frame:
            at_once = max(1, min(span.slices, CHUNK // max(1, span.length // span.slices)))
        written = 0
        for first in range(0, span.slices, at_once):
            count = min(at_once, span.slices - first)
            voxels = volume.slices(span.z + first * span.step, span.step, count)
            piece = bytes_of(voxels, header, span.coding)
            written += len(piece)
            yield piece
        if written != span.length:
            raise CorruptStreamError(
                f"{self.path.name}: expected {span.length} bytes of pixels, got {written}; "
                f"{encoder_fault(span.coding) or 'restore the object from a copy'}"
            )

    def _guard(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Name what the pieces raise."""
        with self._naming():
            yield from pieces

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Name what broken bytes raise inside zipfile, zlib, struct, json, numpy and the codec.

        There is no end to what that may be, so all of it counts as a broken object, but for what
        says so itself and what is the machine's.
        """
        try:
            yield
        except (MedZipError, OSError, MemoryError):
            raise
        except Exception as error:
            raise self._broken(error) from error

    def _open(self, name: str) -> BinaryIO:
        with self._naming():
            return cast("BinaryIO", self._zip.open(name))

    def _read(self, name: str) -> bytes:
        with self._naming(), self._open(name) as file:
            # With a number zipfile inflates no more than that; one more makes it check the CRC.
            return file.read(self._zip.getinfo(name).file_size + 1)

    def _check_entries(self) -> None:
        """Refuse entries that take more memory than they have bytes: nothing large is deflated."""
        size = self.path.stat().st_size
        for info in self._zip.infolist():
            stored = info.compress_type == zipfile.ZIP_STORED
            limit = _METADATA_LIMIT if info.filename.endswith("zarr.json") else size
            if (
                (stored and info.file_size != info.compress_size)
                or (not stored and not info.filename.endswith("zarr.json"))
                or max(info.file_size, info.compress_size) > limit
            ):
                raise ArchiveError(
                    f"{self.path}: expected {info.filename} to be stored as it is, or metadata of "
                    f"at most {_METADATA_LIMIT} bytes, got {info.compress_size} bytes that become "
                    f"{info.file_size}; the object is unsafe or damaged: restore it from a copy"
                )

    def _read_manifest(self) -> Manifest:
        frame = self._read(MANIFEST)
        with self._naming():
            # The decoder makes room for what a frame says that it holds, whatever limit it is given
            # (2**64 - 1 stands for a frame that does not say it; MedZip writes none).
            size = zstandard.get_frame_parameters(frame).content_size
            if size > _MANIFEST_LIMIT:
                raise ArchiveError(
                    f"{self.path}: expected a manifest of at most {_MANIFEST_LIMIT} bytes, got one "
                    f"of {size}; the object is unsafe or damaged: restore it from a copy"
                )
            data = zstandard.ZstdDecompressor().decompress(frame)
        return read_manifest(data, self.path.name)

    def _broken(self, error: Exception) -> ArchiveError:
        return ArchiveError(
            f"{self.path}: expected an object of a MedZip archive, got {type(error).__name__}: "
            f"{error}; restore it from a copy, or compress its source again"
        )


class _VolumeReader:
    """Slices of one volume in any order.

    Where files take slices in the order in which they lie, one decoded slab is held; otherwise the
    volume is decoded once into a temporary file.
    """

    def __init__(
        self, reader: ObjectReader, number: int, manifest: Manifest, spool: str | None
    ) -> None:
        self._reader = reader
        self._number = number
        self._described: StagedVolume = manifest.volumes[number]
        self._spool = spool
        self._model: Model | None = None
        self._held: tuple[int, NDArray[np.generic]] | None = None
        self._raw: NDArray[np.generic] | None = None
        self._in_order = _in_order(manifest, number, self._described.depth)

    def slices(self, z: int, step: int, count: int) -> NDArray[np.generic]:
        """Slices z, z + step, ..., ``count`` of them."""
        if not self._in_order:
            if self._raw is None:
                self._raw = self._decode_all()
            return np.array(self._raw[z : z + (count - 1) * step + 1 : step])
        depth = self._described.depth
        out = np.empty((count, *self._described.shape[1:]), self._described.dtype)
        for k in range(count):
            slab, inside = divmod(z + k * step, depth)
            out[k] = self._slab(slab)[inside]
        return out

    def _slab(self, slab: int) -> NDArray[np.generic]:
        if self._held is None or self._held[0] != slab:
            self._held = None  # free it before the next one is decoded
            if self._model is None:
                self._model = self._reader.model(self._number)
            self._held = slab, self._reader.slab(self._number, slab, self._model)
        return self._held[1]

    def _decode_all(self) -> NDArray[np.generic]:
        described = self._described
        with tempfile.TemporaryFile(dir=self._spool, prefix=".medzip-") as file:
            raw = np.memmap(file, described.dtype, "w+", shape=described.shape)
        for slab in range(described.slabs):
            low = slab * described.depth
            raw[low : low + described.depth] = self._slab(slab)
        return raw


def _in_order(manifest: Manifest, volume: int, depth: int) -> bool:
    """Whether files in storage order never go back to an earlier slab."""
    last = 0
    for file in manifest.files:
        for span in file.spans:
            if span.stack == volume:
                if span.z // depth < last:
                    return False
                last = (span.z + (span.slices - 1) * span.step) // depth
    return True


def _envelope(envelope: EnvelopeReader, count: int) -> Iterator[bytes]:
    """Read the next ``count`` bytes of the envelope in pieces."""
    while count:
        piece = envelope.read(min(count, CHUNK))
        count -= len(piece)
        yield piece


def file_digests(reader: ObjectReader) -> Iterator[tuple[FileEntry, str]]:
    """Decode every stored file and take its SHA-256; an exception where the object is broken."""
    for file, pieces in reader.files():
        digest = hashlib.sha256()
        size = 0
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
        found = digest.hexdigest() if size == file.size else f"of {size} bytes"
        if found != file.sha256 and (fault := fault_of(file)):
            found = f"{found} ({fault})"
        yield file, found
