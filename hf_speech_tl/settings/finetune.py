"""The settings of `finetune`: every option, its default, and where the default comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from hf_speech_tl.settings.augmentation import FORMS, Augmentation
from hf_speech_tl.settings.conflicts import refuse_conflicts
from hf_speech_tl.settings.option import Option, check_values
from hf_speech_tl.settings.preset import AUTO, PRESETS, STARTER
from hf_speech_tl.settings.run import command_line, find_resumed
from hf_speech_tl.settings.source import Source


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings:
    """Fine-tune a speech encoder: recordings of a language in, a recogniser that plain transformers loads out."""

    command: ClassVar[str] = "finetune"
    examples: ClassVar[tuple[str, ...]] = (
        "--lang zh --max-minutes 8",
        "--lang it --data recordings/ --max-minutes 60",
        "--lang zh --units romanized --data train.parquet --model facebook/wav2vec2-xls-r-300m",
        "runs/first/run.yaml --seed 2",
    )

    lang: str = Option(
        "Data",
        "language as BCP-47 or ISO 639-3 (zh, zh-TW, yue, pt-BR, swa); decides normalisation, units and metric",
        metavar="TAG",
    ).required()
    data: tuple[str | Source, ...] = Option(
        "Data",
        "recordings with transcripts, repeatable: a Parquet file or folder; a folder of audio with metadata.csv, .tsv "
        "or .jsonl, or a .txt beside each file; a manifest (.jsonl, .csv, .tsv); a Common Voice, AISHELL-1, "
        "LibriSpeech, MLS or Kaldi folder; ELAN .eaf or Praat .TextGrid files beside their recordings; starter; "
        "fleurs; hub:OWNER/NAME[:CONFIG]; in YAML also {source: ..., weight: 2, text_column: ..., tier: ...}",
        kind=Source,
        many=True,
        metavar="SOURCE",
        shown=AUTO,
        why="see --preset",
    ).default((AUTO,))
    text_column: str | None = Option(
        "Data",
        "column that holds the transcripts",
        unset="auto",
        why="the column whose name says so: text, sentence, transcription",
    ).default(None)
    tier: str | None = Option(
        "Data",
        "tier of ELAN or Praat files that holds the transcripts, or a pattern such as 'tx@*' for one tier a speaker",
        unset="auto",
        why="the only one that has text; where there are several they are listed",
    ).default(None)
    max_seconds: float = Option(
        "Data",
        "longer recordings are skipped, and listed in skipped.csv",
        kind=float,
        above=0,
        why="attention grows with the square of the length: one clip of 64 s in a batch of 8 took 19 GB",
    ).default(20.0)
    units: str = Option(
        "Data",
        "what is written: the script's characters, Latin letters (zh: pinyin with tone digits; elsewhere uroman), or "
        "the phonetic alphabet, as espeak-ng or epitran reads the spelling (docs/languages.md; extras espeak and ipa)",
        choices=("char", "romanized", "ipa"),
        why="what people read, and what published error rates count",
    ).default("char")
    simplify: bool = Option(
        "Data",
        "Chinese: write traditional characters as simplified",
        kind=bool,
        why="transcripts stay as they are",
    ).default(False)

    model: str = Option(
        "Model",
        "starter, a directory, or a Hub id: a CTC model or bare encoder (wav2vec2, HuBERT, WavLM, data2vec-audio, SEW, "
        "SEW-D, UniSpeech, UniSpeech-SAT, wav2vec2-conformer, w2v-BERT, Parakeet, LASR)",
        why="see --preset",
    ).default(AUTO)
    preset: str = Option(
        "Model",
        "what --model and --data are where they are not given: "
        + ", ".join(f"{name} ({preset.model}, {preset.data})" for name, preset in PRESETS.items()),
        choices=(AUTO, *PRESETS),
        why="base with a GPU, or adapters to train, and a network, else starter; FLEURS but for starter speech in zh",
    ).default(AUTO)
    target_lang: str | None = Option(
        "Model",
        "of an MMS model, which has adapters for many languages, the one to begin with, as it names it (swh)",
        metavar="CODE",
        unset="none",
        why="other models have no such adapters",
    ).default(None)
    from_scratch: bool = Option(
        "Model",
        "keep the architecture of --model, drop its weights: what pretraining is to be compared with",
        kind=bool,
        why="pretrained weights are the point",
    ).default(False)
    tuning: str = Option(
        "Model",
        "what is trained: everything but the feature encoder of pretrained weights, low-rank adapters, or the head",
        choices=("full", "lora", "head"),
        why="WER 23.0, LoRA 36.1, in the one published comparison on XLS-R (Arabic, Common Voice 24)",
    ).default("full")
    lora_rank: int | None = Option(
        "Model",
        "rank of the adapters of --tuning lora",
        kind=int,
        at_least=1,
        below=10_000,
        unset="auto",
        why="the plan shows it",
    ).default(None)

    keep_layers: int | None = Option(
        "Model",
        "transformer layers that are kept, the lowest so many: a shallower, cheaper encoder",
        kind=int,
        at_least=1,
        below=10_000,
        unset="all",
        why="what pretraining left in the upper ones is lost; what that costs in CER was not measured yet",
    ).default(None)
    freeze_layers: int = Option(
        "Model",
        "transformer layers that are not trained, the lowest so many, with all that comes before them",
        kind=int,
        at_least=0,
        below=10_000,
        why="what --tuning says is trained",
    ).default(0)

    max_minutes: float | None = Option(
        "Length",
        "train so long; of the three lengths whichever ends first, and the schedule fits it",
        kind=float,
        above=0,
        unset="none",
        why="without any of the three: 8 minutes on a CPU, 30 epochs on a GPU",
    ).default(None)
    max_steps: int | None = Option(
        "Length", "train so many steps", kind=int, at_least=1, below=10**9, unset="none", why="see --max-minutes"
    ).default(None)
    epochs: float | None = Option(
        "Length",
        "go so many times through the data",
        kind=float,
        above=0,
        below=10**6,
        unset="none",
        why="see --max-minutes",
    ).default(None)

    batch_seconds: float | None = Option(
        "Schedule",
        "seconds of audio a step, over all processes",
        kind=float,
        above=0,
        below=10**6,
        unset="auto",
        why="by the size of the model; the plan shows it",
    ).default(None)
    learning_rate: float | None = Option(
        "Schedule",
        "highest rate of the encoder or its adapters",
        kind=float,
        above=0,
        unset="auto",
        why="by the size of the model and --tuning; the plan shows it",
    ).default(None)
    head_learning_rate: float | None = Option(
        "Schedule",
        "highest rate of the head",
        kind=float,
        above=0,
        unset="auto",
        why="with the encoder's; the plan shows it",
    ).default(None)
    head_steps: int = Option(
        "Schedule",
        "train the head alone for so many steps first",
        kind=int,
        at_least=0,
        below=10**9,
        why="off; wav2vec 2.0 took 10,000 (Baevski et al. 2020)",
    ).default(0)
    warmup: float = Option(
        "Schedule",
        "share of the steps over which the rates rise",
        kind=float,
        at_least=0,
        below=1,
        metavar="SHARE",
        why="as wav2vec 2.0 (Baevski et al. 2020)",
    ).default(0.1)
    weight_decay: float = Option(
        "Schedule", "weight decay", kind=float, at_least=0, why="as in the wav2vec 2.0 tutorial of Hugging Face"
    ).default(0.005)
    optimizer: str = Option(
        "Schedule", "how weights are updated", choices=("auto", "adamw", "muon"), why="the plan shows the choice"
    ).default("auto")
    dropout: float = Option(
        "Schedule",
        "share of the encoder's activations that a training step leaves out",
        kind=float,
        at_least=0,
        below=1,
        metavar="SHARE",
        why="none, as Hugging Face's XLS-R tutorial; on a CPU, drawing it takes an eighth of a step",
    ).default(0.0)
    augment: tuple[Augmentation, ...] | None = Option(
        "Schedule",
        "changes to the training audio, with commas, or none; in YAML also with details, such as "
        "{noise: {dir: DIR, snr: [5, 20], share: 0.5}} (docs/augmentation.md)",
        kind=Augmentation,
        choices=FORMS,
        many=True,
        unset="auto",
        metavar="LIST",
        why="mask (SpecAugment sized to the clips) for pretrained models that have it; the plan shows it",
    ).default(None)
    consistency: float = Option(
        "Schedule",
        "train two views of each utterance, and them to agree with this weight (CR-CTC); a step computes twice as much",
        kind=float,
        at_least=0,
        below=100,
        metavar="WEIGHT",
        why="off; 0.2 in its paper (Yao et al. 2024)",
    ).default(0.0)
    gradient_checkpointing: str = Option(
        "Run",
        "compute each layer again for its gradient instead of keeping what it computed: less memory, more time",
        choices=("auto", "always", "never"),
        why="only where the shortest batch would not fit into memory otherwise; the plan shows it",
    ).default("auto")
    precision: str = Option(
        "Run",
        "numbers to compute with; weights stay float32",
        choices=("auto", "float32", "bfloat16"),
        why="on a GPU bfloat16 where it has it; on a CPU where a short probe shows a gain",
    ).default("auto")
    cache: str = Option(
        "Run",
        "where to keep what the frozen layers make of each clip, which is then computed but once: memory, none, or a "
        "directory that later runs use too",
        metavar="WHERE",
        why="a quarter of the free memory at most",
        recorded=False,
    ).default("memory")
    seed: int = Option(
        "Run",
        "decides new weights and the order of the data; splits stay as they are",
        kind=int,
        at_least=0,
        below=2**32,
        why="any number would do; a fixed one repeats",
    ).default(0)
    output: Path | None = Option(  # noqa: RUF009 (makes a field)
        "Run",
        "directory for the model, its card and its results",
        kind=Path,
        unset="auto",
        metavar="DIR",
        shown="runs/LANG-MODEL-DATE",
        why="new for each run",
        recorded=False,
    ).default(None)
    overwrite: bool = Option(
        "Run", "replace an earlier run in --output", kind=bool, why="nothing is lost unasked", recorded=False
    ).default(False)
    resume: str | None = Option(
        "Run",
        "go on with the run in DIR; without DIR: in --output, else the newest run with the same settings",
        unset="none",
        bare="",
        metavar="DIR",
        why="a new run",
        recorded=False,
    ).default(None)

    report_to: tuple[str, ...] = Option(
        "Result",
        "show the training elsewhere too, one or several with commas: tensorboard (files in --output), trackio (on "
        "this machine), wandb (sent to Weights & Biases, or kept here with WANDB_MODE=offline)",
        choices=("tensorboard", "trackio", "wandb"),
        many=True,
        metavar="LIST",
        shown="none",
        why="log.jsonl and training.svg are always written",
        recorded=False,
    ).default(())
    push_to_hub: str | None = Option(
        "Result",
        "upload model, card and results in one commit to OWNER/NAME or NAME; without ID: named as the directory",
        unset="none",
        bare="auto",
        metavar="ID",
        why="nothing leaves this machine unasked",
        recorded=False,
    ).default(None)
    private: bool = Option(
        "Result", "make the repository of --push-to-hub private", kind=bool, why="as on the Hub", recorded=False
    ).default(False)
    json: bool = Option(
        "Result", "for programs: the last line is the results as JSON", kind=bool, why="for people", recorded=False
    ).default(False)
    quiet: bool = Option(
        "Result", "neither plan nor progress", kind=bool, why="long work shows where it is", recorded=False
    ).default(False)

    def __post_init__(self) -> None:
        """Check each value, then what goes together; name the directory of the run."""
        check_values(self)
        refuse_conflicts(self)
        self._apply_preset()
        if self.resume is not None:
            find_resumed(self, self.resume)
        elif self.output is None:
            name = f"{self.lang}-{Path(self.model).name}-{datetime.now():%Y%m%d-%H%M%S}"
            object.__setattr__(self, "output", Path("runs") / re.sub(r"[^\w.-]+", "-", name))

    @property
    def fresh(self) -> bool:
        """Whether the encoder starts from random weights."""
        return self.from_scratch or (self.preset if self.model == AUTO else self.model) == STARTER

    def _apply_preset(self) -> None:
        """Put what a named preset says where model or data were left open; `auto` is for those who know the machine."""
        if self.preset == AUTO:
            return
        preset = PRESETS[self.preset]
        if self.model == AUTO:
            object.__setattr__(self, "model", preset.model)
        if self.data == (AUTO,):
            object.__setattr__(self, "data", (preset.data,))
        object.__setattr__(self, "preset", AUTO)

    def command_line(self) -> str:
        """The command that asks for these settings, defaults left out."""
        return command_line(self)
