"""What an objective brings to a pretraining run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import datasets
from torch import nn
from transformers import TrainerCallback

from hf_speech_tl.corpora import Corpus
from hf_speech_tl.training import CollapseGuard, Draw, Targets

REMEDY = "begin anew with a lower --learning-rate, or with more --batch-seconds (docs/collapse.md)"


@dataclass(frozen=True)
class Lesson:
    """module: an Objective around the encoder. corpus: its training rows are those that there are targets for;
    validation: the rows that the validation loss is of. targets, draw: as for Clips and Pretraining.

    told: lines for the plan; described: what results.json says of it. keep: writes what a run that goes on has to have
    into the folder of its checkpoints. guard: watches for a collapse; callbacks: do what else there is to do in a step.
    """

    module: nn.Module
    corpus: Corpus
    validation: datasets.Dataset
    targets: Targets | None = None
    draw: Draw | None = None
    told: tuple[tuple[str, str], ...] = ()
    described: dict[str, object] = field(default_factory=dict)
    keep: Callable[[Path], None] | None = None
    guard: CollapseGuard | None = None
    callbacks: tuple[TrainerCallback, ...] = ()
