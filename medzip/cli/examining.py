"""What `medzip doctor` looks at, one function a thing; each imports what it looks at.

A function returns a `Finding` or raises whatever it comes across: what is broken raises anything.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip.units import size_text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CHECKS", "Finding", "State", "examine", "examine_archive"]

_FREE = 1 << 30
"""Bytes that a folder should have left, as some series have as many."""


class State(StrEnum):
    """What became of a check."""

    OK = "ok"
    ABSENT = "absent"
    FAILS = "FAILS"


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes
    ----------
    state
        Whether it works, is optional and not there, or fails.
    text
        What was found, for people.
    remedy
        What to do about it.
    facts
        The same for programs.
    name
        Of the check.
    """

    state: State
    text: str
    remedy: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    name: str = ""

    def public(self) -> dict[str, Any]:
        """All of it but the name, as JSON has it."""
        shown = asdict(self)
        del shown["name"]
        return {**shown, "state": self.state.value.lower()}


def examine(name: str, check: Callable[[], Finding]) -> Finding:
    """Run a check; whatever it raises is what it found."""
    try:
        found = check()
    except Exception as error:  # what is installed may be broken in any way
        told = f"{type(error).__name__}: {error}"
        found = Finding(State.FAILS, told, "install MedZip anew: pip install --force-reinstall")
    return Finding(found.state, found.text, found.remedy, found.facts, name)


def _machine() -> Finding:
    from medzip.cores import cores
    from medzip.report.machine import this_machine

    machine = this_machine()
    asked = os.environ.get("OMP_NUM_THREADS", "")
    there = os.cpu_count() or 1
    text = f"{machine.title} of {there}, {size_text(machine.memory_bytes)} of memory"
    if asked:
        text += f", OMP_NUM_THREADS={asked}"
    facts = {
        "cpu": machine.cpu,
        "cores": cores(),
        "cores_there": there,
        "memory_bytes": machine.memory_bytes,
        "omp_num_threads": asked,
        "python": machine.python,
        "system": machine.system,
    }
    return Finding(State.OK, f"{text}; {machine.system}, Python {machine.python}", facts=facts)


def _packages() -> Finding:
    return _versions("", State.FAILS, "pip install --upgrade medzip")


def _extra(name: str) -> Finding:
    return _versions(name, State.ABSENT, f"pip install 'medzip[{name}]'")


def _versions(extra: str, missing: State, remedy: str) -> Finding:
    """Versions that are there, against those that are wanted; ``missing``: if there is none."""
    from importlib.metadata import PackageNotFoundError

    from medzip.cli.requirements import installed

    try:
        found = installed(extra)
    except PackageNotFoundError:
        text = "MedZip itself is not installed (a checkout?): which versions it wants is not known"
        return Finding(State.ABSENT, text, "pip install -e .")
    absent = [name for name, (_, version) in found.items() if not version]
    wrong = [f"{name} {got} (wanted {wanted})" for name, (wanted, got) in found.items() if wanted]
    text = ", ".join(f"{name} {version}" for name, (_, version) in found.items() if version)
    if absent:
        text = f"not installed: {', '.join(absent)}" + (f"; {text}" if text else "")
    if wrong:
        text = f"of another version: {', '.join(wrong)}; {text}"
    state = State.FAILS if wrong else missing if absent else State.OK
    facts = {"versions": {name: version or None for name, (_, version) in found.items()}}
    return Finding(state, text, "" if state is State.OK else remedy, facts)


def _kernels() -> Finding:
    """Code a slab with every profile, and a frame of lossless JPEG: all kernels of an archive."""
    import numpy as np

    from medzip.codec import PROFILES, decode_slab, encode_slab
    from medzip.compiled import kept_places
    from medzip.compiled.kept import COUNTS
    from medzip.dicom import jpeg_lossless
    from medzip.models import base_model

    began = time.perf_counter()
    voxels = np.random.default_rng(0).integers(0, 900, (2, 16, 16)).astype(np.int16)
    wrong = []
    for name in PROFILES:
        model = base_model(name)
        if not np.array_equal(decode_slab(encode_slab(voxels, model), model), voxels):
            wrong.append(name)
    table = bytes([0, 2, 0, 0, 0, 15, *[0] * 10]), bytes([3, 4, 0, 1, 2, *range(5, 17)])
    header = jpeg_lossless.ScanHeader(2, 3, 16, 1, 0, *table)
    samples = np.arange(6, dtype=np.uint16).reshape(2, 3)
    segment = jpeg_lossless.encode_segment(samples, header, 1)
    if not np.array_equal(jpeg_lossless.decode_segment(segment, header, 2), samples):
        wrong.append("lossless JPEG")
    seconds = time.perf_counter() - began
    folders = sorted({str(place.written.folder) for place in kept_places() if place.written})
    facts = {
        "compiled": COUNTS.compiled,
        "loaded": COUNTS.loaded,
        "kept": COUNTS.kept,
        "folders": folders,
        "seconds": round(seconds, 3),
    }
    done = [f"{COUNTS.loaded} loaded"] if COUNTS.loaded else []
    done += [f"{COUNTS.compiled} compiled in {seconds:.0f} s"] if COUNTS.compiled else []
    text = ", ".join(done)
    if wrong:
        text = f"other voxels came back ({', '.join(wrong)}); {text}"
        return Finding(State.FAILS, text, "report this, with the whole output", facts)
    if not folders or COUNTS.kept < COUNTS.compiled:
        told = "; ".join(place.told for place in kept_places()[:1]) or "the disk may be full"
        remedy = "set NUMBA_CACHE_DIR to a folder that may be written, or every command compiles"
        return Finding(State.OK, f"{text}; not kept ({told})", remedy, facts)
    above = sorted({str(Path(folder).parent) for folder in folders})
    return Finding(State.OK, f"{text}; kept in {', '.join(above)}", facts=facts)


