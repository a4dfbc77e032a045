"""What the Trainer of transformers is told about a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainingArguments


class _Arguments(TrainingArguments):
    """As transformers', but reporters are not told where the run lies on this machine."""

    def to_dict(self) -> dict[str, Any]:
        told = super().to_dict()
        told["output_dir"] = Path(told["output_dir"]).name
        return told


def evaluation_pause(steps: int, evaluations: int) -> int:
    """Steps from one evaluation to the next, so that a run of `steps` has at most so many."""
    return max(1, -(-steps // evaluations))


def training_arguments(
    directory: Path,
    *,
    steps: int,
    evaluations: int,
    accumulation: int,
    precision: str,
    seed: int,
    use_cpu: bool,
    report_to: Sequence[str],
    metric: str,
    run_name: str,
    before: bool = False,
) -> TrainingArguments:
    """What the Trainer is told: when to evaluate and save, and that batches, loss and schedule are ours.

    report_to: transformers' names of reporters, which know the run as `run_name`. metric: of which the lowest value
    chooses the checkpoint that is kept. before: evaluate once more, before the first step.
    """
    every = evaluation_pause(steps, evaluations)
    return _Arguments(
        output_dir=str(directory),
        max_steps=steps,
        gradient_accumulation_steps=accumulation,
        logging_steps=max(1, min(10, steps // 10)),  # short runs have a course too
        logging_nan_inf_filter=False,
        eval_strategy="steps",
        eval_steps=every,
        eval_on_start=before,
        save_strategy="steps",
        save_steps=every,
        metric_for_best_model=metric,
        greater_is_better=False,
        max_grad_norm=1.0,
        bf16=precision == "bfloat16",
        seed=seed,
        remove_unused_columns=False,
        ignore_data_skip=True,  # the sampler itself starts where a resumed run left off
        report_to=list(report_to),
        run_name=run_name,
        trackio_static_space_id=False,  # no public copy of what is followed
        disable_tqdm=True,
        use_cpu=use_cpu,
    )
