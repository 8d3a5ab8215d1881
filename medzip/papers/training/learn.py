"""Learning of a sequence predictor: samples -> weights, resumable to the last bit.

    samples -> held-out part, training part -> Adam on MAE + lambda (1 - |PCC|) -> net

The order of an epoch depends on seed and epoch alone and the rate on the step alone, so a
checkpoint needs the weights, Adam's moments and the number of steps; no state of a generator. The
loop around it is `medzip.training.learning.learn`.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medzip.canonical import digest_of
from medzip.papers.codec.gates import INPUT_BITS
from medzip.papers.training.loss import joint_loss
from medzip.papers.training.nets import SequenceNet, make_net, solve_output
from medzip.training.learning import Learner, Look

if TYPE_CHECKING:
    from medzip.papers.training.configurations import SequenceRun
    from medzip.papers.training.samples import SequenceSamples
    from medzip.training.checkpoint import Checkpoint

__all__ = ["SequenceLearner", "laplace_bits"]

CLIP = 0.5
"""Largest norm of a gradient: one steep batch must not undo an epoch at high rates."""
_MOST_SOLVED = 1 << 15
_PREDICTED_AT_ONCE = 4096


class SequenceLearner(Learner):
    """A net, its optimiser and its place in the order of an epoch; see `Learner`.

    Parameters
    ----------
    samples
        Of the run's shape; a part of them is held out.
    run
        How to train.
    device
        "cpu" or "cuda".
    """

    def __init__(self, samples: SequenceSamples, run: SequenceRun, device: str = "cpu") -> None:
        training, held = _parts(samples, run)
        torch.manual_seed(run.seed)
        self.identity = digest_of({"run": asdict(run), "samples": samples.digest()})
        self.run = run
        self.voxels = len(training)
        self.held = held
        self.device = device
        self.x = torch.from_numpy(training.x).to(device)
        self.y = torch.from_numpy(training.y).to(device)
        self.net = make_net(run)
        self.per_epoch = max(1, len(training) // run.batch)
        self.steps = self.per_epoch * run.epochs
        self.step = 0
        self.losses = torch.zeros((), dtype=torch.float64)
        self.since = 0
        self.masks: list[torch.Tensor] = []
        if run.start == "solved":
            few = np.random.default_rng((run.seed, 2)).permutation(len(training))[:_MOST_SOLVED]
            chosen = torch.from_numpy(np.sort(few))
            solve_output(self.net, _scaled(self.x.cpu()[chosen]), _scaled(self.y.cpu()[chosen]))
        self.net.to(device)
        self.adam = torch.optim.Adam(self.net.parameters(), lr=run.rate, betas=run.betas)
        self.order = (-1, torch.zeros(0, dtype=torch.int64))

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self.step // self.per_epoch

    def is_due(self) -> bool:
        """Whether an epoch has ended."""
        return self.step % self.per_epoch == 0

    def look(self) -> Look:
        """What the point of an epoch shows; `laplace_bits` of each volume's held-out voxels."""
        loss = float(self.losses) / max(1, self.since)
        self.losses.zero_()
        self.since = 0
        rate = float(self.adam.param_groups[0]["lr"])
        return Look(loss, rate, _held_bits(self.net, self.held, self.device))

    def trained(self) -> SequenceNet:
        """The net in floating point, on the CPU."""
        return self.net.cpu().eval()

    def advance(self) -> None:
        """One step."""
        run = self.run
        epoch, position = divmod(self.step, self.per_epoch)
        if self.order[0] != epoch:
            shuffled = np.random.default_rng((run.seed, 1, epoch)).permutation(len(self.x))
            self.order = (epoch, torch.from_numpy(shuffled).to(self.device))
        if run.prune and not self.masks and 2 * self.step >= self.steps:
            self.masks = [_largest(weight, run.prune) for weight in self.net.prunable()]
            self._apply_masks()
        batch = self.order[1][position * run.batch : (position + 1) * run.batch]
        if run.decay:
            # half a cosine; the last step is the smallest
            share = 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
            self.adam.param_groups[0]["lr"] = run.rate * share
        loss = joint_loss(self.net(_scaled(self.x[batch])), _scaled(self.y[batch]), run.lam)
        self.adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        self.adam.step()
        self._apply_masks()
        self.losses += loss.detach().double().cpu()
        self.since += 1
        self.step += 1

    def tensors(self) -> dict[str, torch.Tensor]:
        """Weights, moments, masks of pruning and the sum of the losses."""
        tensors = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        for number, moments in self.adam.state_dict()["state"].items():
            tensors |= {f"adam.{number}.{name}": value for name, value in moments.items()}
        tensors |= {f"mask.{number}": mask.float() for number, mask in enumerate(self.masks)}
        return tensors | {"losses": self.losses}

    def notes(self) -> dict[str, Any]:
        """The steps since the last point."""
        return {"since": self.since}

    def restore(self, saved: Checkpoint) -> None:
        """The inverse of `tensors` and `notes`."""
        parts: dict[str, dict[str, torch.Tensor]] = {"net": {}, "adam": {}, "mask": {}}
        for key, value in saved.tensors.items():
            group, _, rest = key.partition(".")
            if group in parts:
                parts[group][rest] = value
        self.net.load_state_dict(parts["net"])
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in parts["adam"].items():
            number, _, name = key.partition(".")
            moments.setdefault(int(number), {})[name] = value
        self.adam.load_state_dict(self.adam.state_dict() | {"state": moments})
        self.masks = [
            parts["mask"][str(number)].to(self.device) > 0 for number in range(len(parts["mask"]))
        ]
        self.losses = saved.tensors["losses"]
        self.step = saved.step
        self.since = int(saved.notes["since"])

    @torch.no_grad()
    def _apply_masks(self) -> None:
        if self.masks:
            for weight, mask in zip(self.net.prunable(), self.masks, strict=True):
                weight.mul_(mask)


