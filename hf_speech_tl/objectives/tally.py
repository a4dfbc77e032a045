"""What the predictions of a step say of a collapse, added up over its micro-batches, its parts and its processes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Figures:
    """What was seen of masked frames.

    perplexity: the exponential of the entropy of their codes, a mean over groups: so many codes, all used alike, would
    be as diverse. used: codes, of all groups together, that are some frame's. cosine: the mean over pairs of different
    frames of the cosine of what is predicted for them; 0 where there are no pairs. accuracy: the share of frames whose
    own target was picked.
    """

    perplexity: float
    used: int
    cosine: float
    accuracy: float


class Tally:
    """Counts what `figures_of` needs, all of it sums: they do not depend on how a step was cut.

    Nothing of it leaves the device before it is asked for. Parts of a batch may be added from several threads.
    """

    def __init__(self, noun: str, groups: int, codes: int) -> None:
        """noun: what a code is called in the log; groups: of codes, in each of which a frame has one of `codes`."""
        self.noun = noun
        self.groups = groups
        self.codes = codes
        self._parts: list[Tensor] = []

    @torch.no_grad()
    def add(self, directions: Tensor, codes: Tensor, picked: Tensor) -> None:
        """directions: `(frames, width)`, what is predicted, of length 1. codes: `(frames, groups)`. picked:
        `(frames,)`, bool."""
        frames = len(directions)
        pairs = directions.new_tensor([frames, frames * (frames - 1)])
        # Of vectors of length 1, the square of the sum is all pairs' cosines, each twice, and a 1 for each vector.
        cosines = directions.sum(0).square().sum() - frames
        places = codes + torch.arange(self.groups, device=codes.device) * self.codes
        counts = torch.bincount(places.flatten(), minlength=self.groups * self.codes)
        self._parts.append(torch.cat([pairs, torch.stack([cosines, picked.sum().to(cosines)]), counts.to(cosines)]))

    def clear(self) -> None:
        """Forget what was added: a step begins."""
        self._parts = []

    def total(self) -> Tensor:
        """What was added since, as one tensor whose sum over processes `figures_of` reads."""
        if not self._parts:
            return torch.zeros(4 + self.groups * self.codes)
        # Of few numbers of single precision, the sum in double is the same in whatever order threads came.
        return torch.stack(self._parts).cpu().double().sum(0).float()

    def figures_of(self, total: Tensor) -> Figures | None:
        """What a total says; None where no frame was seen."""
        frames, pairs, cosines, picked, *counts = total.tolist()
        if not frames:
            return None
        shares = torch.tensor(counts).view(self.groups, self.codes) / frames
        return Figures(
            perplexity=torch.special.entr(shares).sum(-1).exp().mean().item(),
            used=sum(count > 0 for count in counts),
            cosine=cosines / max(1.0, pairs),
            accuracy=picked / frames,
        )
