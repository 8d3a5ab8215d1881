"""The papers' loss: mean absolute error plus what correlation is missing.

    L = MAE(y, p) + lambda (1 - |PCC(y, p)|)

PCC is Pearson's correlation over the batch (medzip, section III; sampling-strategies, equations 1
to 3). Values are normalised to [-1, 1], so the error is a share of half the range.
"""

from __future__ import annotations

import torch

__all__ = ["joint_loss"]

_LEAST = 1e-12


def joint_loss(predicted: torch.Tensor, target: torch.Tensor, lam: float = 1.0) -> torch.Tensor:
    """The loss of a batch.

    Parameters
    ----------
    predicted, target
        Floating point (n,), normalised values.
    lam
        lambda; 0 leaves the absolute error alone.

    Returns
    -------
    torch.Tensor
        Scalar. A batch of one constant value has no correlation; its PCC counts as 1, so that
        background does not pull at the weights.
    """
    error = (predicted - target).abs().mean()
    if lam == 0:
        return error
    y, p = target - target.mean(), predicted - predicted.mean()
    power = y.square().mean() * p.square().mean()
    # where() in front of the root: the root's gradient at zero is infinite
    safe = torch.where(power > _LEAST, power, torch.ones_like(power))
    pcc = torch.where(power > _LEAST, (y * p).mean() / safe.sqrt(), torch.ones_like(power))
    return error + lam * (1 - pcc.abs())
