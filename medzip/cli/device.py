"""`medzip bench device`: the same bytes on a device and the CPU, and how fast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medzip.cli.console import show_line
from medzip.cli.options import ProfileName

if TYPE_CHECKING:
    from medzip.device.check import Outcome

__all__ = ["device"]


def device(
    device: Annotated[str, typer.Option(help="cuda, cuda:1, ... or cpu.")] = "cuda",
    profile: Annotated[ProfileName, typer.Option(help="Whose network.")] = ProfileName.DEFAULT,
    voxels: Annotated[int, typer.Option(min=1, help="Of the synthetic volume.")] = 100_000_000,
    volume: Annotated[Path | None, typer.Option(help="A .npy of (z, y, x) instead.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of the host; one a core by default.")
    ] = None,
    together: Annotated[int | None, typer.Option(min=1, help="Slabs stepped together.")] = None,
    fused: Annotated[
        bool, typer.Option("--fused", help="Fuse kernels with torch.compile.")
    ] = False,
) -> None:
    """Code a volume on a device and on the CPU, each reading the other's bytes."""
    import numpy as np

    from medzip.device.check import check, sliced, synthetic_slabs
    from medzip.device.stepping import device_named
    from medzip.models import base_model

    try:
        device_named(device)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if volume is None:
        slabs = synthetic_slabs(voxels, profile.value)
    else:
        slabs = sliced(np.load(volume, mmap_mode="r"), profile.value)
    show_line(
        f"{sum(slab.size for slab in slabs)} voxels in {len(slabs)} slabs of {slabs[0].shape}, "
        f"profile {profile.value}, device {device}"
    )
    found = check(slabs, base_model(profile.value), device, threads, together, fused)
    _show(found)
    if not found.passed:
        raise typer.Exit(1)


def _show(found: Outcome) -> None:
    show_line(f"{8 * found.stored / found.voxels:.3f} bits a voxel")
    for name, speed in (
        ("device encode", found.device_encode),
        ("device decode", found.device_decode),
        ("CPU encode", found.cpu_encode),
        ("CPU decode", found.cpu_decode),
    ):
        show_line(f"{name:14} {speed / 1e6:9.3f} M voxels/s")
    for name, same in (
        ("same bytes", found.same_bytes),
        ("device reads the CPU's", found.device_reads),
        ("CPU reads the device's", found.cpu_reads),
    ):
        show_line(f"{name:23} {'yes' if same else 'NO'}")
