"""Augmented clips: the same by seed, epoch and utterance wherever they are made, and never too short to learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import EXTRACTOR, RATE, VOCABULARY, tiny_rows
from torch.utils.data import DataLoader

from hf_speech_tl.settings import Augmentation
from hf_speech_tl.settings.augmentation import read_augmentation
from hf_speech_tl.training import Augmenter, Batches, Clips, Passes, collator, longest_seconds, shortest_seconds

LENGTHS = (0.6, 0.9, 0.8, 1.3, 0.7)
TEXTS = ("ab", "abc d", "d", "a bad cab", "bb")
SPEED, SILENCE = Augmentation.plain("speed"), Augmentation.plain("silence")


@pytest.fixture
def everything(tmp_path: Path) -> list[Augmentation]:
    """Every augmentation of the waveform, with recordings of noise and a room."""
    generator = np.random.default_rng(0)
    for name in ("noise", "rir"):
        (tmp_path / name).mkdir()
        for number in range(3):
            decay = np.exp(-np.arange(RATE) / (RATE / 20 if name == "rir" else np.inf))
            soundfile.write(tmp_path / name / f"{number}.wav", 0.2 * generator.normal(size=RATE) * decay, RATE)
    words = ("speed", "pitch", "silence", "gain", "telephone", f"noise={tmp_path}/noise", f"rir={tmp_path}/rir")
    return [read_augmentation(word, "augment") for word in words]


def augmenter(augmentations: list[Augmentation], seed: int = 3) -> Augmenter:
    return Augmenter(augmentations, seed, frames_of=lambda samples: samples // 320)


def clips(augmentations: list[Augmentation], views: int = 1, seed: int = 3) -> Clips:
    labels = [VOCABULARY.encode(text) for text in TEXTS]
    return Clips(tiny_rows(LENGTHS, TEXTS), labels, augmenter(augmentations, seed), views)


def test_seed_epoch_and_utterance_decide(everything: list[Augmentation]) -> None:
    first, again = clips(everything), clips(everything)
    backwards = {(row, epoch): again[row, epoch]["inputs"] for epoch in (2, 1, 0) for row in range(5)}
    for (row, epoch), samples in backwards.items():
        np.testing.assert_array_equal(first[row, epoch]["inputs"], samples)
    assert len({samples.tobytes() for samples in backwards.values()}) == 15
    assert len({clips(everything, seed=seed)[3, 0]["inputs"].tobytes() for seed in range(5)}) == 5
    np.testing.assert_array_equal(first[3]["inputs"], first[3, 0]["inputs"])


def test_workers_and_a_resumed_run_make_the_same_batches(everything: list[Augmentation]) -> None:
    def run(workers: int, start: int) -> list[np.ndarray]:
        batches = Passes(Batches(LENGTHS, 2.0, seed=0, count=8, start=start))
        loader = DataLoader(
            clips(everything, 2), batch_sampler=batches, collate_fn=collator(EXTRACTOR), num_workers=workers
        )
        return [batch["inputs"].numpy() for batch in loader]

    whole, worked, rest = run(0, 0), run(1, 0), run(0, 5)
    assert len(whole) == 8
    for ours, theirs in zip([*whole, *whole[5:]], [*worked, *rest], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_epoch_of_its_own_for_each_pass() -> None:
    batches = Batches(LENGTHS, 2.0, seed=0, count=9)
    passes = list(Passes(batches))
    assert [[row for row, _ in batch] for batch in passes] == list(batches)
    first = batches.per_epoch()
    assert {epoch for batch in passes[:first] for _, epoch in batch} == {0}
    assert {epoch for batch in passes[first : 2 * first] for _, epoch in batch} == {1}


@pytest.mark.parametrize(("accumulation", "processes"), [(1, 1), (3, 1), (2, 2)])
def test_copies_of_a_row_in_an_epoch_are_changed_each_in_its_way(
    everything: list[Augmentation], accumulation: int, processes: int
) -> None:
    def passes(process: int, start: int = 0) -> list[list[tuple[int, int]]]:
        batches = Batches(LENGTHS, 4.0, seed=0, start=start, process=process, processes=processes)
        batches.accumulation, batches.weights = accumulation, (3.0, 1.0, 1.0, 1.0, 2.0)
        batches.count = 2 * batches.per_epoch()
        return list(Passes(batches))

    whole = [passes(process) for process in range(processes)]
    assert passes(0, 3) == whole[0][3:]
    epoch = [pair for share in whole for batch in share[: len(share) // 2] for pair in batch]
    assert len({*epoch}) == len(epoch) == 8
    assert {(row, number % 2**32) for row, number in epoch} == {(row, 0) for row in range(5)}
    heard = [clips(everything)[pair]["inputs"].tobytes() for pair in epoch if pair[0] == 0]
    assert len(heard) == len({*heard}) == 3


def test_two_views_are_as_long_and_differ(everything: list[Augmentation]) -> None:
    for row in range(5):
        clip = clips(everything, 2)[row, 0]
        assert clip["other"] is not None and len(clip["inputs"]) == len(clip["other"])
    noisy = clips([Augmentation("gain", 1.0, (-10.0, 0.0))], 2)[0, 0]
    assert noisy["other"] is not None and not np.array_equal(noisy["inputs"], noisy["other"])


def test_a_batch_has_the_first_views_and_then_the_second() -> None:
    two = clips([SPEED, Augmentation("gain", 1.0, (-10.0, 0.0))], 2)
    batch = collator(EXTRACTOR)([two[0, 0], two[3, 0]])
    assert len(batch["inputs"]) == 4 and len(batch["labels"]) == len(batch["ids"]) == 2
    lengths = batch["attention_mask"].sum(-1).tolist()
    assert lengths[:2] == lengths[2:] == [len(two[0, 0]["inputs"]), len(two[3, 0]["inputs"])]


def test_speed_stays_off_where_it_would_leave_too_few_frames() -> None:
    faster = augmenter([Augmentation("speed", 1.0, (2.0,))])
    samples = np.ones(3_200, np.float32)  # ten frames, five when sped up
    assert len(faster.views(samples, "a", 0, [1, 2, 3, 4, 5])[0]) == 1_600
    assert len(faster.views(samples, "a", 0, [1, 2, 3, 4, 4])[0]) == 3_200  # the repeat costs one more


def test_how_often_it_happens() -> None:
    often = augmenter([Augmentation("gain", 0.3, (-10.0, -5.0))])
    samples = np.ones(400, np.float32)
    changed = [not np.array_equal(often.views(samples, f"clip{at}", 0, [])[0], samples) for at in range(300)]
    assert 60 < sum(changed) < 120


def test_lengths_are_planned_as_they_may_become() -> None:
    assert longest_seconds([1.8, 0.9], [SPEED, SILENCE]) == pytest.approx([3.0, 2.0])
    assert shortest_seconds([1.1, 2.2], [SPEED, SILENCE]) == pytest.approx([1.0, 2.0])
    for same in ([Augmentation.plain("mask")], []):
        assert longest_seconds([1.1], same) == shortest_seconds([1.1], same) == [1.1]
    assert longest_seconds([1.1], [Augmentation("speed", 1.0, (1.5,))]) == [1.1]
