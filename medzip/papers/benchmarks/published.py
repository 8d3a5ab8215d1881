"""What the papers publish, to stand beside our figures.

From *sampling-strategies* (MLWA 2022): table 1 (mean of 12 CT volumes; seconds of one 512 x 512
slice, GTX 1080 and i7-4770K), figures 7, 9, 13 to 15 as far as the text gives numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CLASSICAL", "MR", "PUBLISHED", "SEQUENCE_BITS", "PublishedShape"]


@dataclass(frozen=True)
class PublishedShape:
    """One row of table 1, one half of it.

    Attributes
    ----------
    length
        Voxels of the sequence.
    bits
        Bits per voxel, mean of Dataset1.
    encode, decode
        Seconds a slice.
    """

    length: int
    bits: float
    encode: float
    decode: float


PUBLISHED: dict[str, PublishedShape] = {
    name: PublishedShape(*row)
    for name, row in {
        "line-5": (5, 5.287, 1.93, 606.18),
        "block-11": (60, 4.427, 3.19, 1127.65),
        "block-13": (84, 4.416, 3.73, 1408.7),
        "triangle-11": (54, 4.424, 2.96, 1066.61),
        "triangle-13": (64, 4.426, 3.17, 1158.08),
        "cube-3": (13, 4.853, 2.33, 627.91),
        "cube-5": (62, 4.575, 3.25, 1167.93),
        "cube-7": (171, 4.432, 5.76, 2445.81),
        "cube-9": (364, 4.383, 10.46, 4776.11),
        "cube-11": (665, 4.466, 17.6, 8384.63),
        "pyramid-5-3-1": (22, 4.588, 2.48, 718.38),
        "pyramid-7-5-3-1": (55, 4.441, 3.39, 1049.63),
        "pyramid-9-5-1": (68, 4.332, 3.5, 1200.53),
        "pyramid-9-7-5-3-1": (118, 4.333, 4.9, 1815.33),
        "pyramid-13-9-5-1": (175, 4.3, 6.14, 2512.65),
        "block-11-rows": (54, 4.651, 3.12, 3.21),
        "block-13-rows": (77, 4.643, 3.71, 3.66),
        "triangle-11-rows": (48, 4.644, 2.89, 3.07),
        "triangle-13-rows": (58, 4.644, 3.05, 3.11),
        "cube-3-rows": (11, 5.114, 2.09, 2.16),
        "cube-5-rows": (59, 4.824, 3.22, 3.56),
        "cube-7-rows": (167, 4.642, 5.72, 5.86),
        "cube-9-rows": (359, 4.59, 10.24, 10.44),
        "cube-11-rows": (659, 4.566, 17.61, 17.67),
        "pyramid-5-3-1-rows": (19, 4.738, 2.41, 2.47),
        "pyramid-7-5-3-1-rows": (51, 4.64, 3.29, 3.34),
        "pyramid-9-5-1-rows": (61, 4.538, 3.36, 3.5),
        "pyramid-9-7-5-3-1-rows": (112, 4.566, 4.61, 4.69),
        "pyramid-13-9-5-1-rows": (169, 4.511, 5.94, 5.85),
    }.items()
}
"""Table 1."""

MR: dict[str, float] = {
    "line-5": 3.971,
    "triangle-11": 3.081,
    "cube-3": 3.488,
    "cube-9": 3.079,
    "pyramid-13-9-5-1": 3.110,
    "cube-9-rows": 3.187,
    "cube-11-rows": 3.176,
    "pyramid-9-5-1-rows": 3.216,
    "pyramid-13-9-5-1-rows": 3.223,
}
"""Bits per voxel on Dataset2, models trained on CT; the text gives these only."""

CLASSICAL: dict[str, dict[str, float]] = {
    "CT": {"jp3d": 5.184, "jpeg-2000": 5.316},
    "MR": {"jpeg-2000": 3.548},
}
"""Bits per voxel of the best classical codecs."""

SEQUENCE_BITS: dict[tuple[str, str], float] = {
    ("CT", "with"): 4.300,
    ("CT", "without"): 4.511,
    ("MR", "with"): 3.110,
    ("MR", "without"): 3.223,
}
"""Bits per voxel of the LSTM over the widest pyramid, with and without left voxels."""
