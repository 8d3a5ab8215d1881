"""Benchmark 6: the papers' other codecs, and this project's own model, on the same volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medzip.bench.measuring import Settings, measure
from medzip.bench.peers import select
from medzip.papers.benchmarks.records import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.papers.benchmarks.cohort import Member

__all__ = ["run_others"]


def run_others(member: Member, fold: int, names: Sequence[str]) -> tuple[Row, ...]:
    """Every codec on one volume, all bytes counted, decoded and compared.

    Parameters
    ----------
    member
        The volume, as the predictors code it.
    fold
        The part of the cohort that it belongs to, -1 for unseen ones.
    names
        Codecs, of `medzip.bench.peers.PEERS`; one that cannot run here has a row that says
        why.
    """
    voxels = member.voxels()
    rows = []
    for peer in select(names):
        state = peer.available()
        if not state.ok:
            rows.append(
                Row(peer.name, 6, member.name, fold, "", 0, voxels.size, 0, note=state.reason)
            )
            continue
        figure = measure(peer, member.name, voxels, Settings(bind=False))
        rows.append(
            Row(
                peer.name,
                6,
                member.name,
                fold,
                "",
                0,
                voxels.size,
                figure.encoded_bytes if figure.ok else 0,
                figure.encode_ns,
                figure.decode_ns,
                figure.lossless,
                figure.error or figure.impossible,
            )
        )
    return tuple(rows)
