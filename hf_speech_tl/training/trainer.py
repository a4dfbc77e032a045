"""The Trainer of transformers, with what training on batches of seconds needs corrected in one place."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list, gather_object
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments

from hf_speech_tl.errors import RunError
from hf_speech_tl.training.average import WeightAverage
from hf_speech_tl.training.checkpoints import AVERAGE, BEST, AtBegin, Pauses, Rest, beside, finish, writing
from hf_speech_tl.training.clips import Batch, Clips
from hf_speech_tl.training.descent import EarlyDescent
from hf_speech_tl.training.guard import FiniteGradients, Interruption
from hf_speech_tl.training.loader import Loader
from hf_speech_tl.training.optimiser import Rates, build_optimiser, build_schedule, warmup_steps
from hf_speech_tl.training.splitting import StepGradient
from hf_speech_tl.training.streamed import Order
from hf_speech_tl.training.task import Moment, Task


class SpeechTrainer(Trainer):
    """Teaches a model a task on batches of seconds.

    Batches hold different amounts of what a task counts (utterances, frames), so the loss is the mean over all of it in
    the optimiser step, over all micro-batches and processes: the gradient is the same however the step was cut into
    pieces. The stock Trainer would neither divide (transformers#47688) nor weigh.
    """

    def __init__(
        self,
        model: nn.Module,
        arguments: TrainingArguments,
        *,
        task: Task,
        train: Clips,
        batches: Order,
        rates: Rates,
        optimiser: str,
        averaged: bool = False,
        patience: int | None = None,
    ) -> None:
        """task: what is taught, and what the validation clips say of it. averaged: of the average of the weights they
        say it too, in the end. patience: as EarlyDescent has it, None for a run that goes on to its last step. Neither
        is for FSDP, where no process has all of the weights, nor one for the other.

        The trainer's `best` are the weights of the best evaluation so far, those that training changes; under FSDP all
        of them, on the first process.
        """
        self.finite, self.interruption = FiniteGradients(lambda: self.step_ids), Interruption()
        self.average = WeightAverage(model) if averaged else None
        rising = rates.head_steps + warmup_steps(rates, arguments.max_steps)
        self.early = EarlyDescent(model, patience, task.metric, lambda: self.best, rising)
        watching = filter(None, [self.finite, self.interruption, self.average, self.early])
        super().__init__(
            model,
            arguments,
            data_collator=task.collate,  # type: ignore[arg-type]
            train_dataset=train,
            eval_dataset=train,  # which transformers wants to see; a task has its own
            callbacks=[*watching, AtBegin(self._restore)],
        )
        if self.is_fsdp_enabled:
            # accelerate asks for them, and transformers raises for models that have none.
            model.__dict__["get_input_embeddings"] = lambda: None
        # compute_loss divides by what the whole step counts; nothing may divide or multiply after it.
        self.model_accepts_loss_kwargs = False
        self.loss_is_scaled_for_ga = True
        self.audio_seconds = 0.0
        self.evaluation_seconds = 0.0  # of `seconds`
        self.step_ids: list[str] = []
        self._gradient = StepGradient()
        self._step_rates: dict[str, float] = {}
        self._checkpoints = Path(str(arguments.output_dir))
        self._began = time.monotonic()
        self._resumed: Path | None = None
        self._writes_beside = False
        self._pauses = Pauses()
        self.best: dict[str, torch.Tensor] | None = None
        self._network = model
        self._task = task
        self._train_clips = train
        self._batches = batches
        self._rates = rates
        self._optimiser_name = optimiser

    @property
    def seconds(self) -> float:
        """Wall time of training and validation so far, also of what a resumed run did before its checkpoint."""
        return time.monotonic() - self._began

    def train(self, resume_from_checkpoint: str | bool | None = None, *_: Any, **__: Any) -> Any:
        self._began = time.monotonic()
        self._resumed = Path(resume_from_checkpoint) if isinstance(resume_from_checkpoint, str) else None
        output = super().train(resume_from_checkpoint=resume_from_checkpoint)
        if self.average and self.state.global_step >= self.state.max_steps:
            self._judge(self.average)
        return output

    def get_train_dataloader(self) -> DataLoader:
        # The sampler shards over processes itself; accelerate's wrapper would shard once more.
        return Loader(self._train_clips, self._batches, self._task.collate, self.args.device)

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Any], Any]:
        """The micro-batches of a step, and how much the task counts in them on all processes."""
        micro_batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        self._gradient.begin()
        self.step_ids = [name for batch in micro_batches for name in batch["ids"]]
        seconds = sum(batch["seconds"] for batch in micro_batches)
        count = sum(self._task.count(batch) for batch in micro_batches)
        ours = torch.tensor([count, seconds, self.interruption.asked], device=self.args.device)
        counted, seconds, asked = self.accelerator.reduce(ours, "sum").tolist()
        self.audio_seconds += seconds
        assert self.optimizer is not None
        # Muon's groups have the encoder's rate times a constant.
        groups = [group for group in self.optimizer.param_groups if not group["muon"]]
        self._step_rates = {group["part"]: group["lr"] for group in groups}
        # Processes see a signal at different times; they all stop after the same step, or wait for each other for ever.
        self.interruption.agreed = asked > 0
        return micro_batches, max(1, counted)

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """As transformers', but on a GPU whose memory runs out in halves; a clip too long even alone is left out.

        The loss is a sum over clips, so that the gradient is the same. With several processes the others would wait
        for gradients that never come, and the run ends.
        """
        work = partial(super().training_step, model, num_items_in_batch=num_items_in_batch)
        if self.accelerator.num_processes > 1:
            try:
                return work(inputs)
            except torch.OutOfMemoryError as error:
                raise RunError(
                    f"the memory of GPU {self.accelerator.process_index} ran out: lower --max-seconds, or try "
                    "--gradient-checkpointing always or more processes."
                ) from error
        loss, left_out = self._gradient.add(inputs, work, model.zero_grad)
        self._train_clips.bad.update(dict.fromkeys(left_out, "does not fit into memory"))
        return loss

    def compute_loss(
        self, model: nn.Module, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The task's losses over what it counts in the step; times the processes, over which DDP averages."""
        return self._task.losses(model, inputs).sum() * self.accelerator.num_processes / num_items_in_batch

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            self.optimizer = build_optimiser(model or self._network, self._rates, self._optimiser_name)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> Any:
        if self.lr_scheduler is None:
            optimizer = optimizer or self.create_optimizer()
            self.lr_scheduler = build_schedule(optimizer, self._rates, num_training_steps, lambda: self.early.descent)
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As transformers', which logs the learning rate of whichever group comes first; here both parts have one."""
        if logs.pop("learning_rate", None) is not None:
            for part, name in (("encoder", "learning_rate"), ("head", "head_learning_rate")):
                if part in self._step_rates:
                    logs[name] = self._step_rates[part]
        if "loss" in logs:
            logs |= self._task.figures()
        # Batches run on without epochs; what a resumed run would count anew is the share of the steps.
        self.state.epoch = self.state.global_step / max(1, self.state.max_steps)
        super().log(logs, start_time)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """What the task says of the validation clips, logged; steps left out so far stand beside it."""
        found = self._found() | {"steps_skipped": float(self.finite.skipped)}
        metrics = {f"eval_{name}": value for name, value in found.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _found(self) -> dict[str, float]:
        moment = Moment(
            accelerator=self.accelerator,
            sharded=self.is_fsdp_enabled,
            dtype=torch.bfloat16 if self.args.bf16 else torch.float32,
            step=self.state.global_step,
            steps=max(1, self.state.max_steps),
        )
        began = time.monotonic()
        try:
            return self._task.evaluate(self._network, moment)
        finally:
            self.evaluation_seconds += time.monotonic() - began

    def _judge(self, average: WeightAverage) -> None:
        """The average takes the place of the best weights where it is no worse: it is what was asked for."""
        average.put_into_model()
        average.error = self._found()[self._task.metric]
        if self.state.best_metric is None or average.error <= self.state.best_metric:
            self.state.best_metric = average.error
            self._keep_weights()

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """As transformers', which finds the best weights in a checkpoint; here most evaluations leave none, and one
        that leaves out the metric that decides does not choose."""
        is_better = f"eval_{self._task.metric}" in metrics and super()._determine_best_metric(metrics, trial)
        if is_better:
            self._keep_weights()
        return is_better

    def _keep_weights(self) -> None:
        if self.is_fsdp_enabled:  # every process has a part, and must be asked
            weights = self.accelerator.get_state_dict(self.model)
        else:
            frozen = {name for name, weight in self._network.named_parameters() if not weight.requires_grad}
            weights = {name: value for name, value in self._network.state_dict().items() if name not in frozen}
        self.best = self.best or {name: torch.empty(one.shape, dtype=one.dtype) for name, one in weights.items()}
        for name, one in weights.items():
            self.best[name].copy_(one)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """As transformers', but only when due, as the first process says, and in a folder beside that gets its name
        when all of it is on the disk.

        It holds the best weights too, so that a run goes on with nothing but its newest checkpoint.
        """
        if not broadcast_object_list([self.interruption.agreed or self._pauses.over])[0]:
            return
        step = self.state.global_step
        with self._pauses.begin():
            if self.args.should_save:
                shutil.rmtree(beside(self._checkpoints), ignore_errors=True)
            self.accelerator.wait_for_everyone()
            with writing(self._checkpoints, step):
                self._writes_beside = True
                try:
                    super()._save_checkpoint(model, trial)
                finally:
                    self._writes_beside = False
                self.state.best_model_checkpoint = None  # where it was written is not its place
                by_process = gather_object([{"loss": self._tr_loss.item(), "bad": self._train_clips.bad}])
                if self.args.should_save:
                    self._finish_checkpoint(step, by_process)
            self.accelerator.wait_for_everyone()

    def _finish_checkpoint(self, step: int, by_process: list[dict[str, Any]]) -> None:
        """Write what transformers has not written, and give the checkpoint its name."""
        checkpoint = beside(self._checkpoints) / f"checkpoint-{step}"
        if self.best is not None and self.state.best_global_step != step:
            save_file(self.best, checkpoint / BEST)
        if self.average:
            self.average.save(checkpoint / AVERAGE)
        self.state.save_to_json(str(checkpoint / "trainer_state.json"))
        Rest(
            seconds=self.seconds,
            audio_seconds=self.audio_seconds,
            skipped=self.finite.skipped,
            in_a_row=self.finite.in_a_row,
            last_logged=self._globalstep_last_logged,
            by_process=by_process,
            sharded=self.is_fsdp_enabled,
            evaluation_seconds=self.evaluation_seconds,
            descent=self.early.descent,
        ).write(checkpoint)
        finish(self._checkpoints, step)

    def _get_output_dir(self, trial: Any) -> str:
        return str(beside(self._checkpoints)) if self._writes_beside else super()._get_output_dir(trial)

    def _restore(self) -> None:
        """Take up what a checkpoint holds beyond transformers' own."""
        if self._resumed is None:
            return
        rest = Rest.read(self._resumed)
        self._began -= rest.seconds
        self.audio_seconds, self.evaluation_seconds = rest.audio_seconds, rest.evaluation_seconds
        self.finite.skipped, self.finite.in_a_row = rest.skipped, rest.in_a_row
        self._globalstep_last_logged = rest.last_logged
        mine = rest.by_process[self.accelerator.process_index]
        self._tr_loss += mine["loss"]
        self._train_clips.bad.update(mine["bad"])
        if (self._resumed / BEST).is_file():
            self.best = load_file(self._resumed / BEST)
        elif self.state.best_global_step:
            self._keep_weights()
        if self.average:
            self.average.restore(self._resumed / AVERAGE)
        if rest.descent:
            self.early.follow(rest.descent, self.state)
