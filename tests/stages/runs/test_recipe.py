import numpy as np
import pytest
import torch
from tiny import tiny_model

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import Augmentation, FinetuneSettings, PretrainSettings
from hf_speech_tl.stages.runs.length import choose_length
from hf_speech_tl.stages.runs.recipe import choose_augment, choose_masking, choose_pretraining, choose_recipe
from hf_speech_tl.training import Pace

MASK = (Augmentation.plain("mask"),)


@pytest.mark.parametrize("frames", [1, 2, 9, 10, 50])
def test_masking_fits_the_shortest_clip(frames: int) -> None:
    masking = choose_masking(MASK, shortest=frames, median=200, channels=16)
    assert masking is not None
    model = tiny_model(mask_time_prob=masking.share, mask_time_length=masking.length).train()
    np.random.seed(0)
    samples = 730 + 320 * (frames - 1)  # the receptive field, and a stride for each further frame
    logits = model(torch.randn(1, samples), attention_mask=torch.ones(1, samples, dtype=torch.long)).logits
    assert logits.shape[1] == frames


def test_the_usual_span_would_stop_on_such_a_clip() -> None:
    model = tiny_model(mask_time_prob=0.05, mask_time_length=10).train()
    with pytest.raises(ValueError, match="mask_length"):
        model(torch.randn(1, 2_000), attention_mask=torch.ones(1, 2_000, dtype=torch.long))


def test_what_is_given_is_taken_and_the_rest_depends_on_the_model() -> None:
    given = FinetuneSettings(lang="it", learning_rate=3e-5, batch_seconds=200, optimizer="adamw", augment=())
    recipe = choose_recipe(given, parameters=300_000_000, augment=(), processes=1)
    assert (recipe.rates.encoder, recipe.batch_seconds, recipe.optimiser) == (3e-5, 200, "adamw")
    assert choose_augment(given, maskable=True, small=False, seconds=600) == ()
    assert recipe.accumulation == 5
    plain = FinetuneSettings(lang="it")
    cut_up = choose_recipe(plain, parameters=300_000_000, augment=(), processes=2, sharded=True)
    assert recipe.patience == 3 and cut_up.patience is None  # no process has its best weights
    small, large = (choose_recipe(plain, parameters=n, augment=(), processes=1) for n in (5_000_000, 300_000_000))
    assert (small.optimiser, large.optimiser) == ("muon", "adamw")
    assert (
        choose_augment(plain, maskable=True, small=False, seconds=600) == MASK
        and choose_augment(plain, maskable=False, small=False, seconds=600) == ()
    )
    assert (
        choose_augment(
            FinetuneSettings(lang="it", model="starter", from_scratch=True), maskable=True, small=False, seconds=600
        )
        == ()
    )
    masked = FinetuneSettings(lang="it", augment=MASK)
    with pytest.raises(SettingsError, match="--augment mask: models of the family of auto have no masking"):
        choose_augment(masked, maskable=False, small=False, seconds=600)


@pytest.mark.parametrize(
    ("changes", "kinds", "rate"),
    [
        ({}, ["speed", "pitch", "gain", "mask"], 4e-4),
        ({"from_scratch": True}, ["speed", "pitch", "gain", "mask"], 1e-3),
        ({"tuning": "lora"}, ["mask"], 1e-3),
        ({"augment": (), "learning_rate": 2e-3}, [], 2e-3),
    ],
)
def test_the_starter_is_trained_on_at_a_rate_and_with_augmentation_of_its_own(changes, kinds, rate) -> None:
    settings = FinetuneSettings(lang="it", model="starter", **changes)
    augment = choose_augment(settings, maskable=True, small=True, seconds=600)
    assert [one.name for one in augment] == kinds
    assert choose_recipe(settings, parameters=12_000_000, augment=augment, processes=1).rates.encoder == rate


def test_small_models_that_are_trained_on_hear_other_voices() -> None:
    plain = FinetuneSettings(lang="it", model="1-source")
    augment = choose_augment(plain, maskable=True, small=True, seconds=600)
    assert [one.name for one in augment] == ["speed", "pitch", "gain", "mask"]
    assert choose_augment(plain, maskable=False, small=True, seconds=600) == augment[:3]
    assert choose_recipe(plain, parameters=12_000_000, augment=augment, processes=1).rates.encoder == 1e-3


