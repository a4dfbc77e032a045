import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import EXTRACTOR, VOCABULARY, tiny_model, tiny_rows

from hf_speech_tl.models import Frozen, frozen_part, logits_of, prepare_tuning
from hf_speech_tl.training import Batches, Clips, Features, Loader, collator

_CPU = torch.device("cpu")
_LENGTHS, _TEXTS = (0.6, 0.9, 0.75), ("ab", "d", "a")


def _features(directory: Path | None = None, tuning: str = "full") -> Features:
    model = prepare_tuning(tiny_model(), tuning, fresh=False, rank=4)
    part = frozen_part(model, _CPU)
    assert part is not None
    return Features(Frozen(model, part, EXTRACTOR, torch.float32), directory)


def _clips(features: Features | None = None, room: float = 1e6) -> Clips:
    clips = Clips(tiny_rows(_LENGTHS, _TEXTS), [VOCABULARY.encode(text) for text in _TEXTS], room=room)
    clips.features = features
    return clips


@pytest.mark.parametrize("tuning", ["full", "head"])
def test_a_padded_batch_of_features_says_what_its_clips_say(tuning: str) -> None:
    features = _features(tuning=tuning)
    heard, plain, collate = _clips(features), _clips(), collator(EXTRACTOR)
    model = features.frozen._model
    batch = collate([heard[at] for at in range(3)])
    logits, frames = logits_of(model, model.config, batch["inputs"], batch["attention_mask"])
    assert batch["seconds"] == pytest.approx(sum(_LENGTHS))
    for at in range(3):
        alone = collate([plain[at]])
        expected, count = logits_of(model, model.config, alone["inputs"], alone["attention_mask"])
        assert count.item() == frames[at]
        torch.testing.assert_close(logits[at, : frames[at]], expected[0], rtol=1e-2, atol=2e-3)


def test_a_clip_is_encoded_once_whether_in_memory_or_on_disk(tmp_path, monkeypatch) -> None:
    encoded = []
    encode = Frozen.__call__
    monkeypatch.setattr(Frozen, "__call__", lambda self, clip: encoded.append(len(clip)) or encode(self, clip))
    clips = _clips(_features(tmp_path))
    first = clips[1]["inputs"]
    np.testing.assert_array_equal(clips[1]["inputs"], first)
    np.testing.assert_array_equal(_clips(_features(tmp_path))[1]["inputs"], first)
    assert len(encoded) == 1
    np.testing.assert_array_equal(_clips(_features())[1]["inputs"], first)
    assert len(encoded) == 2


def test_a_torn_file_is_made_anew(tmp_path) -> None:
    whole = _clips(_features(tmp_path))[0]["inputs"].copy()
    (file,) = tmp_path.rglob("*.npy")
    file.write_bytes(file.read_bytes()[:200])
    np.testing.assert_array_equal(_clips(_features(tmp_path))[0]["inputs"], whole)


def test_a_directory_that_cannot_be_written_to_costs_nothing_but_time(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    assert _clips(_features(tmp_path / "file"))[0]["inputs"].dtype == np.float16


def test_what_memory_has_no_room_for_is_made_again_and_is_the_same() -> None:
    kept, never = _clips(_features()), _clips(_features(), room=0.0)
    wanted = [kept[at]["inputs"] for at in range(2)]
    for at in (0, 1, 0):
        np.testing.assert_array_equal(never[at]["inputs"], wanted[at])
    assert kept.size_kept == kept.size == never.size and never.size_kept == 0


@pytest.mark.parametrize("features", [False, True])
def test_how_large_clips_are_is_known_before_they_are_made_and_no_more_than_the_room_is_kept(features: bool) -> None:
    clips = _clips(_features() if features else None)
    told = clips.size
    held = sum((clips[at]["inputs"] if features else clips.pulses(at)).nbytes for at in range(3))
    assert told == pytest.approx(held, rel=0.1)  # a clip has a frame or two less than its length
    tight = _clips(_features() if features else None, room=0.7 * held)
    for at in range(3):
        _ = tight[at]
    assert 0 < sum(one.nbytes for one in tight._kept.values()) <= tight.size_kept == 0.7 * held


@pytest.mark.parametrize("threads", [0, 2])
def test_a_batch_with_a_clip_beyond_half_precision_is_of_samples_and_others_stay_features(
    threads: int, monkeypatch, capfd
) -> None:
    encoded: list[int] = []
    encode, samples = Frozen.__call__, [round(seconds * 16_000) for seconds in _LENGTHS]

    def beyond(self: Frozen, clip: np.ndarray) -> torch.Tensor:
        encoded.append(len(clip))
        return encode(self, clip) * (float("inf") if len(clip) == samples[0] else 1)

    monkeypatch.setattr(Frozen, "__call__", beyond)
    plain, collate = _clips(), collator(EXTRACTOR)
    loader = Loader(_clips(_features()), Batches(list(_LENGTHS), 1.7, 0, count=8), collate, _CPU)
    loader._threads = threads
    kinds = set()
    for batch, rows in zip(loader, list(loader.batch_sampler), strict=True):
        made = batch["inputs"].dtype == torch.float16
        assert made != ("clip0" in batch["ids"])
        assert made or torch.equal(batch["inputs"], collate([plain[row] for row in rows])["inputs"])
        kinds.add((made, len(rows)))
    assert (False, 2) in kinds and any(made for made, _ in kinds)
    if not threads:  # two of them may make the same clip at once
        assert sorted(encoded) == sorted(samples)
        assert capfd.readouterr().err.count("does not fit into 16 bits") == 1


def test_what_the_disk_may_take_of_them_is_what_is_left_above_a_tenth(tmp_path, monkeypatch) -> None:
    clips = _clips(_features(tmp_path / "new"))
    assert _clips(_features()).size_stored == _clips().size_stored == 0
    usage = shutil.disk_usage(tmp_path)
    for free, stored in ((1e9, clips.size), (1e8 + 500, 500), (5e7, 0)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(total=1e9, free=free))
        assert clips.size_stored == stored
    _ = clips[0]
    assert not list(tmp_path.rglob("*.npy"))


def test_what_the_disk_has_of_them_already_takes_no_more(tmp_path) -> None:
    clips = _clips(_features(tmp_path / "new"))
    for index in range(len(clips)):
        _ = clips[index]
    kept = sum(file.stat().st_size for file in tmp_path.rglob("*.npy"))
    assert kept and clips.size_stored == max(0.0, clips.size - kept)
