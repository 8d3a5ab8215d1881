"""Results as Markdown, and the regions of a document that are generated from them.

    python -m medzip.bench.tables benchmarks/results/NAME.json
    python -m medzip.bench.tables --update README.md
    python -m medzip.bench.tables --check README.md

A region names its source, relative to the document, and which part it wants::

    <!-- bench: benchmarks/results/NAME.json -->
    (bits per voxel, speed, and how they came about)
    <!-- bench: end -->

    <!-- bench: ../benchmarks/results/NAME.json savings -->
    (one part: see :mod:`medzip.bench.parts`)
    <!-- bench: end -->
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.bench.parts import PARTS
from medzip.bench.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main", "markdown", "replace_regions"]

_REGION = re.compile(
    r"(?P<open><!-- bench: (?P<source>\S+\.json)(?: (?P<part>[a-z-]+))? -->\n)"
    r"(?P<body>.*?)(?P<close><!-- bench: end -->)",
    re.DOTALL,
)


def markdown(results: Results, part: str | None = None) -> str:
    """Write results as Markdown.

    Parameters
    ----------
    results
        Of a benchmark.
    part
        One of :data:`medzip.bench.parts.PARTS`; None for bits per voxel, speed, and how they
        came about.

    Raises
    ------
    ValueError
        If there is no such part.
    """
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0 when done, 1 when a document is not current."""
    parser = argparse.ArgumentParser(
        prog="python -m medzip.bench.tables", description="Benchmark results as Markdown."
    )
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("results", nargs="?", type=Path, help="results JSON to print")
    chosen.add_argument("--update", type=Path, metavar="FILE", help="fill the regions of a file")
    chosen.add_argument("--check", type=Path, metavar="FILE", help="fail if a region is stale")
    options = parser.parse_args(arguments)
    if options.results:
        sys.stdout.write(markdown(Results.read(options.results)))
        return 0
    document: Path = options.update or options.check
    text = document.read_text(encoding="utf-8")
    current = replace_regions(
        text, lambda source, part: markdown(Results.read(document.parent / source), part)
    )
    if options.update:
        document.write_text(current, encoding="utf-8")
    elif current != text:
        sys.stderr.write(
            f"{document}: expected the tables of its results, got others; "
            f"run: python -m medzip.bench.tables --update {document}\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
