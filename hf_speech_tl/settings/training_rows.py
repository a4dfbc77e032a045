"""Rows of the one table for how a model is trained, with labels or without."""

from __future__ import annotations

from hf_speech_tl.settings.augmentation import FORMS, Augmentation
from hf_speech_tl.settings.option import Option

KEEP_LAYERS = Option(
    "Model",
    "transformer layers that are kept, the lowest so many: a shallower, cheaper encoder",
    kind=int,
    at_least=1,
    below=10_000,
    unset="all",
    why="what pretraining left in the upper ones is lost; what that costs in CER was not measured yet",
)
MAX_MINUTES = Option(
    "Length",
    "train so long; of the three lengths whichever ends first, and the schedule fits it",
    kind=float,
    above=0,
    below=10**6,
    unset="none",
    why="without any of the three: 8 minutes on a CPU, 30 epochs on a GPU",
)
MAX_STEPS = Option(
    "Length", "train so many steps", kind=int, at_least=1, below=10**9, unset="none", why="see --max-minutes"
)
EPOCHS = Option(
    "Length",
    "go so many times through the data",
    kind=float,
    above=0,
    below=10**6,
    unset="none",
    why="see --max-minutes",
)
BATCH_SECONDS = Option(
    "Schedule",
    "seconds of audio a step, over all processes",
    kind=float,
    above=0,
    below=10**6,
    unset="auto",
    why="by the size of the model; the plan shows it",
)
LEARNING_RATE = Option(
    "Schedule",
    "highest rate of the encoder or its adapters",
    kind=float,
    above=0,
    unset="auto",
    why="by the model and --tuning; the plan shows it",
)
WARMUP = Option(
    "Schedule",
    "share of the steps over which the rates rise",
    kind=float,
    at_least=0,
    below=1,
    metavar="SHARE",
    why="as wav2vec 2.0 (Baevski et al. 2020)",
)
WEIGHT_DECAY = Option(
    "Schedule", "weight decay", kind=float, at_least=0, why="as in the wav2vec 2.0 tutorial of Hugging Face"
)
OPTIMIZER = Option(
    "Schedule", "how weights are updated", choices=("auto", "adamw", "muon"), why="the plan shows the choice"
)
DROPOUT = Option(
    "Schedule",
    "share of the encoder's activations that a training step leaves out",
    kind=float,
    at_least=0,
    below=1,
    metavar="SHARE",
    why="none, as Hugging Face's XLS-R tutorial; on a CPU, drawing it takes an eighth of a step",
)
AUGMENT = Option(
    "Schedule",
    "changes to the training audio, with commas, or none; in YAML also with details, such as "
    "{noise: {dir: DIR, snr: [5, 20], share: 0.5}} (docs/augmentation.md)",
    kind=Augmentation,
    choices=FORMS,
    many=True,
    unset="auto",
    metavar="LIST",
    why="mask (SpecAugment sized to the clips) for pretrained models that have it, for small ones with --tuning full "
    "speed, pitch and gain too; with --tuning head nothing, nor for random weights, but for small ones and less than "
    "an hour of audio; the plan shows it",
)
