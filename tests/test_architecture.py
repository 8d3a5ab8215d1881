"""docs/architecture.md shows the tree as it is: every package and module, and none that is gone."""

from __future__ import annotations

import re

from .doc_text import PACKAGES, ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()


def shown() -> dict[str, set[str]]:
    """Modules by package, as the map has them: package, modules and comment are columns."""
    tree = PAGE.partition("## The map")[2].partition("\n## ")[0]
    found: dict[str, set[str]] = {}
    package = ""
    for line in tree.splitlines():
        if not line.startswith("    "):
            continue
        package_column, modules, *_ = [*re.split(r" {2,}", line.strip()), ""]
        if package_column.endswith("/"):
            package = package_column
        else:  # more modules of the package above
            modules = package_column
        found.setdefault(package, set()).update(modules.split())
    return found


def there() -> dict[str, set[str]]:
    """Modules by package, as they lie in the tree."""
    found: dict[str, set[str]] = {}
    for home in PACKAGES.values():
        for path in home.rglob("*.py"):
            package = f"{path.parent.relative_to(ROOT).as_posix()}/"
            found.setdefault(package, set()).update({path.stem} - {"__init__"})
    return found


def test_architecture_names_every_module() -> None:
    on_page, in_tree = shown(), there()
    wrong = []
    for package in sorted(on_page.keys() | in_tree.keys()):
        page, tree = on_page.get(package), in_tree.get(package)
        if page is None:
            wrong.append(f"add {package}")
        elif tree is None:
            wrong.append(f"remove {package}")
        else:
            wrong += [f"add {package}{name}" for name in sorted(tree - page)]
            wrong += [f"remove {package}{name}" for name in sorted(page - tree)]
    assert not wrong, "in the map of docs/architecture.md:\n" + "\n".join(wrong)


def test_the_way_of_a_voxel_goes_through_every_step_of_an_archive() -> None:
    way = PAGE.partition("## The way of a voxel")[2].partition("\n\n## ")[0]
    for step in (
        "scanning",
        "staging",
        "encoding",
        "sealing",
        "proving",
        "committing",
        "restoring",
    ):
        assert f"`medzip.archive.{step}`" in way, step
