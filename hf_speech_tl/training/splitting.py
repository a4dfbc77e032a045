"""A batch that does not fit into a GPU's memory is computed in halves instead."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Literal, cast

import torch

from hf_speech_tl.training.clips import Batch

_PADDED: tuple[Literal["inputs"], Literal["attention_mask"]] = ("inputs", "attention_mask")


def halves(batch: Batch) -> list[Batch]:
    """Two batches with the clips of one, each padded no further than it needs."""
    middle = len(batch["ids"]) // 2
    return [part_of(batch, slice(None, middle)), part_of(batch, slice(middle, None))]


def in_fitting_parts(
    batch: Batch, work: Callable[[Batch], torch.Tensor], undo: Callable[[], None], left_out: list[str]
) -> torch.Tensor:
    """Do `work`, which gives a sum over clips, on a batch, or on parts of it where the whole takes too much memory.

    undo: takes back what an attempt that failed may have done to the gradients. left_out: gets the ids of clips that do
    not fit even alone.
    """
    try:
        return work(batch)
    except torch.OutOfMemoryError:
        pass  # not retried in here: the exception holds on to what the attempt had computed
    torch.cuda.empty_cache()
    undo()
    if len(batch["ids"]) > 1:
        first, second = (in_fitting_parts(half, work, undo, left_out) for half in halves(batch))
        return first + second
    left_out += batch["ids"]
    print(f"left out: {batch['ids'][0]}: does not fit into memory, not even alone", file=sys.stderr, flush=True)
    return batch["inputs"].new_zeros(())


class StepGradient:
    """The gradient of an optimiser step, to which batches add theirs, each in parts where it takes too much memory."""

    def __init__(self) -> None:
        self._held: list[Batch] = []

    def begin(self) -> None:
        """A new step: the gradient holds nothing."""
        self._held = []

    def add(
        self, batch: Batch, work: Callable[[Batch], torch.Tensor], clear: Callable[[], None]
    ) -> tuple[torch.Tensor, list[str]]:
        """Do `work`, which adds a gradient and gives the loss, a sum over clips; returns the loss of what fits, and the
        ids of clips that do not even alone. clear: takes all of the gradient away.
        """

        def hold(part: Batch) -> torch.Tensor:
            loss = work(part)
            self._held.append(part)
            return loss

        def undo() -> None:
            # A backward pass that broke off left some of its gradient: what fitted of this step is done once more.
            clear()
            again, self._held = self._held, []
            for part in again:
                hold(part)

        left_out: list[str] = []
        return in_fitting_parts(batch, hold, undo, left_out), left_out


def part_of(batch: Batch, rows: slice) -> Batch:
    """A batch with these clips of one, both views of them where it has two, padded no further than it needs.

    What goes by the frames of a model keeps its padding: how many frames a part has only the model can say.
    """
    views = len(batch["inputs"]) // len(batch["ids"])
    inputs, mask = (batch[name].unflatten(0, (views, -1))[:, rows].flatten(0, 1) for name in _PADDED)
    # What is padding for all of the part goes; what some feature extractors put behind every clip stays. Where inputs
    # are frames and the mask is of samples, the frames stay as many as they are.
    less = int(batch["attention_mask"].sum(-1).max() - mask.sum(-1).max())
    if inputs.shape[1] >= mask.shape[1]:
        inputs = inputs[:, : inputs.shape[1] - less]
    whole: dict[str, Any] = dict(batch)
    part = {name: value[rows] for name, value in whole.items() if name not in (*_PADDED, "seconds")}
    part |= {"inputs": inputs, "attention_mask": mask[:, : mask.shape[1] - less], "seconds": batch["seconds"]}
    if "labels" in part:
        part["labels"] = part["labels"][:, : max(1, int((part["labels"] >= 0).sum(-1).max()))]
    return cast("Batch", part)
