"""Whether two folders hold the same: what came back beside what went in."""

from __future__ import annotations

import filecmp
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["differences"]


def differences(left: Path, right: Path) -> list[str]:
    """Paths at which two trees differ: names, kinds, targets of links, or bytes, as `diff -r`."""
    found = []
    names = {entry.name for tree in (left, right) for entry in os.scandir(tree)}
    for name in sorted(names):
        one, other = left / name, right / name
        if not (os.path.lexists(one) and os.path.lexists(other)):
            found.append(str(one))
            continue
        kinds = [stat.S_IFMT(path.lstat().st_mode) for path in (one, other)]
        if kinds[0] != kinds[1]:
            found.append(str(one))
        elif stat.S_ISDIR(kinds[0]):
            found += differences(one, other)
        elif stat.S_ISLNK(kinds[0]):
            found += [] if os.readlink(one) == os.readlink(other) else [str(one)]
        elif not filecmp.cmp(one, other, shallow=False):
            found.append(str(one))
    return found
