"""One loop for base, cohort and series models: Adam with a one-cycle rate, gradients clipped.

On a GPU the step is captured once as a CUDA graph, because a network this small is otherwise bound
by kernel launches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from medzip.fitting.qat import MixtureNet, bits

if TYPE_CHECKING:
    from collections.abc import Callable

    from medzip.fitting.sample import Samples

__all__ = ["Recipe", "Stepper", "mean_bits", "one_cycle", "optimise"]


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes
    ----------
    steps
        Gradient steps.
    batch
        Voxels a step.
    rate
        Peak learning rate of the one-cycle schedule.
    warm
        Share of the steps in which the rate rises.
    clip
        Largest norm of the gradient.
    seed
        Of the order of the samples.
    """

    steps: int
    batch: int = 4096
    rate: float = 4e-3
    warm: float = 0.2
    clip: float = 1.0
    seed: int = 0


def one_cycle(recipe: Recipe, step: int) -> float:
    """Learning rate of a step: a cosine up to the peak, a cosine down to nothing."""
    top = max(1, int(recipe.warm * recipe.steps))
    if step < top:
        return recipe.rate * (0.04 + 0.96 * (1 - math.cos(math.pi * step / top)) / 2)
    share = (step - top) / max(1, recipe.steps - top)
    return recipe.rate * (1e-3 + (1 - 1e-3) * (1 + math.cos(math.pi * share)) / 2)


def optimise(
    net: MixtureNet,
    samples: Samples,
    recipe: Recipe,
    penalty: Callable[[MixtureNet], torch.Tensor] | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> None:
    """Train `net` in place.

    Parameters
    ----------
    net
        On the device of the samples.
    samples
        What to learn from.
    recipe
        How.
    penalty
        Added to the loss, in bits a voxel: what the weights themselves cost, say.
    progress
        Called now and then with the step and the loss of its batch (bits a voxel).
    """
    stepper = Stepper(net, samples, recipe, penalty)
    generator = torch.Generator(device="cpu").manual_seed(recipe.seed)
    order = torch.randperm(len(samples), generator=generator)
    at = 0
    for number in range(recipe.steps):
        if at + recipe.batch > len(order):
            order, at = torch.randperm(len(samples), generator=generator), 0
            if len(order) < recipe.batch:
                order = order.repeat(-(-recipe.batch // len(order)))
        stepper.step(number, order[at : at + recipe.batch])
        at += recipe.batch
        if progress is not None and (number % 50 == 49 or number + 1 == recipe.steps):
            progress(number + 1, float(stepper.loss))


class Stepper:
    """Gradient steps one at a time, with a state that can be saved and taken up again.

    Parameters
    ----------
    net, samples, recipe, penalty
        As `optimise` has them. Batches are rows of these very tensors: their content may change
        between steps, their place may not.

    Attributes
    ----------
    loss
        Of the last batch, bits a voxel.
    total
        Sum of the losses since it was last set to zero.
    """

    def __init__(
        self,
        net: MixtureNet,
        samples: Samples,
        recipe: Recipe,
        penalty: Callable[[MixtureNet], torch.Tensor] | None = None,
    ) -> None:
        device = samples.q.device
        self._net = net
        self._recipe = recipe
        self._rate = torch.tensor(recipe.rate, device=device)
        self._optimiser = torch.optim.Adam(
            net.parameters(),
            lr=self._rate,
            betas=(0.9, 0.99),
            capturable=device.type == "cuda",
            fused=True,
        )
        self._chosen = torch.zeros(recipe.batch, dtype=torch.int64, device=device)
        self.loss = torch.zeros((), device=device)
        self.total = torch.zeros((), dtype=torch.float64, device=device)

        def step() -> None:
            self._optimiser.zero_grad(set_to_none=False)
            value = bits(net(samples.q[self._chosen]), samples, self._chosen).mean()
            loss = value if penalty is None else value + penalty(net)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), recipe.clip, foreach=True)
            self._optimiser.step()
            self.loss.copy_(value.detach())

        self._replay: Callable[[], None] = step
        if device.type == "cuda":
            self._replay = _captured(step, net, self._optimiser)

    def step(self, number: int, chosen: torch.Tensor) -> None:
        """Step `number` of the recipe, on the chosen rows, int64 (batch,)."""
        self._chosen.copy_(chosen)
        self._rate.fill_(one_cycle(self._recipe, number))
        self._replay()
        self.total += self.loss

    def state(self) -> dict[str, torch.Tensor]:
        """Weights, moments and sums, all that the next step depends on; on the CPU."""
        out = {"total": self.total, "loss": self.loss}
        for number, parameter in enumerate(self._net.parameters()):
            out[f"{number:02d}.weight"] = parameter.detach()
            for name, value in self._optimiser.state[parameter].items():
                out[f"{number:02d}.{name}"] = value
        return {name: value.cpu().clone() for name, value in out.items()}

    @torch.no_grad()
    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """Take up a state: the inverse of `state`, into the same tensors where they exist."""
        self.total.copy_(state["total"])
        self.loss.copy_(state["loss"])
        for number, parameter in enumerate(self._net.parameters()):
            parameter.copy_(state[f"{number:02d}.weight"])
            moments = self._optimiser.state[parameter]
            for name in ("step", "exp_avg", "exp_avg_sq"):
                saved = state[f"{number:02d}.{name}"]
                if name in moments:
                    moments[name].copy_(saved)
                else:
                    moments[name] = saved.clone().to(parameter.device)


def _captured(
    step: Callable[[], None], net: MixtureNet, optimiser: torch.optim.Optimizer
) -> Callable[[], None]:
    """The step as a CUDA graph; warm-up steps are undone."""
    before = [parameter.detach().clone() for parameter in net.parameters()]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    with torch.no_grad():
        for parameter, old in zip(net.parameters(), before, strict=True):
            parameter.copy_(old)
        for state in optimiser.state.values():
            for value in state.values():
                value.zero_()
    return graph.replay


@torch.no_grad()
def mean_bits(net: MixtureNet, samples: Samples, batch: int = 65536) -> float:
    """Mean code length of the samples, bits a voxel."""
    total = 0.0
    for start in range(0, len(samples), batch):
        pick = slice(start, start + batch)
        total += float(bits(net(samples.q[pick]), samples, pick).double().sum())
    return total / max(1, len(samples))
