"""A trained model as a directory that plain transformers loads, and the proof that it says there what it says here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from transformers import AutoModel, PreTrainedModel, pipeline

from hf_speech_tl.audio import RATE
from hf_speech_tl.decoding import recognise
from hf_speech_tl.errors import RunError
from hf_speech_tl.models import (
    Checkpoint,
    FeatureExtractor,
    Vocabulary,
    can_mask,
    encoder_of,
    for_inference,
    load_checkpoint,
    logits_of,
    merge,
    pad,
    read_config,
    states_of,
)

_MASKED = 0.05  # transformers' default share of frames masked while an encoder is fine-tuned


def save_model(
    model: PreTrainedModel | PeftModel,
    vocabulary: Vocabulary,
    feature_extractor: FeatureExtractor,
    directory: Path,
    *,
    base: str | None,
) -> None:
    """Write weights, configuration and processor into `directory`; a LoRA adapter is kept in adapter/ and merged.

    base: what the adapter belongs to, as `base_of` has it.
    Files are written beside and then renamed, so that none is ever there by half.
    """
    beside = directory / ".saving"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    if isinstance(model, PeftModel):
        for adapter in model.peft_config.values():
            adapter.base_model_name_or_path = base
        model.save_pretrained(str(beside / "adapter"), save_embedding_layers=False)  # there are none
        (beside / "adapter" / "README.md").unlink(missing_ok=True)  # peft's template, all "More Information Needed"
    plain = merge(model)
    # Masking is for training; whoever trains the saved model on chooses their own.
    if can_mask(plain.config):
        plain.config.mask_time_prob = plain.config.mask_feature_prob = 0.0
    plain.save_pretrained(str(beside))
    vocabulary.processor(feature_extractor, beside).save_pretrained(str(beside))
    _put_in_place(beside, directory)


def save_encoder(encoder: PreTrainedModel, feature_extractor: FeatureExtractor, directory: Path) -> None:
    """Write an encoder without a head into `directory`: weights, configuration and feature extractor, beside first."""
    beside = directory / ".saving"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    if can_mask(encoder.config):
        # transformers makes what stands for masked frames, and reads it, only where something is to be masked.
        encoder.config.mask_time_prob = _MASKED if hasattr(encoder, "masked_spec_embed") else 0.0
        encoder.config.mask_feature_prob = 0.0
    encoder.save_pretrained(str(beside))
    feature_extractor.save_pretrained(str(beside))
    _put_in_place(beside, directory)


def verify_encoder(directory: Path, encoder: PreTrainedModel, clips: Sequence[np.ndarray]) -> None:
    """Hear each clip with the encoder, with what plain transformers load of the saved files, and with what we load.

    Raises RunError where a weight is missing there, or on the first difference.
    """
    theirs, report = AutoModel.from_pretrained(str(directory), dtype=torch.float32, output_loading_info=True)
    ours = load_checkpoint(str(directory), read_config(str(directory)))
    same = not report["missing_keys"] and not ours.fresh
    with torch.inference_mode():
        for clip in clips:
            inputs, mask = pad(ours.feature_extractor, [clip])
            wanted, *found = (
                states_of(model.eval(), model.config, inputs, mask)[0]
                for model in (encoder, theirs, encoder_of(ours.model))
            )
            same = same and all(torch.allclose(states, wanted, rtol=1e-3, atol=1e-3) for states in found)
    if not same:
        raise RunError(
            f"the encoder saved in {directory} is kept, but what transformers load of it is not what was trained. "
            "Please report this with the model's config.json."
        )


def _put_in_place(beside: Path, directory: Path) -> None:
    """Move what was written beside to where it belongs, so that no file is ever there by half."""
    mode = (beside / "config.json").stat().st_mode
    for path in beside.rglob("*.safetensors"):
        path.chmod(mode)  # safetensors writes files that nobody else may read
    for path in beside.iterdir():
        target = directory / path.name
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(path, target)
    beside.rmdir()


def verify_saved(directory: Path, ours: Checkpoint, vocabulary: Vocabulary, clips: Sequence[np.ndarray]) -> None:
    """Transcribe each clip through transformers' pipeline and through our own decoding of the saved files.

    ours: what we loaded of them, with its vocabulary; from now on it is on the CPU. Raises RunError on the first
    difference: somebody else would get another text than we scored. That is none where rounding chooses between symbols
    that are equally likely, as those are at first that began with the same row of an earlier head.
    """
    ours.model.cpu()
    theirs = pipeline("automatic-speech-recognition", model=str(directory), device="cpu", dtype=torch.float32)
    for at, clip in enumerate(clips):
        mine = recognise(
            ours.model, ours.feature_extractor, vocabulary, _only(clip), [len(clip) / RATE], batch_seconds=0
        )[0].text
        heard = theirs({"raw": clip, "sampling_rate": RATE})
        assert isinstance(heard, dict)
        other = heard["text"]
        if mine != other and not _is_tie(ours, theirs.model, vocabulary, clip, (mine, other)):
            raise RunError(
                f"the model saved in {directory} is kept, but clip {at + 1} of the check reads {other!r} through "
                f"transformers' pipeline and {mine!r} in our decoding. Please report this with the model's config.json."
            )


def _is_tie(
    ours: Checkpoint, theirs: PreTrainedModel, vocabulary: Vocabulary, clip: np.ndarray, texts: tuple[str, str]
) -> bool:
    """Whether both models have the same logits but for rounding, and each of the `texts` is what its own say."""
    inputs, mask = pad(ours.feature_extractor, [clip])
    with torch.inference_mode():
        mine, found = (
            logits_of(model, ours.model.config, inputs, mask)[0][0]
            for model in (for_inference(ours.model), theirs.eval())
        )
    read = tuple(vocabulary.decode(logits.argmax(-1).tolist()) for logits in (mine, found))
    return read == texts and torch.allclose(mine, found, rtol=1e-4, atol=1e-4)


def _only(clip: np.ndarray) -> Callable[[int], np.ndarray]:
    return lambda _: clip
