"""A model directory: everything about a model, named by the digest of its integers.

MODELS/<digest>/config.json  model.safetensors  MODEL_CARD.md  training.json  curves.jsonl
                golden/
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip.atomic import new_folder
from medzip.codec.model import Model, network_digest, write_network
from medzip.models.card import model_card, sequence_card
from medzip.models.golden import write_golden
from medzip.models.proof import prove_model

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from medzip.codec.plain.network import Network

__all__ = ["write_directory", "write_sequence_directory"]


def write_directory(
    models: str | os.PathLike[str], network: Network, about: Mapping[str, Any], curves: bytes
) -> Path:
    """Prove a network and write its directory, all of it or nothing; one that is there is kept.

    Parameters
    ----------
    models
        Folder of model directories, made if absent.
    network
        The integers.
    about
        As `medzip.models.card.model_card` takes it; becomes training.json.
    curves
        Content of the run's file of `medzip.training.curves`.

    Raises
    ------
    ModelError
        The network does not compute the same in the fast coder and the plain one.
    """
    digest = network_digest(network)
    form = network.architecture
    hidden = " x ".join(map(str, form.hidden))
    card = model_card(about, digest, len(form.neighbourhood), hidden)
    model = Model(network, network)
    return _write(Path(models) / digest, model, write_network(network), about, card, curves)


def write_sequence_directory(
    models: str | os.PathLike[str],
    model: Model,
    files: Mapping[str, bytes],
    about: Mapping[str, Any],
    curves: bytes,
) -> Path:
    """The same for a predictor of the papers, of which `files` are configuration and weights."""
    card = sequence_card(about, model.digest, model.name)
    return _write(Path(models) / model.digest, model, files, about, card, curves)


def _write(
    target: Path,
    model: Model,
    weights: Mapping[str, bytes],
    about: Mapping[str, Any],
    card: str,
    curves: bytes,
) -> Path:
    if (target / "config.json").is_file():
        return target
    prove_model(model)
    files = {
        **weights,
        **write_golden(model),
        "training.json": (json.dumps(about, indent=1, sort_keys=True) + "\n").encode(),
        "MODEL_CARD.md": card.encode(),
        "curves.jsonl": curves,
    }
    with new_folder(target) as folder:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
    return target
