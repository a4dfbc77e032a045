"""The lesson of `--objective contrastive`: a quantiser beside the encoder, masks, negatives, a falling temperature."""

from __future__ import annotations

from functools import partial

from accelerate import PartialState
from transformers import PreTrainedConfig, set_seed

from hf_speech_tl.errors import named_by
from hf_speech_tl.models import add_quantiser, check_quantisable, frame_rate
from hf_speech_tl.objectives import Contrastive
from hf_speech_tl.settings import PretrainSettings
from hf_speech_tl.stages.lesson import REMEDY, Lesson
from hf_speech_tl.stages.masked_prediction import draw_masked
from hf_speech_tl.stages.readiness import Ready
from hf_speech_tl.stages.runs.output import Output
from hf_speech_tl.stages.runs.processes import first_then_others
from hf_speech_tl.stages.teaching import choose_validation
from hf_speech_tl.training import CONTRASTIVE_SHARE, CollapseGuard, GumbelTemperature, Spans


def check_contrast(settings: PretrainSettings, config: PreTrainedConfig, _: int) -> None:
    """Raise SettingsError for a family that cannot be trained so. config: the encoder's own."""
    check_quantisable(settings.begins_as, config)


def contrast(settings: PretrainSettings, ready: Ready, _: Output, processes: PartialState) -> Lesson:
    """Give the encoder a quantiser: its checkpoint's own, or a fresh one.

    Raises SettingsError for a quantiser that is not whole.
    """
    corpus, validation = choose_validation(ready.corpus)
    set_seed(settings.seed)
    with named_by("--config" if settings.model is None else "--model"):
        model, told = first_then_others(processes, lambda: add_quantiser(ready.checkpoint))
    module = Contrastive(model)
    config = module.config
    spans = Spans.at_rate(CONTRASTIVE_SHARE, frame_rate(config))
    return Lesson(
        module=module,
        corpus=corpus,
        validation=validation,
        draw=partial(draw_masked, spans, config, settings.seed, negatives=config.num_negatives),
        told=(
            (
                "codes",
                f"{config.num_codevector_groups} groups of {config.num_codevectors_per_group}, {config.num_negatives} "
                "negatives a frame",
            ),
            *([("", told)] if told else []),
        ),
        described={"negatives": config.num_negatives, "fresh_quantiser": told is not None or ready.checkpoint.fresh},
        guard=CollapseGuard(module.tally, begin=settings.warmup, remedy=REMEDY),
        callbacks=(GumbelTemperature(model),),
    )
