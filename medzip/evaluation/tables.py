"""Results as Markdown, and the region of a document that is generated from them.

    python -m medzip.evaluation.tables benchmarks/results/NAME.json
    python -m medzip.evaluation.tables --update README.md
    python -m medzip.evaluation.tables --check README.md

A region names its source, relative to the document::

    <!-- bench: benchmarks/results/NAME.json -->
    (generated)
    <!-- bench: end -->
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.evaluation.peers import BASELINE
from medzip.evaluation.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main", "markdown", "replace_regions"]

_REGION = re.compile(
    r"(?P<open><!-- bench: (?P<source>\S+\.json) -->\n)(?P<body>.*?)(?P<close><!-- bench: end -->)",
    re.DOTALL,
)


def _cell(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value).replace("-", "−")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(_row(cells) for cells in (head, rule, *rows))


def _bits(results: Results) -> str:
    codecs = results.ran
    rows = []
    for slab in results.slabs:
        found = {codec.name: results.get(slab.name, codec.name) for codec in codecs}
        least = min((m.bpv for m in found.values() if m), default=0.0)
        cells = [slab.name]
        for codec in codecs:
            figure = found[codec.name]
            text = _cell(figure.bpv if figure else None, "{:.3f}")
            cells.append(f"**{text}**" if figure and figure.bpv == least else text)
        rows.append(cells)

    def mean(codec: str) -> str:
        saving = results.mean_saving(codec)
        return _cell(None if saving is None else 100 * saving, "{:.1f} %")

    rows.append(
        ["mean saving", *("0" if codec.name == BASELINE else mean(codec.name) for codec in codecs)]
    )
    return _table(["bits per voxel", *(codec.label for codec in codecs)], rows)


def _speed(results: Results) -> str:
    def million(codec: str, what: str) -> str:
        rate = results.rate(codec, what)
        return _cell(None if rate is None else rate / 1e6, "{:.2f}")

    def fitting(codec: str) -> str:
        slowest = max((m.fit_ns for m in results.measurements if m.codec == codec), default=0)
        return f"{slowest / 1e9:.1f}" if slowest else "–"

    rows = [
        [
            codec.label,
            million(codec.name, "encode"),
            million(codec.name, "decode"),
            fitting(codec.name),
            codec.version,
        ]
        for codec in results.ran
    ]
    cores = results.settings["fit_cores"]
    return _table(
        [
            "one core",
            "encode, M voxels/s",
            "decode, M voxels/s",
            f"longest fit, s on {cores} core{'' if cores == 1 else 's'}",
            "version",
        ],
        rows,
    )


def markdown(results: Results) -> str:
    """Write results as two tables (bits per voxel; speed) and a line on how they came about."""
    slices = results.settings["slices"]
    absent = "".join(
        f"\n\n{codec.label} did not run: {codec.reason}"
        for codec in results.codecs
        if not codec.available
    )
    failed = "".join(
        f"\n\n{figure.codec} on {figure.slab} does not count: {figure.error or 'not lossless'}"
        for figure in results.failures
    )
    how = (
        f"{results.date[:10]}, commit {results.commit[:12] or 'unknown'}, "
        f"{results.machine['cpu']}; {f'{slices} slices at most' if slices else 'all slices'} of "
        "each volume, all bytes counted, every result decoded and compared. Savings are against "
        "JPEG XL effort 7 on the same slab."
    )
    return f"{_bits(results)}\n\n{_speed(results)}\n\n{how}{absent}{failed}\n"


def replace_regions(text: str, read: Callable[[str], str]) -> str:
    """Fill every region of a document; `read` turns the named source into Markdown.

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
        lambda found: f"{found['open']}{read(found['source'])}{found['close']}", text
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0 when done, 1 when a document is not current."""
    parser = argparse.ArgumentParser(
        prog="python -m medzip.evaluation.tables", description="Benchmark results as Markdown."
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
    current = replace_regions(text, lambda source: markdown(Results.read(document.parent / source)))
    if options.update:
        document.write_text(current, encoding="utf-8")
    elif current != text:
        sys.stderr.write(
            f"{document}: expected the tables of its results, got others; "
            f"run: python -m medzip.evaluation.tables --update {document}\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
