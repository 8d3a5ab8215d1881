"""Compressors that predict each byte from the bytes before it: PPMd and LSTM-Compress."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.bench.peers.base import Availability, NotPossibleError, Peer
from medzip.bench.peers.general import little_endian, volume
from medzip.bench.peers.programs import find_program, run_program
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LSTMCompress", "PPMd"]

_PIECE = 512
"""Bytes that pyppmd's encoder gets at a time.

It looks once a byte whether its output block (32 KiB at first) is full, and drops what does not
fit. A byte may put out several when the coder leaves many contexts of a high order, so a block that
is nearly full loses some and what follows cannot be decoded. Each call has a new block, which one
piece never fills: a byte takes at most two from each of 17 orders.
"""


@dataclass(frozen=True)
class PPMd(Peer):
    """Prediction by partial matching, variant H, as in 7-Zip; the decoder knows order and memory.

    Attributes
    ----------
    order : int
        Longest context in bytes.
    memory : int
        Bytes of the model. It starts anew when it is full: 16 MiB instead of 256 costs 1.5 % on a
        million voxels.
    """

    order: int = 16
    memory: int = 256 << 20
    name: str = field(default="ppmd", init=False)
    label: str = field(default="PPMd H o16", init=False)

    def available(self) -> Availability:
        """Ask for the package."""
        if find_spec("pyppmd") is None:
            return Availability(
                ok=False, reason="pyppmd is not installed: pip install 'medzip[bench]'"
            )
        return Availability(ok=True)

    def version(self) -> str:
        """Name the package."""
        return f"pyppmd {version('pyppmd')}"

    def encode(self, voxels: NDArray[Any], prepared: Any = None) -> bytes:
        """Compress the little-endian words."""
        import pyppmd

        encoder = pyppmd.Ppmd7Encoder(self.order, self.memory)
        words = memoryview(little_endian(voxels))
        pieces = [encoder.encode(words[at : at + _PIECE]) for at in range(0, len(words), _PIECE)]
        return b"".join((*pieces, encoder.flush()))

    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
        """Decompress as many bytes as the shape has; see :meth:`Peer.decode`."""
        import pyppmd

        length = shape[0] * shape[1] * shape[2] * np.dtype(dtype).itemsize
        decoder = pyppmd.Ppmd7Decoder(self.order, self.memory)
        return volume(bytes(decoder.decode(data, length)), shape, dtype)


@dataclass(frozen=True)
class LSTMCompress(Peer):
    """LSTM-Compress, which trains an LSTM while it codes: some kilobytes a second, both ways.

    Its floating point need not agree between machines; here both ways run on the same one.

    Attributes
    ----------
    limit : int
        Voxels that it is given at most.
    """

    limit: int = 1 << 20
    name: str = field(default="lstm-compress", init=False)
    label: str = field(default="LSTM-Compress", init=False)
    warms: bool = field(default=False, init=False)

    def available(self) -> Availability:
        """Look for the program on PATH."""
        if find_program("lstm-compress") is None:
            return Availability(
                ok=False,
                reason="lstm-compress is not on PATH: build github.com/byronknoll/lstm-compress",
            )
        return Availability(ok=True)

    def version(self) -> str:
        """Name the program; it does not tell its version."""
        return "lstm-compress"

    def encode(self, voxels: NDArray[Any], prepared: Any = None) -> bytes:
        """Compress the little-endian words."""
        if voxels.size > self.limit:
            raise NotPossibleError(
                f"expected at most {self.limit} voxels, as it takes minutes for each million, "
                f"got {voxels.size}; measure fewer slices"
            )
        return self._run("-c", little_endian(voxels))

    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
        """Decompress and shape; see :meth:`Peer.decode`."""
        return volume(self._run("-d", data), shape, dtype)

    @staticmethod
    def _run(way: str, given: bytes) -> bytes:
        program = find_program("lstm-compress") or "lstm-compress"
        with tempfile.TemporaryDirectory(prefix="medzip-") as folder:
            source, target = Path(folder, "in"), Path(folder, "out")
            source.write_bytes(given)
            run_program([program, way, str(source), str(target)])
            if not target.is_file():
                raise CorruptStreamError(
                    f"expected {program} {way} to write a file, got none; the bytes are damaged"
                )
            return target.read_bytes()
