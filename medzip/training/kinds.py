"""What can be trained, by the options that ask for it; each kind is loaded when it is asked for."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

from medzip.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medzip.training.run import Run

__all__ = ["KINDS", "run_of"]

KINDS = {
    "network": "medzip.training.network:NetworkRun",
    "predictor": "medzip.papers.training.run:PredictorRun",
}
"""Where the class of each kind of run is. A predictor of the papers has a configuration."""


def run_of(options: Mapping[str, Any]) -> Run:
    """The run that options ask for; those that are None count as not given.

    Parameters
    ----------
    options
        Fields of `medzip.training.network.NetworkRun`, or of
        `medzip.papers.training.run.PredictorRun`, which `configuration` asks for.

    Raises
    ------
    SourceError
        Some are of another kind of run: they would change nothing.
    """
    given = {name: value for name, value in options.items() if value is not None}
    kind = "predictor" if "configuration" in given else "network"
    module, _, name = KINDS[kind].partition(":")
    run: Any = getattr(import_module(module), name)
    known = [field.name for field in fields(run)]
    void = sorted(given.keys() - set(known))
    if void:
        raise SourceError(
            f"expected options of a {kind} ({', '.join(known)}), got {', '.join(void)}; drop them"
        )
    made: Run = run(**given)
    return made
