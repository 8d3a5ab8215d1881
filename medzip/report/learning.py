"""Pages of a sample store and of a trained model: one file each, nothing loaded from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from medzip.atomic import write_atomic
from medzip.errors import ModelError
from medzip.report.charts import grouped_bars
from medzip.report.lines import line_chart
from medzip.training.curves import read_curves
from medzip.training.store import SampleStore
from medzip.training.strata import by_stratum

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from medzip.training.curves import Point

__all__ = ["render_sampling", "render_training"]

CHARTED = 24
"""Most series in the chart of bits; the table has all."""


def render_sampling(store: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Render what a store holds: its strata and series.

    Raises
    ------
    SourceError
        There is no complete store.
    """
    opened = SampleStore.open(store)
    return _write(
        out,
        "sampling.html",
        store=opened,
        samples=sum(one.rows for one in opened.sampled),
        strata=list(by_stratum(opened.sampled).items()),
    )


def render_training(folder: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Render how a model was trained: curves, bits by series, what it learned from.

    Raises
    ------
    ModelError
        The folder is no model directory of a training run.
    """
    path = Path(folder)
    try:
        about = json.loads((path / "training.json").read_bytes())
        digest = json.loads((path / "config.json").read_bytes())["digest"]
        points = read_curves(path / "curves.jsonl")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"expected a model directory in {folder}, got {type(error).__name__}; name one that a "
            "training run wrote"
        ) from error
    looked = [(float(p.step), p.mean_bits) for p in points if p.mean_bits is not None]
    curve = line_chart(
        [
            ("batches", "loss", [(float(p.step), p.loss) for p in points]),
            ("held-out voxels, mean of series", "held", looked),
        ]
    )
    bits: dict[str, float] = about["held_out_bits"]
    before: dict[str, float] = about.get("start_bits", {})
    worst = sorted(bits, key=lambda name: (-bits[name], name))
    bars = grouped_bars(
        [
            (
                name,
                [("trained", bits[name], "own")]
                + ([("before", before[name], "before")] if name in before else []),
            )
            for name in worst[:CHARTED]
        ]
    )
    return _write(
        out,
        "training.html",
        about=about,
        digest=digest,
        curve=curve,
        curve_said=_curve_said(points, looked),
        bars=bars,
        bars_said=_bars_said(worst[:CHARTED], bits, before),
        bits=bits,
        before=before,
        worst=worst,
        volumes={volume["name"]: volume for volume in about["volumes"]},
        mean=sum(bits.values()) / len(bits),
        mean_before=sum(before.values()) / len(before) if before else None,
    )


def _curve_said(points: Sequence[Point], looked: Sequence[tuple[float, float]]) -> str:
    """The curves in words."""
    text = "Lines over steps, the vertical axis not from zero"
    if points:
        first, last = points[0], points[-1]
        text += f": batches from {first.loss:.3f} bits a voxel at step {first.step}"
        text += f" to {last.loss:.3f} at step {last.step}"
    if looked:
        text += f"; held-out voxels from {looked[0][1]:.3f} to {looked[-1][1]:.3f}"
    return text + "."


def _bars_said(
    charted: Sequence[str], bits: Mapping[str, float], before: Mapping[str, float]
) -> str:
    """The chart of bits in words."""
    text = f"Horizontal bars from zero, one group a series, the {len(charted)} worst first"
    both = [name for name in charted if name in before]
    if both:
        fewer = sum(bits[name] < before[name] for name in both)
        text += f"; fewer bits than before in {fewer} of {len(both)}"
    return text + "."


def _write(out: str | os.PathLike[str], template: str, **values: Any) -> Path:
    environment = Environment(
        loader=PackageLoader("medzip.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    target = Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, environment.get_template(template).render(**values).encode())
    return target
