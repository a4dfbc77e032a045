"""A batch shared out over the cores of a CPU, each of which small products of matrices use better than all together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from hf_speech_tl.training.clips import Batch
from hf_speech_tl.training.splitting import part_of


class Cores:
    """Computes a batch in `count` parts at once, each with its share of torch's threads.

    The gradients are added up in the order of the parts, whichever is done first, so that a run repeats bit by bit;
    chance must have no part in a step, because all threads draw from one stream of random numbers.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool = ThreadPoolExecutor(count)
        threads, started = torch.get_num_threads(), threading.Barrier(count)

        def start(_: int) -> None:
            torch.set_num_threads(max(1, threads // count))
            started.wait()

        list(self._pool.map(start, range(count)))
        torch.set_num_threads(threads)  # else threads that start later would take the number of these

    def backward(
        self, batch: Batch, loss_of: Callable[[Batch], Tensor], parameters: Sequence[torch.nn.Parameter]
    ) -> Tensor:
        """Add the gradient of `loss_of(batch)`, a sum over clips, to that of the parameters; returns the loss."""
        count = min(self._count, len(batch["ids"]))

        def work(number: int) -> tuple[Tensor, tuple[Tensor | None, ...]]:
            loss = loss_of(part_of(batch, slice(number, None, count)))  # long and short clips for each
            return loss.detach(), torch.autograd.grad(loss, parameters, allow_unused=True)

        done = list(self._pool.map(work, range(count)))
        for _, gradients in done:
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
        return torch.stack([loss for loss, _ in done]).sum()
