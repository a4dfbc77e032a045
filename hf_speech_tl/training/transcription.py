"""Transcription as a task: CTC on labelled clips, and the error rate of what is written of the validation clips."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

from accelerate.utils import gather_object
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.decoding import Recognition, recognise_each
from hf_speech_tl.errors import DataError
from hf_speech_tl.models import FeatureExtractor, Vocabulary, hears_padding
from hf_speech_tl.scoring import character_edits, choose_units, interval
from hf_speech_tl.training.clips import Batch, Clip, Clips
from hf_speech_tl.training.collator import collator
from hf_speech_tl.training.loss import utterance_losses
from hf_speech_tl.training.task import Moment
from hf_speech_tl.training.watchdog import collapse_warning


@dataclass
class Transcription:
    """config: the model's; references: the validation transcripts; spaced: whether their spaces count; consistency: the
    weight with which two views of each utterance are to agree."""

    config: PreTrainedConfig
    feature_extractor: FeatureExtractor
    vocabulary: Vocabulary
    validation: Clips
    references: Sequence[str]
    spaced: bool
    consistency: float = 0.0

    metric: ClassVar[str] = "cer"

    def __post_init__(self) -> None:
        self._collate = collator(self.feature_extractor, few_lengths=not hears_padding(self.config))
        self._warned = False

    def collate(self, clips: list[Clip]) -> Batch:
        """Clips as a batch, padded."""
        return self._collate(clips)

    def count(self, batch: Batch) -> int:
        """Utterances."""
        return len(batch["ids"])

    def losses(self, model: nn.Module, batch: Batch) -> Tensor:
        """The loss of each utterance a label, `(batch,)`, times how far its transcript is trusted, where that differs.

        A step divides by the number of its utterances all the same, not by the sum of their trust: what an utterance
        adds to the gradient must not depend on which others its batch holds, and doubtful ones alone make small steps.
        """
        losses = utterance_losses(model, self.config, batch, self.vocabulary.blank, self.consistency)
        return losses * batch["trust"] if "trust" in batch else losses

    def figures(self) -> dict[str, float]:
        """None: the validation says more."""
        return {}

    def evaluate(self, model: nn.Module, moment: Moment) -> dict[str, float]:
        """Greedy error on the validation clips with its 95 % interval; blanks and distinct symbols show a collapse."""
        found = self.recognise(model, moment)
        if not found:
            raise DataError("none of the validation recordings can be decoded any more. Has the data been moved?")
        recognitions = list(found.values())
        texts = [recognition.text for recognition in recognitions]
        edits = character_edits([self.references[at] for at in found], texts, spaced=self.spaced)
        speakers = self.validation.rows["speaker"][:]
        cer = interval(edits, choose_units([speakers[at] for at in found]))
        warning = collapse_warning(recognitions, moment.progress, again=self._warned)
        self._warned |= warning is not None
        if warning and moment.accelerator.is_main_process:
            print(f"warning: {warning}", file=sys.stderr, flush=True)
        return {
            "cer": cer.value,
            "cer_low": cer.low,
            "cer_high": cer.high,
            "blank_share": sum(r.blank_share for r in recognitions) / len(recognitions),
            "symbols": float(len(set("".join(texts)))),
        }

    def recognise(self, model: nn.Module, moment: Moment) -> dict[int, Recognition]:
        """What is written of each validation clip, by all processes together, in the order of the clips.

        One that can no longer be decoded is missing, and told of once: what is known of the others still chooses.
        """
        clips = self.validation
        mine = moment.share(len(clips))
        found: list[tuple[int, Recognition]] = []
        for at, heard in recognise_each(
            cast("PreTrainedModel", model),
            self.feature_extractor,
            self.vocabulary,
            lambda at: clips.load(mine[at]),
            [clips.seconds[index] for index in mine],
            dtype=moment.dtype,
            expect=(lambda batch: clips.expect([mine[at] for at in batch], alone=True)) if clips.far else None,
        ):
            if isinstance(heard, BadAudio):
                clips.leave_out(mine[at], heard)
            else:
                found.append((mine[at], heard))
        return dict(sorted(found if moment.sharded else gather_object(found), key=lambda item: item[0]))
