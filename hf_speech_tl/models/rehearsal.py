"""A forward and backward pass without the arithmetic: what it would multiply, and the memory it would hold."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count
from transformers import PreTrainedModel

from hf_speech_tl.audio import RATE
from hf_speech_tl.models.families import family_of
from hf_speech_tl.models.frames import input_name


@dataclass(frozen=True)
class Rehearsal:
    """multiply_adds: of the forward pass. bytes: the most that both hold at once, apart from weights and gradients."""

    multiply_adds: float
    bytes: int


def rehearse(model: nn.Module, seconds: float, *, clips: int = 1, backward: bool = True) -> Rehearsal:
    """What training on clips of this length takes, or with `backward` false recognising them; in float32.

    Runs on torch's fake tensors, which have a shape and no content, so that a model of any family and size is done in a
    second or two and is left as it was: dropout, frozen weights, adapters and checkpointing count as they are.
    """
    config: Any = model.config
    frontend = family_of(config).frontend
    step = _Step(model, FlopCounterMode(display=False, custom_mapping=_UNCOUNTED))
    fake, held = FakeTensorMode(), _Held()
    weights: dict[str, Tensor] = {
        name: fake.from_tensor(tensor)
        for tensors in (step.named_parameters(), step.named_buffers())
        for name, tensor in tensors
    }
    held.ignore(weights.values())
    with _as_for(model, training=backward), fake, held, torch.set_grad_enabled(backward):
        for weight in weights.values():
            if weight.requires_grad:
                weight.register_post_accumulate_grad_hook(_drop_gradient)
        inputs = torch.empty(clips, *frontend.shape(config, round(seconds * RATE)))
        mask = torch.ones(inputs.shape[:2], dtype=torch.long)
        functional_call(step, weights, ({input_name(config): inputs, "attention_mask": mask}, backward))
    return Rehearsal(step.counter.get_total_flops() / 2, held.most)


class _Step(nn.Module):
    """Both passes as one module, because checkpointed layers need their fake weights in the backward pass too."""

    def __init__(self, model: nn.Module, counter: FlopCounterMode) -> None:
        super().__init__()
        self.model, self.counter = model, counter

    def forward(self, given: dict[str, Tensor], backward: bool) -> None:
        with self.counter:
            (output, *_) = self.model(**given).values()  # logits, or the states of a bare encoder
        if backward:
            output.log_softmax(-1).sum().backward()


def modules_in_order(model: PreTrainedModel) -> list[nn.Module]:
    """The modules of a model in the order in which a forward pass first enters them."""
    entered: dict[nn.Module, None] = {}
    hooks = [m.register_forward_pre_hook(lambda module, _: entered.setdefault(module)) for m in model.modules()]
    try:
        rehearse(model, 1.0, backward=False)
    finally:
        for hook in hooks:
            hook.remove()
    return list(entered)


def _fused(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


# torch counts the fused attention of GPUs, and leaves out its own for CPUs.
_UNCOUNTED = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _fused}


def _drop_gradient(weight: Tensor) -> None:
    weight.grad = None


@contextlib.contextmanager
def _as_for(model: Any, *, training: bool) -> Iterator[None]:
    """Training or evaluation mode, without SpecAugment, whose random spans no fake tensor can hold."""
    before, masks = model.training, getattr(model.config, "apply_spec_augment", None)
    model.train(training)
    if masks:
        model.config.apply_spec_augment = False
    try:
        yield
    finally:
        model.train(before)
        if masks:
            model.config.apply_spec_augment = True


class _Held(TorchDispatchMode):
    """Counts the bytes behind all tensors that operations return, while something refers to them."""

    def __init__(self) -> None:
        super().__init__()
        self.most = self._now = 0
        self._storages: set[int] = set()

    def ignore(self, tensors: Iterable[Tensor]) -> None:
        self._storages.update(tensor.untyped_storage()._cdata for tensor in tensors)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for value in tree_iter(result):
            if isinstance(value, Tensor):
                self._add(value.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._storages:  # a view, or written in place
            return
        self._storages.add(key)
        self._now += size
        self.most = max(self.most, self._now)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._storages.discard(key)
        self._now -= size
