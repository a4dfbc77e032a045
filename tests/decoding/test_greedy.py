import threading
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from tiny import EXTRACTOR, FAMILIES, VOCABULARY, extractor_of, tiny_model
from transformers import PreTrainedModel

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.decoding import greedy, recognise, recognise_each
from hf_speech_tl.models import frame_count, head_of


def _clips(*lengths: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.normal(0, 0.1, length).astype(np.float32) for length in lengths]


def _spoken_model(family: str = "wav2vec2", **changes: object) -> PreTrainedModel:
    model = tiny_model(family, **changes)
    with torch.no_grad():
        head_of(model).weight *= 100  # an untrained head hardly ever prefers anything to the blank
    return model


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_text_does_not_depend_on_the_batch(norm: str) -> None:
    model = _spoken_model(feat_extract_norm=norm)
    clips = _clips(16_000, 4_000, 9_000, 30_000)
    seconds = [len(clip) / 16_000 for clip in clips]
    together = recognise(model, EXTRACTOR, VOCABULARY, clips.__getitem__, seconds, batch_seconds=1000)
    alone = recognise(model, EXTRACTOR, VOCABULARY, clips.__getitem__, seconds, batch_seconds=0)
    assert [r.text for r in together] == [r.text for r in alone]
    assert len({r.text for r in together}) == 4
    np.testing.assert_allclose([r.confidence for r in together], [r.confidence for r in alone], rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_reads_what_transformers_reads_clip_by_clip(family: str) -> None:
    model = _spoken_model(family).eval()
    clips = _clips(16_000, 4_000, 9_000, 30_000, 9_000, 8_900)
    found = recognise(model, extractor_of(model), VOCABULARY, clips.__getitem__, [len(clip) / 16_000 for clip in clips])
    for clip, heard in zip(clips, found, strict=True):
        inputs = extractor_of(model)(clip, sampling_rate=16_000, return_attention_mask=True, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**inputs).logits[0, : frame_count(model.config, len(clip))]  # some extractors pad to even
        best = logits.log_softmax(-1).max(-1)
        spoken = best.indices != VOCABULARY.blank
        assert heard.text == VOCABULARY.decode(best.indices.tolist())
        assert heard.blank_share == pytest.approx(1 - spoken.float().mean().item(), abs=1e-6)
        confidence = best.values[spoken].mean().exp().item() if spoken.any() else 0.0
        assert heard.confidence == pytest.approx(confidence, rel=1e-3)


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_batches_are_loaded_than_there_are_workers(threads: int) -> None:
    clips = _clips(*[8_000] * 24)
    held, most, lock = 0, 0, threading.Lock()
    answer = greedy._recognise_batch

    def load(index: int) -> np.ndarray:
        nonlocal held, most
        with lock:
            held += 1
            most = max(most, held)
        return clips[index]

    def counting(*arguments: object) -> list[greedy.Recognition]:
        nonlocal held
        try:
            return answer(*arguments)
        finally:
            with lock:
                held -= 2

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(greedy, "_recognise_batch", counting)
            found = recognise_each(tiny_model(), EXTRACTOR, VOCABULARY, load, [0.5] * 24, batch_seconds=1.0)
            assert sorted(index for index, _ in found) == list(range(24))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert 2 <= most <= 2 * threads


def test_clips_are_announced_before_they_are_loaded() -> None:
    clips = _clips(*[8_000] * 24)
    said: list[tuple[str, int]] = []

    def load(index: int) -> np.ndarray:
        said.append(("loaded", index))
        return clips[index]

    def expect(indices: Sequence[int]) -> None:
        said.extend(("expected", index) for index in indices)

    list(recognise_each(tiny_model(), EXTRACTOR, VOCABULARY, load, [0.5] * 24, batch_seconds=0, expect=expect))
    assert sorted(said) == sorted((word, index) for word in ("expected", "loaded") for index in range(24))
    assert [word for word, _ in said[:9]] == ["expected"] * 9
    assert all(said.index(("expected", index)) < said.index(("loaded", index)) for index in range(24))


def test_a_clip_that_cannot_be_loaded_costs_its_neighbours_nothing() -> None:
    clips = _clips(8_000, 8_000, 8_000)

    def load(index: int) -> np.ndarray:
        if index == 1:
            raise BadAudio("truncated", "gone")
        return clips[index]

    model = _spoken_model()
    found = dict(recognise_each(model, EXTRACTOR, VOCABULARY, load, [0.5] * 3))
    whole = recognise(model, EXTRACTOR, VOCABULARY, clips.__getitem__, [0.5] * 3)
    assert isinstance(found[1], BadAudio) and found[1].reason == "truncated"
    assert found[0].text == whole[0].text and found[2].text == whole[2].text
    with pytest.raises(BadAudio):
        recognise(model, EXTRACTOR, VOCABULARY, load, [0.5] * 3)


def test_a_batch_that_memory_has_no_room_for_is_heard_in_parts(monkeypatch) -> None:
    clips, answer, sizes = _clips(16_000, 4_000, 9_000, 30_000), greedy._recognise_batch, []

    def cramped(model, extractor, vocabulary, some, dtype) -> list[greedy.Recognition]:
        sizes.append(len(some))
        if len(some) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return answer(model, extractor, vocabulary, some, dtype)

    monkeypatch.setattr(greedy, "_recognise_batch", cramped)
    words = (_spoken_model(), EXTRACTOR, VOCABULARY, clips.__getitem__, [len(clip) / 16_000 for clip in clips])
    room = 4
    whole = recognise(*words, batch_seconds=1000)
    room = 1
    assert [heard.text for heard in recognise(*words, batch_seconds=1000)] == [heard.text for heard in whole]
    assert sizes == [4, 4, 2, 1, 1, 2, 1, 1]
    room = 0
    with pytest.raises(torch.OutOfMemoryError):
        recognise(*words, batch_seconds=1000)


def test_whoever_stops_listening_stops_the_workers() -> None:
    loaded = []

    def load(index: int) -> np.ndarray:
        loaded.append(index)
        return _clips(8_000)[0]

    stream = recognise_each(tiny_model(), EXTRACTOR, VOCABULARY, load, [0.5] * 50, batch_seconds=0)
    next(stream)
    stream.close()
    assert len(loaded) < 50


def test_the_model_goes_on_training_if_it_did() -> None:
    model = tiny_model().train()
    recognise(model, EXTRACTOR, VOCABULARY, lambda _: _clips(8000)[0], [0.5])
    assert model.training


def test_blank_only_has_no_text_and_no_confidence() -> None:
    model = tiny_model()
    with torch.no_grad():
        model.lm_head.bias[0] = 100
    found = recognise(model, EXTRACTOR, VOCABULARY, lambda _: _clips(8000)[0], [0.5])[0]
    assert (found.text, found.confidence, found.blank_share) == ("", 0.0, 1.0)
