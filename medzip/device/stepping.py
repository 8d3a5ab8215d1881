"""The same work again and again: called as it is on a CPU, captured and replayed on CUDA.

A step is some 300 small kernels. Launched one by one they would take longer than they run; as a
CUDA graph they are launched at once.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

__all__ = ["Line", "device_named"]

_WARM_UP = 2
"""Calls before a capture, so that libraries have chosen their kernels and workspaces."""


def device_named(name: str) -> torch.device:
    """A device by name, or ValueError where it is not there."""
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"expected device 'cpu' or 'cuda', got {name!r}; choose one")
    if device.type == "cuda":
        there = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not there:
            raise ValueError("expected a CUDA device, got none; use device='cpu'")
        if device.index is not None and device.index >= there:
            raise ValueError(f"expected one of {there} CUDA devices, got {name!r}; choose another")
        device = torch.device("cuda", device.index or 0)
    return device


class Line:
    """Work of one device in order: a stream of its own on CUDA, plain calls on a CPU.

    Parameters
    ----------
    device
        As `device_named` gives it.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __call__(self) -> AbstractContextManager[Any]:
        """Within this context, work is queued here."""
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def buffer(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Zeros on the host that the device can copy to and from while the host does other work."""
        return torch.zeros(shape, dtype=dtype, pin_memory=self._stream is not None)

    def repeatable(self, *works: Callable[[], None]) -> list[Callable[[], None]]:
        """What repeats each of some works; to be called within the context of this line.

        On CUDA each is called `_WARM_UP` times and then captured, in turn; whatever state they
        change must be set anew afterwards. They may allocate, but not wait for the device.
        """
        if self._stream is None:
            return list(works)
        with torch.cuda.device(self._device):
            with self():
                for _ in range(_WARM_UP):
                    for work in works:
                        work()
            self._stream.synchronize()
            graphs = []
            for work in works:
                graph = torch.cuda.CUDAGraph()
                # other threads may use the device while this one captures
                with torch.cuda.graph(
                    graph, stream=self._stream, capture_error_mode="thread_local"
                ):
                    work()
                graphs.append(graph)
        return [graph.replay for graph in graphs]

    def mark(self) -> Callable[[], None]:
        """What waits until all that is queued so far is done."""
        if self._stream is None:
            return _nothing
        event = torch.cuda.Event()
        event.record(self._stream)
        return event.synchronize


def _nothing() -> None:
    """On a CPU everything is done when it returns."""
