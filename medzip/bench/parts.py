"""Parts of results as Markdown; each takes :class:`Results` and gives a table or some lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medzip.bench.cells import MARK, cell, interval, markdown_table, percent, slab_title
from medzip.bench.first import first_screen
from medzip.bench.intervals import mean_interval
from medzip.bench.peers import BASELINE
from medzip.training.reserved import learned

if TYPE_CHECKING:
    from collections.abc import Callable

    from medzip.bench.results import Results

__all__ = ["PARTS"]

_NOT_POSSIBLE = "not possible"


def _missing(results: Results, slab: str, codec: str) -> str:
    """Say in a cell why there is no figure."""
    found = results.find(slab, codec)
    if found is None:
        return "–"
    return _NOT_POSSIBLE if found.impossible else "failed"


def _mean(results: Results, codec: str) -> str:
    """Return a mean saving; with the number of slabs where it is not over all of them."""
    if codec == BASELINE:
        return "0"
    savings = results.savings(codec)
    if not savings or len(savings) == len(results.slabs):
        return percent(results.mean_saving(codec))
    return f"{percent(sum(savings) / len(savings))} ({len(savings)} of {len(results.slabs)})"


def _means(results: Results) -> list[tuple[str, Results]]:
    """What means are over: all slabs, and those that are not marked."""
    rest = results.without_learned()
    return [("mean", results)] + ([(f"mean without {MARK}", rest)] if _marked(results) else [])


def _marked(results: Results) -> list[str]:
    return [slab.name for slab in results.slabs if learned(slab.name)]


def _bits(results: Results) -> str:
    """Bits per voxel of each slab; the noise floor in the last column, where it was estimated."""
    codecs = results.ran
    floors = any(slab.noise_bits is not None for slab in results.slabs)
    rows = []
    for slab in results.slabs:
        found = {codec.name: results.get(slab.name, codec.name) for codec in codecs}
        least = min((m.bpv for m in found.values() if m), default=0.0)
        cells = [slab_title(slab.name)]
        for codec in codecs:
            figure = found[codec.name]
            if figure is None:
                cells.append(_missing(results, slab.name, codec.name))
                continue
            text = cell(figure.bpv, "{:.3f}")
            cells.append(f"**{text}**" if figure.bpv == least else text)
        rows.append([*cells, cell(slab.noise_bpv, "{:.2f}")] if floors else cells)
    for title, some in _means(results):
        means = [f"{title} saving", *(_mean(some, codec.name) for codec in codecs)]
        rows.append([*means, "–"] if floors else means)
    last = ["noise floor"] if floors else []
    return markdown_table(["bits per voxel", *(codec.label for codec in codecs), *last], rows)


def _savings(results: Results) -> str:
    """Saving on each slab, a codec a row; means with and without marked slabs."""
    rows = []
    means = _means(results)
    for codec in results.ran:
        cells = [codec.label]
        for slab in results.slabs:
            saving = results.saving(slab.name, codec.name)
            if saving is None and results.get(slab.name, codec.name) is None:
                cells.append(_missing(results, slab.name, codec.name))
            else:
                cells.append("0" if codec.name == BASELINE else percent(saving))
        savings = results.savings(codec.name)
        known = codec.name != BASELINE and len(savings) == len(results.slabs)
        cells += [_mean(some, codec.name) for _, some in means]
        rows.append([*cells, interval(*mean_interval(savings)) if known else "–"])
    title = f"saving against {results.label(BASELINE)}"
    slabs = (slab_title(slab.name) for slab in results.slabs)
    return markdown_table(
        [title, *slabs, *(title for title, _ in means), "95 % interval of the mean, %"], rows
    )


def _speed(results: Results) -> str:
    """Voxels a second, longest fit and version of each codec."""

    def million(codec: str, what: str) -> str:
        rate = results.rate(codec, what)
        return cell(None if rate is None else rate / 1e6, "{:.2f}")

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
    return markdown_table(
        [
            "one core",
            "encode, M voxels/s",
            "decode, M voxels/s",
            f"longest fit, s on {cores} core{'' if cores == 1 else 's'}",
            "version",
        ],
        rows,
    )


def _noise(results: Results) -> str:
    """Noise floor of each slab beside the smallest codec."""
    rows = []
    for slab in results.slabs:
        figures = [m for codec in results.ran if (m := results.get(slab.name, codec.name))]
        best = min(figures, key=lambda m: m.bpv, default=None)
        floor = slab.noise_bpv
        above = best.bpv - floor if best and floor is not None else None
        rows.append(
            [
                slab_title(slab.name),
                cell(floor, "{:.3f}"),
                cell(best.bpv if best else None, "{:.3f}"),
                cell(above, "{:+.3f}"),
                results.label(best.codec) if best else "–",
                slab.noise_method or "–",
            ]
        )
    return markdown_table(
        ["bits per voxel", "noise floor", "smallest", "above the floor", "by", "method"], rows
    )


def _bytes(results: Results) -> str:
    """What the bytes pay for, of those codecs that tell parts."""
    told = [m for m in results.measurements if m.ok and len(m.parts) > 1]
    kinds = sorted({kind for m in told for kind, _ in m.parts})
    rows = [
        [
            f"{slab_title(m.slab)}, {results.label(m.codec)}",
            *(f"{dict(m.parts).get(kind, 0)}" for kind in kinds),
            f"{m.encoded_bytes}",
        ]
        for m in told
    ]
    return markdown_table(["bytes", *kinds, "all"], rows)


def _scaling(results: Results) -> str:
    """Throughput of several workers, absolute and over that of one."""
    one = {(s.codec, s.slab): s for s in results.scaling if s.workers == 1}
    rows = []
    for figure in results.scaling:
        base = one.get((figure.codec, figure.slab))
        cells = [results.label(figure.codec), f"{figure.workers}"]
        for what in ("encode", "decode"):
            rate = figure.rate(what)
            cells.append(cell(rate / 1e6, "{:.2f}"))
            cells.append(cell(rate / base.rate(what) if base else None, "{:.2f}"))
        rows.append([*cells, slab_title(figure.slab)])
    return markdown_table(
        [
            "workers, a core each",
            "n",
            "encode, M voxels/s",
            "of one",
            "decode, M voxels/s",
            "of one",
            "slab",
        ],
        rows,
    )


def _startup(results: Results) -> str:
    """Start-up of a fresh process."""
    rows = [
        [
            results.label(figure.codec),
            f"{figure.voxels}",
            *(f"{ns / 1e9:.2f}" for ns in (figure.import_ns, figure.decode_ns, figure.wall_ns)),
        ]
        for figure in results.startup
    ]
    return markdown_table(
        ["fresh process, caches warm", "voxels", "import, s", "first slab, s", "all, s"], rows
    )


def _peers(results: Results) -> str:
    """Which codecs ran, in what version, and why the others did not."""
    rows = [
        [codec.label, codec.name, codec.version or f"absent: {codec.reason}"]
        for codec in results.codecs
    ]
    return markdown_table(["codec", "name", "version"], rows)


def _how(results: Results) -> str:
    """Where the figures come from, and what is missing in them."""
    slices = results.settings["slices"]
    run = (
        f"{results.date[:10]}, commit {results.commit[:12] or 'unknown'}, "
        f"{results.machine['cpu']}; {f'{slices} slices at most' if slices else 'all slices'} of "
        "each volume, all bytes counted, every result decoded and compared. Savings are against "
        "JPEG XL effort 7 on the same slab."
    )
    sentences = [run]
    sentences += [
        f"{MARK} The shipped models have learned from {learned(name)}, which is of the same study "
        f"and scanner as {name}: means are given with and without it."
        for name in _marked(results)
    ]
    methods = sorted({slab.noise_method for slab in results.slabs if slab.noise_method})
    if methods:
        sentences.append(
            f"Noise floor ({', '.join(methods)}): an estimate of the entropy of the noise alone, "
            "without edges and anatomy; no bound in either direction."
        )
    sentences += [
        f"{results.label(codec)} is not possible on {', '.join(slabs)}: {reason}"
        for (codec, reason), slabs in results.impossible.items()
    ]
    sentences += [
        f"{results.label(one.codec)} on {one.slab} is of a later run, {one.date[:10]}, commit "
        f"{one.commit[:12] or 'unknown'}."
        for one in results.filled
    ]
    sentences += [f"{codec.label} did not run: {codec.reason}" for codec in results.absent]
    sentences += [
        f"{figure.codec} on {figure.slab} does not count: {figure.error or 'not lossless'}"
        for figure in results.failures
    ]
    sentences += [f"{name} was skipped: {reason}" for name, reason in results.skipped.items()]
    return "\n\n".join(sentences)


#: What a region may ask for by name.
PARTS: dict[str, Callable[[Results], str]] = {
    "bits": _bits,
    "savings": _savings,
    "speed": _speed,
    "noise": _noise,
    "bytes": _bytes,
    "scaling": _scaling,
    "startup": _startup,
    "peers": _peers,
    "how": _how,
    "first": first_screen,
}
