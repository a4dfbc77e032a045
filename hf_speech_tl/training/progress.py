"""What a person sees while a model trains, and the log that stays."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from hf_speech_tl.training.part import part_under_way

_LINE_SECONDS = 30.0


class Report(TrainerCallback):
    """A bar with loss, validation figures, rate and time left, below one of the whole where the training is part of
    more, or without a terminal a line every 30 s; log.jsonl either way."""

    def __init__(self, log: Path, audio_seconds: Callable[[], float], *, shown: Mapping[str, str], quiet: bool) -> None:
        """audio_seconds: gives the seconds of audio trained on so far. shown: figures of the validation by their names
        in the log, with what people call them."""
        self._log = log
        self._audio_seconds = audio_seconds
        self._quiet = quiet
        self._bar: Progress | None = None
        self._part = part_under_way()
        self._loss = "..."
        self._shown = shown
        self._figures = dict.fromkeys(shown, "...")

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._begin, self._begin_step, self._last = time.monotonic(), state.global_step, 0.0
        self._ends = state.max_steps
        self._begin_audio, self._earlier = self._audio_seconds(), 0.0
        self._stepping = self._begin
        if state.is_world_process_zero and state.global_step:
            self._cut_back(state.global_step)
        if not self._quiet and sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._whole = self._bar.add_task(self._part.name, total=1.0) if self._part else None
            self._task = self._bar.add_task("training", total=state.max_steps, completed=state.global_step)
            self._bar.start()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        elapsed = time.monotonic() - self._begin
        line = f"step {state.global_step}/{state.max_steps}  loss {self._loss}  "
        line += "".join(f"{self._shown[name]} {figure}  " for name, figure in self._figures.items())
        line += f"{(self._audio_seconds() - self._begin_audio) / max(elapsed, 1e-9):.0f} x real time"
        if self._bar:
            self._bar.update(self._task, completed=state.global_step, total=state.max_steps, description=line)
            if self._whole is not None:
                self._bar.update(self._whole, completed=self._done(state))
        elif not self._quiet and elapsed - self._last >= _LINE_SECONDS:
            self._last = elapsed
            pace = (time.monotonic() - self._stepping) / max(1, state.global_step - self._begin_step)
            left = round(pace * (state.max_steps - state.global_step))
            if self._part:
                line = f"{self._part.name}, {self._done(state):.0%} of all: {line}"
            print(f"{line}  {left // 60}:{left % 60:02d} left", file=sys.stderr, flush=True)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.global_step == self._begin_step:  # what comes before the first step says nothing of how long one takes
            self._stepping = time.monotonic()
        if state.max_steps < self._ends and not self._quiet:
            self._ends = state.max_steps
            print(
                f"learnt by heart, without a gain: back to the best weights, and from there to step {self._ends}",
                file=sys.stderr,
            )

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        logs = logs or {}
        if "loss" in logs:
            self._loss = f"{logs['loss']:.2f}"
        for name in self._shown.keys() & logs.keys():
            self._figures[name] = f"{100 * logs[name]:.1f} %" if name.endswith("cer") else f"{logs[name]:.3f}"
        if state.is_world_process_zero:
            seconds = self._earlier + time.monotonic() - self._begin
            entry = {"step": state.global_step, "seconds": round(seconds, 2), **logs}
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    def _done(self, state: TrainerState) -> float:
        """The share of the whole that is behind us."""
        assert self._part is not None
        return self._part.begins + (self._part.ends - self._part.begins) * state.global_step / max(1, state.max_steps)

    def _cut_back(self, step: int) -> None:
        """Leave in the log what a run had written up to its checkpoint of `step`; the rest comes once more."""
        kept = []
        for line in self._log.read_text("utf-8").splitlines() if self._log.is_file() else ():
            try:
                entry = json.loads(line)
            except ValueError:  # the last line of a run that was killed
                continue
            if entry["step"] <= step and "train_runtime" not in entry:  # which ends a run
                kept.append(line + "\n")
                self._earlier = entry["seconds"]
        beside = self._log.with_suffix(".part")
        beside.write_text("".join(kept), "utf-8")
        os.replace(beside, self._log)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away, also when the run failed."""
        if self._bar:
            self._bar.stop()
            self._bar = None
