"""The settings of `finetune`: every option, its default, and where the default comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from hf_speech_tl.settings import data_rows, run_rows, training_rows
from hf_speech_tl.settings.augmentation import Augmentation
from hf_speech_tl.settings.conflicts import refuse_conflicts
from hf_speech_tl.settings.option import Option, check_values
from hf_speech_tl.settings.preset import AUTO, PRESETS
from hf_speech_tl.settings.run import command_line, place_run
from hf_speech_tl.settings.source import UNITS, Source


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings:
    """Fine-tune a speech encoder: recordings of a language in, a recogniser that plain transformers loads out."""

    command: ClassVar[str] = "finetune"
    examples: ClassVar[tuple[str, ...]] = (
        "--lang zh --max-minutes 8",
        "--lang it --data recordings/ --max-minutes 60",
        "--lang zh --units romanized --data train.parquet --model facebook/wav2vec2-xls-r-300m",
        "--lang mul --units romanized --data it=italiano/ --data es=espanol/ --temperature 2",
        "--lang it --data recordings/ --max-minutes 20 --seeds 3",
        "runs/first/run.yaml --seed 2",
    )

    lang: str = Option(
        "Data",
        "language as BCP-47 or ISO 639-3 (zh, zh-TW, yue, pt-BR, swa); decides normalisation, units and metric; mul "
        "for a model of several languages, each --data with its own (docs/many-languages.md)",
        metavar="TAG",
    ).required()
    data: tuple[str | Source, ...] = data_rows.DATA.default((AUTO,))
    text_column: str | None = data_rows.TEXT_COLUMN.default(None)
    tier: str | None = data_rows.TIER.default(None)
    max_seconds: float = data_rows.MAX_SECONDS.default(20.0)
    temperature: float = data_rows.TEMPERATURE.default(1.0)
    units: str = Option(
        "Data",
        "what is written: the script's characters, Latin letters (zh: pinyin with tone digits; elsewhere uroman), or "
        "the phonetic alphabet, as espeak-ng or epitran reads the spelling (docs/languages.md; extras espeak and ipa)",
        choices=UNITS,
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
        why="base with a GPU and a network, else starter; FLEURS but for starter speech in zh",
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
    head: str = Option(
        "Model",
        "where the output layer's rows for the symbols begin: at those of the checkpoint's symbols that are the same, "
        "spelt or sounding alike (docs/head.md), or at random numbers",
        choices=("transfer", "fresh"),
        why="keeps what the checkpoint's head knows; on what it gains see docs/head.md",
    ).default("transfer")
    lora_rank: int | None = Option(
        "Model",
        "rank of the adapters of --tuning lora",
        kind=int,
        at_least=1,
        below=10_000,
        unset="auto",
        why="the plan shows it",
    ).default(None)
    keep_layers: int | None = training_rows.KEEP_LAYERS.default(None)
    freeze_layers: int = Option(
        "Model",
        "transformer layers that are not trained, the lowest so many, with all that comes before them; with --augment "
        "none what they make of a clip is kept too (--cache)",
        kind=int,
        at_least=0,
        below=10_000,
        why="what --tuning says is trained",
    ).default(0)

    max_minutes: float | None = training_rows.MAX_MINUTES.default(None)
    max_steps: int | None = training_rows.MAX_STEPS.default(None)
    epochs: float | None = training_rows.EPOCHS.default(None)

    batch_seconds: float | None = training_rows.BATCH_SECONDS.default(None)
    learning_rate: float | None = training_rows.LEARNING_RATE.default(None)
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
    warmup: float = training_rows.WARMUP.default(0.1)
    patience: int | None = Option(
        "Schedule",
        "validations in a row without a gain, of at most 16, after which a run that has learnt its recordings by heart "
        "goes back to its best weights and ends early, at half as many steps again; none: it goes on to its last step",
        kind=int,
        at_least=1,
        below=10,  # with more it would end later than planned
        unset="none",
        why="see docs/length.md",
    ).default(3)
    weight_decay: float = training_rows.WEIGHT_DECAY.default(0.005)
    optimizer: str = training_rows.OPTIMIZER.default("auto")
    dropout: float = training_rows.DROPOUT.default(0.0)
    augment: tuple[Augmentation, ...] | None = training_rows.AUGMENT.default(None)
    consistency: float = Option(
        "Schedule",
        "train two views of each utterance, and them to agree with this weight (CR-CTC); a step computes twice as much",
        kind=float,
        at_least=0,
        below=100,
        metavar="WEIGHT",
        why="off; 0.2 in its paper (Yao et al. 2024)",
    ).default(0.0)

    gradient_checkpointing: str = run_rows.GRADIENT_CHECKPOINTING.default("auto")
    precision: str = run_rows.PRECISION.default("auto")
    cache: str = run_rows.CACHE.default("memory")
    seed: int = run_rows.SEED.default(0)
    seeds: int = Option(
        "Run",
        "do all of it with so many seeds, from --seed on, each a run of its own in seed-N under --output; tells how "
        "far their error rates are apart, and which is the best by validation (docs/seeds.md)",
        kind=int,
        at_least=1,
        below=1000,
        why="each is all of the training again",
    ).default(1)
    output: Path | None = run_rows.OUTPUT.default(None)  # noqa: RUF009 (makes a field)
    overwrite: bool = replace(
        run_rows.OVERWRITE,
        help="replace an earlier run in --output; with --seeds, those made of other settings, recordings or models",
    ).default(False)
    resume: str | None = run_rows.RESUME.default(None)

    report_to: tuple[str, ...] = run_rows.REPORT_TO.default(())
    push_to_hub: str | None = run_rows.PUSH_TO_HUB.default(None)
    private: bool = run_rows.PRIVATE.default(False)
    json: bool = run_rows.JSON.default(False)
    quiet: bool = run_rows.QUIET.default(False)

    def __post_init__(self) -> None:
        """Check each value, then what goes together; name the directory of the run."""
        check_values(self)
        refuse_conflicts(self)
        self._apply_preset()
        place_run(self, f"{self.lang}-{Path(self.model).name}")

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
