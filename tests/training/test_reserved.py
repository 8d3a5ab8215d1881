"""What is measured is not learned from, and where it once was, tables say so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from medzip.bench.results import Results
from medzip.errors import SourceError
from medzip.models.shelf import shipped_models
from medzip.training.cohort import find_cohort
from medzip.training.reserved import RESERVED, reserved

from ..doc_text import ROOT

if TYPE_CHECKING:
    from pathlib import Path

EVAL = ROOT / "benchmarks" / "results" / "eval.json"


def test_every_measured_slab_is_reserved() -> None:
    slabs = Results.read(EVAL).slabs
    assert {one.slab for one in RESERVED} == {slab.name for slab in slabs}
    for slab in slabs:
        origin = dict(slab.about)["origin"]
        (study,) = (one.study for one in RESERVED if one.slab == slab.name)
        assert study in origin


@pytest.mark.parametrize("name", shipped_models())
def test_what_bases_learned_from_is_marked_and_nothing_else(name: str) -> None:
    """Fails when bases are trained anew: then the mark goes, and all slabs are measured again."""
    about = json.loads((ROOT / "medzip" / "models" / name / "training.json").read_text())
    learned = {one["name"] for one in about["volumes"] if reserved(one["origin"])}
    assert learned == {one.learned for one in RESERVED if one.learned}
    card = (ROOT / "medzip" / "models" / name / "MODEL_CARD.md").read_text()
    for one in RESERVED:
        assert not one.learned or f"{one.learned} below is of the same study" in card


def cohort(folder: Path, origins: dict[str, str]) -> Path:
    """Arrays with an index that tells where each is from."""
    tifffile = pytest.importorskip("tifffile")
    index = {}
    for number, (name, origin) in enumerate(origins.items()):
        voxels = np.random.default_rng(number).integers(0, 99, (4, 80, 80)).astype(np.uint16)
        tifffile.imwrite(folder / f"{name}.tif", voxels, photometric="minisblack")
        index[name] = {
            "file": f"{name}.tif",
            "shape": voxels.shape,
            "dtype": "uint16",
            "modality": "CT",
            "origin": origin,
        }
    (folder / "index.json").write_text(json.dumps(index))
    return folder


@pytest.mark.parametrize(
    "origin",
    [
        "neurolabusc/dcm_qa_ct In/Philips/S21570/S2030",
        "stepha-mar/Colon = TCIA CMB-CRC-MSB-01068",
        "another copy = TCIA Vestibular-Schwannoma-SEG VS-SEG-001",
    ],
)
def test_series_of_measured_studies_are_not_learned_from(origin: str, tmp_path: Path) -> None:
    folder = cohort(tmp_path, {"a": origin, "b": "neurolabusc/dcm_qa_ct In/GE (from Aliza)"})
    assert [series.about.name for series in find_cohort(folder)] == ["b"]


def test_a_cohort_of_measured_studies_alone_is_none(tmp_path: Path) -> None:
    folder = cohort(tmp_path, {"a": "FNNDSC/SAG-anon"})
    with pytest.raises(SourceError, match="of studies that are not measured"):
        find_cohort(folder)
