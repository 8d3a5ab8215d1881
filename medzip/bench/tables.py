"""Results as Markdown, and the regions of a document that are generated from them.

    medzip bench tables benchmarks/results/NAME.json
    medzip bench tables README.md --update
    medzip bench tables README.md --check

A region names its source, relative to the document, and which part it wants::

    <!-- bench: benchmarks/results/NAME.json -->
    (bits per voxel, speed, and how they came about)
    <!-- bench: end -->

    <!-- bench: ../benchmarks/results/NAME.json savings -->
    (one part: see :mod:`medzip.bench.parts`)
    <!-- bench: end -->

Several sources, with "+" between them, are one: what the first lacks, the next fills in
(:mod:`medzip.bench.filling`); all lie in the folder of the first.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from medzip.bench.filling import filled
from medzip.bench.parts import PARTS
from medzip.bench.pipeline import records as pipeline
from medzip.bench.pipeline import showing
from medzip.bench.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["is_current", "markdown", "read", "replace_regions", "update"]

_REGION = re.compile(
    r"(?P<open><!-- bench: (?P<source>\S+\.json)(?: (?P<part>[a-z-]+))? -->\n)"
    r"(?P<body>.*?)(?P<close><!-- bench: end -->)",
    re.DOTALL,
)


def read(path: Path) -> Results | pipeline.Pipeline:
    """Read results of a comparison or of the pipeline, whichever a file holds.

    Parameters
    ----------
    path
        A file; of comparisons several, as a region names them.

    Raises
    ------
    ValueError
        If it holds neither, or several are not all comparisons.
    """
    first, *others = (_read_one(path.with_name(name)) for name in path.name.split("+"))
    if not others:
        return first
    runs = [run for run in (first, *others) if isinstance(run, Results)]
    if len(runs) <= len(others):
        raise ValueError(
            f"expected results of comparisons on both sides of +, got {path.name}; name those"
        )
    return filled(*runs)


def _read_one(path: Path) -> Results | pipeline.Pipeline:
    text = path.read_text(encoding="utf-8")
    content = json.loads(text)
    if isinstance(content, dict) and content.get("format") == pipeline.FORMAT:
        return pipeline.Pipeline.from_json(text)
    return Results.from_json(text)


def markdown(results: Results | pipeline.Pipeline, part: str | None = None) -> str:
    """Write results as Markdown.

    Parameters
    ----------
    results
        Of a benchmark.
    part
        One of :data:`medzip.bench.parts.PARTS`; None for bits per voxel, speed, and how they
        came about. Those of the pipeline: :mod:`medzip.bench.pipeline.showing`.

    Raises
    ------
    ValueError
        If there is no such part.
    """
    if isinstance(results, pipeline.Pipeline):
        return showing.markdown(results, part)
    if part is None:
        return "\n\n".join(PARTS[name](results) for name in ("bits", "speed", "how")) + "\n"
    if part not in PARTS:
        raise ValueError(
            f"expected one of {', '.join(PARTS)} after the name of the results, got {part}; "
            "correct the region"
        )
    return PARTS[part](results) + "\n"


def replace_regions(text: str, read: Callable[[str, str | None], str]) -> str:
    """Fill every region of a document; `read` turns source and part into Markdown.

    Raises
    ------
    ValueError
        If the document has no region.
    """
    if not _REGION.search(text):
        raise ValueError(
            "expected a line '<!-- bench: FILE.json -->' and a line '<!-- bench: end -->', "
            "got neither; add both where the tables belong"
        )
    return _REGION.sub(
        lambda found: f"{found['open']}{read(found['source'], found['part'])}{found['close']}", text
    )


def update(document: Path) -> None:
    """Fill every region of a document with the tables of its results."""
    document.write_text(_current(document), encoding="utf-8")


def is_current(document: Path) -> bool:
    """Whether every region of a document has the tables of its results."""
    return document.read_text(encoding="utf-8") == _current(document)


def _current(document: Path) -> str:
    return replace_regions(
        document.read_text(encoding="utf-8"),
        lambda source, part: markdown(read(document.parent / source), part),
    )
