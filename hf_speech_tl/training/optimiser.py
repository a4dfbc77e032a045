"""The optimiser, its parameter groups and the schedule of their learning rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from hf_speech_tl.models import is_of_head
from hf_speech_tl.training.descent import Descent
from hf_speech_tl.training.muon import muon_step

# Muon's step for a matrix has a fixed size, Adam's depends on the gradient's history. This ratio of their rates is the
# one that was tried on the starter model from fresh weights; docs/from-fresh-weights.md has the figures.
_MUON_RATIO = 20.0
_BETAS = (0.9, 0.98)  # as wav2vec 2.0 (Baevski et al. 2020)


@dataclass(frozen=True)
class Rates:
    """Learning rates of the encoder and of the head, and how they move over the run.

    warmup: share of the steps in which they rise from 0; then they fall to 0 in a straight line.
    head_steps: steps at the start in which the encoder stands still.
    """

    encoder: float
    head: float
    weight_decay: float
    warmup: float
    head_steps: int


class MuonAdamW(Optimizer):
    """Muon for the matrices of the transformer layers, AdamW for all else, as one optimiser.

    The groups and the state are shared with torch's AdamW, so schedules and checkpoints see a single optimiser.
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        """Groups with `muon=True` go to Muon, the others to AdamW."""
        super().__init__(groups, {})
        self._adamw = _adamw([group for group in self.param_groups if not group["muon"]])
        self._share()

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        for group in self.param_groups:
            if group["muon"]:
                muon_step(
                    group["params"],
                    self.state,
                    rate=group["lr"],
                    weight_decay=group["weight_decay"],
                )
        self._adamw.step()
        return closure() if closure else None

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        self._adamw.param_groups = [group for group in self.param_groups if not group["muon"]]
        self._adamw.state = self.state


def build_optimiser(model: nn.Module, rates: Rates, name: str) -> Optimizer:
    """`adamw` or `muon`, with a group for each part and kind of parameter; biases and norms do not decay."""
    matrices = _matrices(model)
    groups: dict[tuple[bool, bool, bool], list[nn.Parameter]] = {}
    for parameter_name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        head = is_of_head(parameter_name)
        muon = name == "muon" and parameter_name in matrices
        groups.setdefault((head, parameter.ndim > 1, muon), []).append(parameter)
    described = [
        {
            "params": parameters,
            "lr": (rates.head if head else rates.encoder) * (_MUON_RATIO if muon else 1),
            "weight_decay": rates.weight_decay if decays else 0.0,
            "part": "head" if head else "encoder",
            "muon": muon,
        }
        for (head, decays, muon), parameters in groups.items()
    ]
    if name == "muon":
        return MuonAdamW(described)
    return _adamw(described)


def _adamw(groups: list[dict[str, Any]]) -> AdamW:
    """In one pass over the weights, where torch has that: a quarter of the time that it takes by default on a CPU."""
    devices = {parameter.device.type for group in groups for parameter in group["params"]}
    return AdamW(groups, betas=_BETAS, fused=devices <= {"cpu", "cuda"})


def state_bytes(model: nn.Module, name: str) -> int:
    """What the optimiser keeps of the trained weights: two moments with AdamW, one of matrices with Muon."""
    matrices = _matrices(model) if name == "muon" else set()
    trained = {key: weight for key, weight in model.named_parameters() if weight.requires_grad}
    return sum(weight.nbytes * (1 if key in matrices else 2) for key, weight in trained.items())


def _matrices(model: nn.Module) -> set[str]:
    # Not every weight of two dimensions is a matrix: embeddings and positional biases of conformers stay with AdamW.
    return {
        f"{module_name}.weight"
        for module_name, module in model.named_modules()
        if isinstance(module, nn.Linear) and "encoder.layer" in module_name
    }


def warmup_steps(rates: Rates, steps: int) -> int:
    """How many of so many the rates rise."""
    return max(1, round(rates.warmup * steps))


def build_schedule(
    optimiser: Optimizer, rates: Rates, steps: int, early: Callable[[], Descent | None] = lambda: None
) -> LambdaLR:
    """Warm-up, then a straight line to 0 at `steps`; the encoder's groups wait for `head_steps`, then warm up too.

    early: gives the descent to an early end once there is one, which is a straight line from then on.
    """
    warmup = warmup_steps(rates, steps)

    def factor(head: bool) -> Callable[[int], float]:
        begin = 0 if head else rates.head_steps

        def at(step: int) -> float:
            if (descent := early()) and step > descent.begins:
                return planned(descent.begins) * descent.share(step)
            return planned(step)

        def planned(step: int) -> float:
            return min(max(0.0, (step - begin + 1) / warmup), max(0.0, (steps - step) / max(1, steps - warmup)))

        return at

    return LambdaLR(optimiser, [factor(group["part"] == "head") for group in optimiser.param_groups])
