"""The transformer layers of an encoder: fewer of them, or the lowest of them frozen, to save memory and time."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models.frontends import encoder_config
from hf_speech_tl.models.rehearsal import modules_in_order


def check_depth(
    name: str, config: PreTrainedConfig, *, keep_layers: int | None, freeze_layers: int, tuning: str = "full"
) -> None:
    """Raise SettingsError unless the model has the layers that are to be kept, and of these those to be frozen.

    With the tuning `lora` one has to be left for the adapters.
    """
    layers: int = encoder_config(config).num_hidden_layers
    if keep_layers is not None and keep_layers > layers:
        raise SettingsError(f"--keep-layers {keep_layers}: {name} has {layers} layers; allowed: 1 to {layers}")
    kept = keep_layers or layers
    if freeze_layers > kept:
        are_left = f"of {name} {kept} layers are kept" if keep_layers else f"{name} has {kept} layers"
        raise SettingsError(f"--freeze-layers {freeze_layers}: {are_left}; allowed: 0 to {kept}")
    if freeze_layers == kept and tuning == "lora":
        raise SettingsError(
            f"--freeze-layers {freeze_layers} --tuning lora: of {name} no layer is left for adapters; allowed: 0 to "
            f"{kept - 1}; to train the head alone use --tuning head"
        )


def keep_lowest(config: PreTrainedConfig, layers: int) -> None:
    """Let a model of this configuration have only the lowest so many layers; the weights of the others are not read."""
    encoder_config(config).num_hidden_layers = layers


def layers_of(model: PreTrainedModel) -> nn.ModuleList:
    """The transformer layers, lowest first, also where adapters have been put into them."""
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and name.endswith(("encoder.layers", "encoder.layer")):
            return module
    raise TypeError(f"{type(model).__name__} has no transformer layers that are known here")


def freeze_lowest(model: PreTrainedModel, layers: int) -> None:
    """Freeze the lowest so many layers with all that comes before them.

    Some families norm what goes into their layers, others what comes out, so that what lies before them is taken from
    a pass through the model.
    """
    frozen = {module for layer in layers_of(model)[:layers] for module in layer.modules()}
    order = modules_in_order(model)
    behind = order[1 + max((at for at, module in enumerate(order) if module in frozen), default=-1) :]
    trained = {parameter for module in behind for parameter in module.parameters()}
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.requires_grad and parameter in trained)
