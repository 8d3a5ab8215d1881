"""The files of a run: figures, table, pictures, page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medzip.papers.benchmarks.collect import write_rows
from medzip.papers.benchmarks.heat import write_pictures
from medzip.papers.benchmarks.reproduction import reproduction_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medzip.papers.benchmarks.results import Reproduction

__all__ = ["write_run"]


def write_run(
    found: Reproduction,
    folder: Path,
    results: str | None = None,
    document: str | None = None,
    *,
    pictures: bool = False,
) -> dict[str, str]:
    """Write all files of a run.

    Parameters
    ----------
    found
        Its figures.
    folder
        Gets rows.parquet, pictures/, reproduction.json and reproduction.md.
    results, document
        Where figures (JSON) and page (Markdown) go beside it.
    pictures
        Whether residual slices are drawn, too.

    Returns
    -------
    dict
        "results" and "document": where they lie.
    """
    write_rows(found, folder / "rows.parquet")
    write_pictures(found, folder, slices=pictures)
    figures = {folder / "reproduction.json", *_absolute(results)}
    pages = {folder / "reproduction.md", *_absolute(document)}
    for path in figures:
        found.write(path)
    for path in pages:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(reproduction_page(found), encoding="utf-8")
    return {
        "results": str(next(_absolute(results), folder / "reproduction.json")),
        "document": str(next(_absolute(document), folder / "reproduction.md")),
    }


def _absolute(path: str | None) -> Iterator[Path]:
    if path:
        yield Path(path).absolute()
