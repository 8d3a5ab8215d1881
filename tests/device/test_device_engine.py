"""A device between voxels and distributions changes no bit: held against the CPU engine."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from medzip.codec.fast.engine import Engine
from medzip.device import DeviceEngine
from medzip.device import products as device_products
from medzip.device.group import device_bytes
from medzip.device.stepping import Line
from medzip.device.words import encode_lanes
from medzip.errors import ModelError
from medzip.testing.networks import FORMS, random_network
from medzip.testing.packed import packed

if TYPE_CHECKING:
    from collections.abc import Callable

Batch = tuple[list[np.ndarray], list[int], list[int]]


def batch_of(voxels: np.ndarray, slabs: int) -> Batch:
    """The volume, and others of its shape."""
    variants = [voxels, np.ascontiguousarray(voxels[:, ::-1]), voxels[::-1] // 2]
    values, origins, counts = zip(*(packed(v.astype(voxels.dtype)) for v in variants), strict=True)
    return list(values[:slabs]), list(origins[:slabs]), list(counts[:slabs])


def textured(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    values = np.cumsum(generator.integers(-9, 10, shape), axis=2) + 400
    values[:, : shape[1] // 4] = 400
    return values.astype(np.uint16)


def agree(network: object, batch: Batch, **options: object) -> None:
    values, origins, counts = batch
    shape = values[0].shape
    words = Engine(network, shape, slabs=len(values)).encode(values, origins, counts)
    engine = DeviceEngine(network, shape, len(values), **options)
    assert engine.encode(values, origins, counts) == words
    for back, expected in zip(engine.decode(words, origins, counts), values, strict=True):
        assert np.array_equal(back, expected)


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("shape", [(4, 1, 1), (5, 3, 17), (3, 17, 3), (1, 1, 30), (2, 24, 1)])
def test_margins_of_narrow_slabs(form: str, shape: tuple[int, int, int]) -> None:
    agree(random_network(form), batch_of(textured(shape), 1), device="cpu")


@pytest.mark.parametrize("form", sorted(FORMS))
def test_rows_of_the_rings_are_used_again(form: str) -> None:
    """Slices far wider than the rings have rows."""
    agree(random_network(form), batch_of(textured((4, 6, 150)), 1), device="cpu")


@pytest.mark.parametrize("hidden", [(8,), (24, 40), (72, 8, 56)])
def test_layers_of_all_widths(monkeypatch: pytest.MonkeyPatch, hidden: tuple[int, ...]) -> None:
    """Kernels want multiples of 16, the format multiples of 8."""
    form = replace(FORMS["small"], hidden=hidden, activation_bits=(4,) * len(hidden))
    monkeypatch.setitem(FORMS, "odd", form)
    agree(random_network("odd"), batch_of(textured((2, 12, 14)), 1), device="cpu")


@pytest.mark.parametrize("product", device_products.KINDS)
def test_words_do_not_depend_on_the_product(product: str) -> None:
    batch = batch_of(textured((3, 12, 14)), 2)
    agree(random_network("deep"), batch, device="cpu", product=product)


@pytest.mark.parametrize(("groups", "threads"), [(1, 1), (2, 2), (3, 5)])
def test_words_do_not_depend_on_groups_and_threads(groups: int, threads: int) -> None:
    batch = batch_of(textured((3, 10, 12)), 3)
    agree(random_network("small"), batch, device="cpu", groups=groups, threads=threads)


def test_an_engine_takes_other_slabs_after_these() -> None:
    """Nothing stays of a batch; batches may be smaller than the engine."""
    network, shape = random_network("small"), (3, 10, 12)
    engine = DeviceEngine(network, shape, 3, device="cpu", groups=2)
    cpu = Engine(network, shape, slabs=3)
    assert engine.encode([], [], []) == []
    for slabs, seed in ((3, 1), (1, 2), (2, 3)):
        values, origins, counts = batch_of(textured(shape, seed), slabs)
        words = engine.encode(values, origins, counts)
        assert words == cpu.encode(values, origins, counts)
        back = engine.decode(words, origins, counts)
        assert all(map(np.array_equal, back, values))


def test_a_textured_slab_with_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many chunks of steps, words that outgrow their first room."""
    monkeypatch.setattr("medzip.device.engine.MOST_CHUNK", 4)
    noise = np.random.default_rng(0).integers(0, 65536, (2, 24, 40)).astype(np.uint16)
    agree(random_network("plane"), ([noise], [int(noise[0, 0, 0])], [65536]), device="cpu")


