"""When a series is complete: by what was found since, never by time, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medzip.archive import gathering
from medzip.archive.gathering import FLAT_GAP, GAP, Gathering, Group
from medzip.dicom.header import Header
from medzip.dicom.records import FileEntry, Frames
from medzip.dicom.walk import Directory, Link

if TYPE_CHECKING:
    from collections.abc import Iterable


def file(path: str, uid: str = "", frames: int = 1, size: int = 10) -> tuple[FileEntry, Header]:
    runs = (Frames(2, 8, frames, "little"),) if uid and frames else ()
    header = Header(
        series_uid=uid,
        reason="" if runs else "no pixels",
        syntax="1.2",
        rows=2,
        columns=2,
        dtype="int16",
        instance=0,
        orientation=None,
        positions=(),
        frames=runs,
    )
    return FileEntry(path, "/" + path, size, path, 0, 0o644, uid), header


def gathered(files: Iterable[tuple[FileEntry, Header]]) -> tuple[list[Group], list[Group]]:
    """Groups that were complete on the way, and those at the end."""
    gathering = Gathering()
    early = [group for one in files for group in gathering.add(*one)]
    return early, list(gathering.end())


def names(group: Group) -> list[str]:
    return [entry.path for entry, _ in group.items]


def test_small_trees_end_as_a_whole() -> None:
    files = [file("a/1", "x"), file("b/1", "y"), file("c/1", "x"), file("c/note")]
    early, late = gathered(files)
    assert early == []
    assert [(group.kind, names(group)) for group in late] == [
        ("series", ["b/1"]),
        ("series", ["a/1", "c/1"]),
        ("other", ["c/note"]),
    ]


def test_series_without_voxels_are_bundled() -> None:
    files = [file("a/1", "x", 0), file("a/2", "x", 0), file("a/3", "y"), file("a/4", "y", 0)]
    _, late = gathered(files)
    assert [(g.kind, names(g)) for g in late] == [
        ("series", ["a/3", "a/4"]),
        ("other", ["a/1", "a/2"]),
    ]


def test_a_series_is_complete_when_enough_was_found_since() -> None:
    early, _ = gathered([file("a/1", "x"), *(file(f"b/{n}", f"y{n}") for n in range(GAP))])
    assert early == []
    early, _ = gathered([file("a/1", "x"), *(file(f"b/{n}", f"y{n}") for n in range(GAP + 1))])
    assert [names(group) for group in early] == [["a/1"]]


def test_names_of_a_folder_may_come_in_any_order() -> None:
    many = [file(f"a/{n}", f"y{n}") for n in range(FLAT_GAP)]
    early, late = gathered([file("a/first", "x"), *many[:-1], file("a/last", "x")])
    assert early == []
    assert ["a/first", "a/last"] in [names(group) for group in late]
    early, _ = gathered([file("a/first", "x"), *many, file("a/last", "x")])
    assert [names(group) for group in early] == [["a/first"]]


def test_what_comes_later_is_another_object() -> None:
    between = [file(f"b/{n}", f"y{n}") for n in range(GAP + 1)]
    early, late = gathered([file("a/1", "x"), *between, file("c/1", "x")])
    found = [names(group) for group in (*early, *late) if group.items[0][1].series_uid == "x"]
    assert found == [["a/1"], ["c/1"]]


def test_links_and_empty_folders_come_along() -> None:
    gathering = Gathering()
    gathering.add_link(Link("a/link", "target"))
    gathering.add_directory(Directory("a/b/empty"))
    gathering.add_directory(Directory("empty"))
    found = {tuple(group.directories): group.links for group in gathering.end()}
    assert found == {("a/b/empty",): [("a/link", "target")], ("empty",): []}


def test_bundles_are_bounded_by_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "BUNDLE_FILES", 10)
    early, late = gathered(file(f"a/{n}") for n in range(25))
    assert [len(group.items) for group in (*early, *late)] == [10, 10, 5]


def test_what_is_held_does_not_grow_with_the_tree() -> None:
    gathering = Gathering()
    held = most = 0
    for number in range(6 * GAP):
        held += 1
        done = gathering.add(*file(f"{number // 100}/{number}", f"s{number // 50}"))
        held -= sum(len(group.items) for group in done)
        most = max(most, held)
    assert most <= GAP + 100


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 2)), max_size=60))
def test_every_file_is_in_one_group(layout: list[tuple[int, int, int]]) -> None:
    files = [
        file(f"{folder}/{number}", f"s{series}" if series else "", frames)
        for number, (folder, series, frames) in enumerate(layout)
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(gathering, "GAP", 5)
        patched.setattr(gathering, "FLAT_GAP", 20)
        early, late = gathered(files)
    groups = [*early, *late]
    assert sorted(name for group in groups for name in names(group)) == sorted(
        entry.path for entry, _ in files
    )
    for group in groups:
        uids = {header.series_uid for _, header in group.items}
        if group.kind == "series":
            assert len(uids) == 1
            assert any(header.frames for _, header in group.items)


def test_bundles_of_links_and_folders_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree of links to another one has no files, and as many links as that has."""
    monkeypatch.setattr(gathering, "BUNDLE_FILES", 10)
    gathered = Gathering()
    groups = [group for n in range(25) for group in gathered.add_link(Link(f"a/{n}", "to"))]
    groups += [group for n in range(13) for group in gathered.add_directory(Directory(f"a/d{n}"))]
    groups += gathered.end()
    assert [(len(g.links), len(g.directories)) for g in groups] == [
        (10, 0),
        (10, 0),
        (5, 5),
        (0, 8),
    ]