def laplace_bits(errors: np.ndarray) -> float:
    """Bits of an error under the two-sided geometric law of their own mean magnitude.

    Parameters
    ----------
    errors
        Residuals in stored values, any shape, not empty.

    Returns
    -------
    float
        Entropy of that law. Few held-out voxels suffice for a mean, where the entropy of their
        histogram would come out too small.

    Examples
    --------
    >>> round(laplace_bits(np.array([0, 1, -1, 2, -2, 0])), 3)
    2.543
    """
    mean = float(np.abs(errors).mean())
    if mean == 0:
        return 0.0
    # P(e) = (1 - q) / (1 + q) q^|e|, whose mean magnitude is 2q / (1 - q²)
    q = (math.sqrt(1 + mean * mean) - 1) / mean
    return -math.log2((1 - q) / (1 + q)) - mean * math.log2(q)


def _parts(samples: SequenceSamples, run: SequenceRun) -> tuple[SequenceSamples, SequenceSamples]:
    """Training part and held-out part: every k-th sample, so that each volume has its share."""
    if not run.held:
        return samples, samples.take(np.zeros(0, dtype=np.int64))
    held = np.zeros(len(samples), dtype=bool)
    held[:: max(2, round(1 / run.held))] = True
    return samples.take(~held), samples.take(held)


def _scaled(fixed: torch.Tensor) -> torch.Tensor:
    """Normalised integers as float32 in [-1, 1]."""
    return fixed.float() / (1 << INPUT_BITS)


def _largest(weight: torch.Tensor, share: float) -> torch.Tensor:
    """Which weights stay when the smallest `share` of them goes; bool, as the weight."""
    drop = int(share * weight.numel())
    order = weight.detach().abs().reshape(-1).argsort(stable=True)
    mask = torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
    mask[order[:drop]] = False
    return mask.reshape(weight.shape)


@torch.no_grad()
def _held_bits(net: SequenceNet, held: SequenceSamples, device: str) -> dict[str, float]:
    """`laplace_bits` of the held-out voxels of each volume."""
    if not len(held):
        return {}
    x = torch.from_numpy(held.x)
    parts = [net(_scaled(part.to(device))).cpu() for part in x.split(_PREDICTED_AT_ONCE)]
    steps = (held.count - 1) / 2.0
    errors = np.rint((held.y / 2.0**INPUT_BITS - torch.cat(parts).double().numpy()) * steps)
    return {
        name: laplace_bits(errors[held.origin == number])
        for number, name in enumerate(held.names)
        if (held.origin == number).any()
    }