def test_a_slow_host_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device does not overwrite intervals that are not coded yet."""
    monkeypatch.setattr("medzip.device.engine.MOST_CHUNK", 8)

    def slow(*arguments: object) -> int:
        time.sleep(0.05)
        return encode_lanes(*arguments)

    monkeypatch.setattr("medzip.device.engine.encode_lanes", slow)
    agree(random_network("plane"), batch_of(textured((2, 10, 12)), 2), device="cpu")


class Tape(TorchDispatchMode):
    """Stands for a CUDA graph: the operations of one call, to be repeated on the same memory."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__()
        self._calls: list[tuple[Any, ...]] = []
        with self:
            work()

    def __torch_dispatch__(
        self, operation: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        name = str(operation)
        assert not any(word in name for word in ("_local_scalar", "nonzero", "masked_select"))
        found = operation(*arguments, **(options or {}))
        # a number made a tensor is copied from the host, which a capture refuses
        assert not any(
            isinstance(one, torch.Tensor) and one.dim() == 0 for one in tree_leaves(arguments)
        )
        self._calls.append((operation, arguments, options or {}, found))
        return found

    def replay(self) -> None:
        for operation, arguments, options, found in self._calls:
            again = operation(*arguments, **options)
            for old, new in zip(tree_leaves(found), tree_leaves(again), strict=True):
                if old.data_ptr() != new.data_ptr():  # neither a view nor in place
                    old.copy_(new)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_steps_can_be_captured(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """What CUDA graphs ask: one step's operations serve for all, and none waits for the host."""

    def capture(line: Line, *works: Callable[[], None]) -> list[Callable[[], None]]:
        for work in works:
            work()
        return [Tape(work).replay for work in works]

    monkeypatch.setattr(Line, "repeatable", capture)
    agree(random_network(form, 1), batch_of(textured((3, 9, 12)), 2), device="cpu", groups=2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself
def test_words_do_not_depend_on_fusing() -> None:
    batch = batch_of(textured((3, 12, 14)), 2)
    agree(random_network("deep", 1), batch, device="cpu", fused=True)


def test_what_an_engine_does_not_take() -> None:
    network, shape = random_network("plane"), (2, 8, 8)
    engine = DeviceEngine(network, shape, 1, device="cpu")
    values, origins, counts = batch_of(textured(shape), 2)
    with pytest.raises(ValueError, match="at most 1 slabs, got 2"):
        engine.encode(values, origins, counts)
    with pytest.raises(ValueError, match="'cpu' or 'cuda', got 'tpu'"):
        DeviceEngine(network, shape, device="tpu")
    with pytest.raises(ValueError, match="fewer slabs"):
        DeviceEngine(network, (64, 4096, 64), 300, device="cpu", groups=1)


def test_products_are_tried_before_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that saturates, as int8 does on some machines, is not chosen."""
    multiply = device_products._multiply

    def saturating(kind: str, inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        limit = 1 << 31 if kind == "float64" else 1 << 15
        return multiply(kind, inputs, weights).to(torch.int64).clamp(-limit, limit - 1).int()

    device_products.exact.cache_clear()
    monkeypatch.setattr(device_products, "_multiply", saturating)
    weights = np.ones((8, 20), dtype=np.int8)
    assert device_products.Product(weights, 32, torch.device("cpu")).kind == "float64"
    with pytest.raises(ModelError, match="none; use device='cpu'"):
        device_products.Product(weights, 32, torch.device("cpu"), "int8")
    device_products.exact.cache_clear()


def test_float_products_put_the_precision_back() -> None:
    settings_of = torch.backends.cuda.matmul
    before = settings_of.allow_tf32
    try:
        for tf32 in (True, False):
            settings_of.allow_tf32 = tf32
            device_products.Product(np.ones((8, 16), np.int8), 32, torch.device("cpu"), "float32")
            assert settings_of.allow_tf32 is tf32
    finally:
        settings_of.allow_tf32 = before


def test_memory_is_stated() -> None:
    """It grows with the slabs that step together, and hardly with the height of slices."""
    network = random_network("deep")
    one, two = (device_bytes(network, (32, 512, 512), slabs) for slabs in (1, 2))
    assert one < two < 2 * one
    assert two < 1 << 30


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_absent_cuda_is_said() -> None:
    with pytest.raises(ValueError, match="expected a CUDA device, got none; use device='cpu'"):
        DeviceEngine(random_network("plane"), (2, 8, 8))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, there is none")
@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("product", [None, *device_products.KINDS])
def test_cuda_and_cpu_engine_agree(form: str, product: str | None) -> None:
    batch = batch_of(textured((5, 60, 70)), 3)
    agree(random_network(form), batch, device="cuda", product=product)
