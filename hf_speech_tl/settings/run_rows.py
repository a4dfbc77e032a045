"""Rows of the one table for a run as such: the machine it takes, where it writes, what it says and to whom."""

from __future__ import annotations

from pathlib import Path

from hf_speech_tl.settings.option import Option

GRADIENT_CHECKPOINTING = Option(
    "Run",
    "compute each layer again for its gradient instead of keeping what it computed: less memory, more time",
    choices=("auto", "always", "never"),
    why="only where the shortest batch would not fit into memory otherwise; the plan shows it",
)
PRECISION = Option(
    "Run",
    "numbers to compute with; weights stay float32",
    choices=("auto", "float32", "bfloat16"),
    why="on a GPU bfloat16 where it has it; on a CPU where a short probe shows a gain",
)
CACHE = Option(
    "Run",
    "where to keep what the frozen layers make of each clip, which is then computed but once (not where --augment "
    "changes its sound): memory, none, or a directory that later runs use too",
    metavar="WHERE",
    why="a quarter of the free memory at most",
    recorded=False,
)
SEED = Option(
    "Run",
    "decides new weights and the order of the data; splits stay as they are",
    kind=int,
    at_least=0,
    below=2**32,
    why="any number would do; a fixed one repeats",
)
OUTPUT = Option(
    "Run",
    "directory for the model, its card and its results",
    kind=Path,
    unset="auto",
    metavar="DIR",
    shown="runs/LANG-MODEL-DATE",
    why="new for each run",
    recorded=False,
)
OVERWRITE = Option(
    "Run", "replace an earlier run in --output", kind=bool, why="nothing is lost unasked", recorded=False
)
RESUME = Option(
    "Run",
    "go on with the run in DIR; without DIR: in --output, else the newest run with the same settings",
    unset="none",
    bare="",
    metavar="DIR",
    why="a new run",
    recorded=False,
)
REPORT_TO = Option(
    "Result",
    "show the training elsewhere too, one or several with commas: tensorboard (files in --output), trackio (on "
    "this machine), wandb (sent to Weights & Biases, or kept here with WANDB_MODE=offline)",
    choices=("tensorboard", "trackio", "wandb"),
    many=True,
    metavar="LIST",
    shown="none",
    why="log.jsonl and training.svg are always written",
    recorded=False,
)
PUSH_TO_HUB = Option(
    "Result",
    "upload model, card and results in one commit to OWNER/NAME or NAME; without ID: named as the directory",
    unset="none",
    bare="auto",
    metavar="ID",
    why="nothing leaves this machine unasked",
    recorded=False,
)
PRIVATE = Option(
    "Result", "make the repository of --push-to-hub private", kind=bool, why="as on the Hub", recorded=False
)
JSON = Option(
    "Result", "for programs: the last line is the results as JSON", kind=bool, why="for people", recorded=False
)
QUIET = Option("Result", "neither plan nor progress", kind=bool, why="long work shows where it is", recorded=False)