def _products() -> Finding:
    """Which kernel multiplies, a profile; both give the same bytes."""
    import torch
    from numba.core.registry import cpu_target

    from medzip.codec import PROFILES
    from medzip.codec.fast.engine import Engine
    from medzip.models import base_model

    _, processor, _ = cpu_target.target_context.codegen().magic_tuple()
    kernels = {
        name: Engine(base_model(name).network, (8, 128, 128)).product_kernels for name in PROFILES
    }
    told = []
    for name, used in kernels.items():
        fast = used.count("int8")
        told.append(
            f"{name} {used[0] if len(set(used)) == 1 else f'int8 in {fast} of {len(used)}'}"
        )
    torch_isa = torch.backends.cpu.get_cpu_capability()
    facts = {
        "processor": processor,
        "torch_instructions": torch_isa,
        "onednn": torch.backends.mkldnn.is_available(),  # type: ignore[no-untyped-call]
        "kernels": {name: list(used) for name, used in kernels.items()},
    }
    text = f"proven exact here: {', '.join(told)}; processor {processor}, torch {torch_isa}"
    return Finding(State.OK, text, facts=facts)


def _encoders() -> Finding:
    from medzip.dicom.pinned import PINNED, encoder_fault

    faults = {coding: encoder_fault(coding) for coding in PINNED}
    told = "; ".join(filter(None, faults.values()))
    text = ", ".join(f"{coding} gives the golden bytes" for coding in PINNED)
    return Finding(State.FAILS if told else State.OK, told or text, facts={"faults": faults})


def _codecs() -> Finding:
    """Codecs of the comparison (`medzip bench`)."""
    from medzip.bench.peers import PEERS

    there, absent = {}, {}
    for name, peer in PEERS.items():
        found = peer.available()
        if found.ok:
            there[name] = peer.version()
        else:
            absent[name] = found.reason
    text = f"{len(there)} to compare with"
    if absent:
        text += f"; absent: {', '.join(absent)}"
    return Finding(
        State.ABSENT if absent else State.OK,
        text,
        "; ".join(dict.fromkeys(absent.values())),
        {"available": there, "absent": absent},
    )


def _device() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding(State.ABSENT, "no GPU that torch can use", facts={"gpus": []})
    names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    return Finding(State.OK, ", ".join(names), "medzip bench device", {"gpus": names})


def _workers() -> Finding:
    from medzip.archive.pool import new_pool

    began = time.perf_counter()
    try:
        with new_pool(1) as pool:
            pool.submit(os.getpid).result(timeout=600)
    except Exception as error:
        told = f"no worker process answers: {type(error).__name__}: {error}"
        return Finding(State.FAILS, told, "use --workers 1; check /dev/shm and limits of processes")
    seconds = time.perf_counter() - began
    return Finding(State.OK, f"one answered after {seconds:.1f} s", facts={"seconds": seconds})


def _scratch() -> Finding:
    remedy = "set TMPDIR to a folder that may be written"
    try:
        folder = tempfile.gettempdir()
    except OSError as error:
        return Finding(State.FAILS, f"{error.strerror}", remedy, {"writable": False})
    return _writable(Path(folder), remedy)


def examine_archive(archive: Path) -> Finding:
    """Whether an archive can be written, or made where there is none yet."""
    folder = archive.absolute()
    if not folder.exists():
        while not folder.exists():
            folder = folder.parent
        found = _writable(folder, "name another folder, or let this user write there")
        return Finding(
            found.state,
            f"none yet; above it {found.text}",
            found.remedy,
            {**found.facts, "objects": 0},
        )
    from medzip.archive.index import read_index

    known = (folder / "medzip.json").exists()
    if not known and any(folder.iterdir()):
        return Finding(State.FAILS, f"{folder} is a folder of other things", "name another folder")
    objects = len(read_index(folder)) if known else 0
    found = _writable(folder, "verify and restore work; compress needs to write there")
    text = f"{objects} objects; {found.text}"
    return Finding(found.state, text, found.remedy, {**found.facts, "objects": objects})


def _writable(folder: Path, remedy: str) -> Finding:
    """Whether files can be made and locked in a folder, and how much room there is."""
    import fcntl

    free = shutil.disk_usage(folder).free
    facts = {"folder": str(folder), "free_bytes": free, "writable": False}
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"1")
            file.flush()
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return Finding(State.FAILS, f"{folder} cannot be written: {error.strerror}", remedy, facts)
    facts["writable"] = True
    text = f"{folder} can be written, {size_text(free)} free"
    if free < _FREE:
        return Finding(State.OK, text, "that is little: free some, or name another disk", facts)
    return Finding(State.OK, text, facts=facts)


CHECKS: dict[str, Callable[[], Finding]] = {
    "machine": _machine,
    "packages": _packages,
    "kernels": _kernels,
    "products": _products,
    "encoders": _encoders,
    "workers": _workers,
    "scratch": _scratch,
    "device": _device,
    "codecs": _codecs,
    "flow": lambda: _extra("flow"),
    "report": lambda: _extra("report"),
    "bench": lambda: _extra("bench"),
}
"""What is looked at, by name, in order."""