@pytest.mark.parametrize(("small", "seconds", "count"), [(True, 3599, 4), (True, 3601, 0), (False, 600, 0)])
def test_random_weights_hear_other_voices_of_little_data(small: bool, seconds: float, count: int) -> None:
    fresh = FinetuneSettings(lang="it", model="starter", from_scratch=True)
    assert len(choose_augment(fresh, maskable=True, small=small, seconds=seconds)) == count


def test_two_views_are_masked_more_and_need_something_that_differs() -> None:
    plain = FinetuneSettings(lang="it", consistency=0.2)
    more = (Augmentation("mask", 0.125),)  # 2.5 x 5 %
    assert choose_augment(plain, maskable=True, small=False, seconds=600) == more
    assert (
        choose_augment(
            FinetuneSettings(lang="it", from_scratch=True, consistency=0.2), maskable=True, small=False, seconds=600
        )
        == more
    )
    given = (Augmentation("mask", 0.2), Augmentation.plain("gain"))
    assert (
        choose_augment(
            FinetuneSettings(lang="it", augment=given, consistency=0.2), maskable=True, small=False, seconds=600
        )
        == given
    )
    gain = FinetuneSettings(lang="it", augment=("gain",), consistency=0.2)
    assert choose_augment(gain, maskable=False, small=False, seconds=600) == (Augmentation.plain("gain"),)
    with pytest.raises(SettingsError, match=r"--consistency 0.2: models of the family of auto have no masking"):
        choose_augment(plain, maskable=False, small=False, seconds=600)


def test_two_views_are_cut_into_twice_as_many_pieces() -> None:
    once, twice = (
        choose_recipe(
            FinetuneSettings(lang="it", consistency=weight, batch_seconds=120),
            parameters=300_000_000,
            augment=MASK,
            processes=1,
        )
        for weight in (0.0, 0.2)
    )
    assert (once.accumulation, twice.accumulation, twice.consistency) == (3, 6, 0.2)
    assert not twice.waveform and choose_recipe(
        FinetuneSettings(lang="it"), parameters=1, augment=(*MASK, Augmentation.plain("gain")), processes=1
    ).waveform == (Augmentation.plain("gain"),)


def test_bands_mask_channels_of_the_features() -> None:
    masking = choose_masking([Augmentation.plain("bands")], shortest=50, median=200, channels=16)
    assert masking is not None and (masking.share, masking.channel_share, masking.channel_length) == (0.0, 0.1, 1)
    changes = dict(mask_feature_prob=0.5, mask_feature_length=masking.channel_length, feat_proj_dropout=0.0)
    model = tiny_model(**changes).train()
    heard = []
    model.wav2vec2.encoder.register_forward_pre_hook(lambda *call: heard.append(call[1][0]))
    np.random.seed(0)
    model(torch.randn(2, 16_000), attention_mask=torch.ones(2, 16_000, dtype=torch.long))
    silent = (heard[0] == 0).all(1)
    assert silent.any() and not silent.all() and choose_masking([Augmentation.plain("gain")], 1, 1, 16) is None


def _length(settings: FinetuneSettings, step_seconds: float | None = 0.5) -> tuple[int, str]:
    length = choose_length(
        settings,
        pace=Pace("float32", step_seconds=step_seconds),
        spent=10.0,
        accumulation=1,
        steps_per_epoch=100,
        evaluation_share=5.0,
        on_gpu=False,
    )
    return length.steps, length.stopped_by


def test_whichever_length_ends_first() -> None:
    assert _length(FinetuneSettings(lang="it", max_steps=50, epochs=2)) == (50, "max_steps")
    assert _length(FinetuneSettings(lang="it", max_steps=500, epochs=2)) == (200, "epochs")
    steps, why = _length(FinetuneSettings(lang="it", max_steps=5000, max_minutes=2))
    assert why == "max_minutes" and 120 <= steps < 220
    assert _length(FinetuneSettings(lang="it"))[1] == "max_minutes"


def test_the_head_alone_may_not_take_the_whole_run() -> None:
    with pytest.raises(SettingsError, match="--head-steps 100"):
        _length(FinetuneSettings(lang="it", head_steps=100, epochs=1))


def test_what_has_learnt_already_is_pretrained_at_a_lower_rate() -> None:
    begun, fresh = (
        choose_pretraining(
            PretrainSettings(data=("it",), objective="masked", **given), parameters=5_000_000, processes=1
        )
        for given in ({"model": "starter"}, {"config": "starter"})
    )
    assert (begun.rates.encoder, fresh.rates.encoder) == (3e-4, 1e-3)
