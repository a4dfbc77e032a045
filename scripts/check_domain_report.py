#!/usr/bin/env python3
"""Try the domain report where the answer is known: what does it name for a test split that was changed on purpose?

    check_domain_report.py SPEECH NOISE RIR [--corpora de=de-kerstin ...] [--clips 100] [--measures]

SPEECH holds a folder of each corpus. Of each, the test split is compared with the training split as it is and after a
change, and two halves of the training split with each other. Prints a Markdown table: of how many corpora the right
augmentation was named, and named before all others, and what else was; a measure in brackets is one that was pointed
out with no augmentation for it. With --measures it prints instead what SNR and tail read for known noise and rooms.
"""

from __future__ import annotations

import argparse
import io
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import environment  # noqa: F401

import datasets
import numpy as np
import soundfile
import soxr

from hf_speech_tl.audio import RATE, decode
from hf_speech_tl.audio.measure import find_speech, measure, power_spectrum
from hf_speech_tl.corpora import load_corpus, samples
from hf_speech_tl.languages import find_language
from hf_speech_tl.stages.advice.domain import count_letters, measure_rows
from hf_speech_tl.stages.advice.gap import find_gaps

_CORPORA = (
    "de=de-kerstin es=es-asterisk it=it-asterisk ja=ja-tofugu ml=ml-msc nl=nl-fillets pl=pl-artikulate qu=qu-killkan "
    "ru=ru-tuxpaint zh=zh-dspspeech20 zh=zh-hsk-words zh=zh-syllables"
)
_ANIMALS = ("badger", "bee", "bison", "black", "caribou", "donkey", "duck", "mosquito", "seagull", "tiger", "whale")

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def main() -> None:
    """Try every change on every corpus, and print what was named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("speech", "noise", "rir"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--corpora", nargs="+", default=_CORPORA.split(), metavar="LANG=FOLDER")
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument(
        "--measures", action="store_true", help="print what SNR and tail read for known noise and rooms"
    )
    parser.add_argument("--verbose", action="store_true", help="say what is named as soon as it is known")
    asked = parser.parse_args()
    if asked.measures:
        folders = {asked.speech / word.partition("=")[2]: word.partition("=")[0] for word in asked.corpora}
        calibrate(folders, asked.noise, asked.rir, asked.clips)
        return
    tried = changes(asked.noise, asked.rir)
    answers: dict[str, list[list[str]]] = {}
    for word in asked.corpora:
        tag, _, folder = word.partition("=")
        for name, words in try_corpus(asked.speech / folder, tag, tried, asked.clips).items():
            answers.setdefault(name, []).append(words)
            if asked.verbose:
                print(folder, name, words, flush=True)
    print("| change to the test clips | right | named | named first | other remedies |\n|---|---|---|---|---|")
    for name, named in answers.items():
        print(line(name, tried[name][0] if name in tried else None, named))


def changes(noise: Path, rir: Path) -> dict[str, tuple[str | None, Change]]:
    """What is done to the clips, and the augmentation that should be named for it."""
    noises = steady_noises(noise)
    rooms = [decode(path) for path in sorted(rir.glob("*.flac"))]
    made: dict[str, tuple[str | None, Change]] = {"none": (None, lambda clip, _: clip)}
    for snr in (5, 10, 20):
        made[f"noise at {snr} dB"] = "noise", lambda clip, random, snr=snr: noisy(clip, noises, snr, random)
    made["noise at 5 dB on 40 % of the clips"] = (
        "noise",
        lambda clip, random: noisy(clip, noises, 5, random) if random.random() < 0.4 else clip,
    )
    for name, some in (("small rooms (T60 0.2 to 0.4 s)", rooms[:3]), ("larger rooms (T60 0.5 to 1.2 s)", rooms[3:])):
        made[name] = "rir", lambda clip, random, some=some: echoing(clip, some, random)
    return made | {
        "telephone band, 300 to 3,400 Hz": ("telephone", lambda clip, _: telephone(clip)),
        "sampled at 8 kHz": ("telephone", lambda clip, _: at_rate(at_rate(clip, RATE, 8000), 8000, RATE)),
        "12 dB louder, clipped": ("gain", lambda clip, _: clip * 4),
        "12 dB quieter": ("gain", lambda clip, _: clip / 4),
        "1.2 times as fast": ("speed", lambda clip, _: at_rate(clip, 1.2 * RATE, RATE)),
        "0.8 times as fast": ("speed", lambda clip, _: at_rate(clip, 0.8 * RATE, RATE)),
    }


def calibrate(folders: Mapping[Path, str], noise: Path, rir: Path, count: int) -> None:
    """Print what is read of `count` training clips of each corpus under known noise, and in known rooms."""
    clips = []
    for folder, tag in folders.items():
        rows = load_corpus([str(folder)], tag).train
        clips += [samples(audio) for audio in rows.select(np.sort(draw(rows, count)))["audio"]]
    noises, rooms = steady_noises(noise), {path.stem: decode(path) for path in sorted(rir.glob("*.flac"))}
    random = np.random.default_rng(0)
    conditions: dict[str, Callable[[np.ndarray], np.ndarray]] = {"as they are": lambda clip: clip}
    for snr in (0, 5, 10, 15, 20, 30):
        conditions[f"noise at {snr} dB"] = lambda clip, snr=snr: noisy(clip, noises, snr, random)
    for name, room in rooms.items():
        conditions[name] = lambda clip, room=room: echoing(clip, [room], random)
    print("| clips | SNR read, dB | tail read, s |\n|---|---|---|")
    for name, condition in conditions.items():
        sounds = [measure(condition(clip)) for clip in clips]
        snr = "{1:.0f} ({0:.0f} to {2:.0f})".format(*np.quantile([sound.snr for sound in sounds], (0.1, 0.5, 0.9)))
        tail = "{1:.2f} ({0:.2f} to {2:.2f})".format(*np.nanquantile([sound.tail for sound in sounds], (0.1, 0.5, 0.9)))
        print(f"| {name} | {snr} | {tail} |", flush=True)


def steady_noises(folder: Path) -> list[np.ndarray]:
    """The recordings that go on: not the cries of animals, which have pauses."""
    return [decode(path) for path in sorted(folder.glob("*.flac")) if not path.name.startswith(_ANIMALS)]


def draw(rows: datasets.Dataset, count: int) -> np.ndarray:
    """The places of `count` rows by chance, the same each time."""
    return np.random.default_rng(0).permutation(len(rows))[:count]


def try_corpus(
    folder: Path, tag: str, tried: Mapping[str, tuple[str | None, Change]], clips: int
) -> dict[str, list[str]]:
    """What is named for two halves of `clips` training clips each, and for as many test clips after each change."""
    language = find_language(tag)

    def hear(rows: datasets.Dataset) -> dict[str, list[float]]:
        return measure_rows(rows, str(folder), lambda text: count_letters(text, language, latin=False))

    corpus = load_corpus([str(folder)], tag)
    drawn = draw(corpus.train, 2 * clips)
    half, other = (hear(corpus.train.select(np.sort(part))) for part in np.array_split(drawn, 2))
    learnt = {key: half[key] + other[key] for key in half}
    test = corpus.test.select(np.sort(draw(corpus.test, clips)))
    named = {"halves of training": remedies(half, other)}
    return named | {name: remedies(learnt, hear(changed(test, change))) for name, (_, change) in tried.items()}


def line(name: str, right: str | None, answers: list[list[str]]) -> str:
    """A row of the table."""
    hits = [words for words in answers if right in words]
    first = [words for words in hits if next(word for word in words if word[0] != "(") == right]
    other = Counter(word for words in answers for word in words if word != right)
    said = ", ".join(f"{word} {count}" for word, count in other.most_common()) or "none"
    counts = f"{len(hits)} of {len(answers)} | {len(first)}" if right else "- | -"
    return f"| {name} | {right or 'nothing'} | {counts} | {said} |"


def remedies(learnt: dict[str, list[float]], met: dict[str, list[float]]) -> list[str]:
    """The names of the augmentations, largest gap first; `(measure)` where there is only advice."""
    words = []
    for gap in find_gaps(learnt, met):
        if gap.remedy:
            entry = gap.remedy.augment
            name = entry if isinstance(entry, str) else next(iter(entry)) if entry else f"({gap.measure})"
            words.append(name.partition("=")[0])
    return words


def changed(rows: datasets.Dataset, change: Change) -> datasets.Dataset:
    """The rows with other audio, 16-bit as it would be recorded."""
    random = np.random.default_rng(0)
    new = []
    for row in rows:
        stream = io.BytesIO()
        soundfile.write(stream, np.clip(change(samples(row["audio"]), random), -1, 1), RATE, format="FLAC")
        new.append({"audio": {"bytes": stream.getvalue(), "path": None, "offset": None, "length": None}})
        new[-1]["text"] = row["text"]
    return datasets.Dataset.from_list(new)


def noisy(clip: np.ndarray, noises: list[np.ndarray], snr: float, random: np.random.Generator) -> np.ndarray:
    """Noise under the whole clip, at so many dB below the mean power of its speech."""
    energy = power_spectrum(clip).sum(axis=1)
    noise = noises[random.integers(len(noises))]
    noise = np.resize(np.roll(noise, random.integers(len(noise))), len(clip))
    power = np.mean(power_spectrum(noise).sum(axis=1))
    return clip + noise * np.sqrt(energy[find_speech(energy)].mean() / power / 10 ** (snr / 10))


def echoing(clip: np.ndarray, rooms: list[np.ndarray], random: np.random.Generator) -> np.ndarray:
    """The clip in a room, as loud as before."""
    room = rooms[random.integers(len(rooms))]
    size = len(clip) + len(room)
    wet = np.fft.irfft(np.fft.rfft(clip, size) * np.fft.rfft(room, size), size)[: len(clip)]
    return wet * np.sqrt(np.mean(clip**2) / np.mean(wet**2))


def telephone(clip: np.ndarray) -> np.ndarray:
    """Nothing outside of the band of a telephone line."""
    spectrum = np.fft.rfft(clip)
    hertz = np.fft.rfftfreq(len(clip), 1 / RATE)
    return np.fft.irfft(np.where((hertz > 300) & (hertz < 3400), spectrum, 0), len(clip))


def at_rate(clip: np.ndarray, rate: float, other: float) -> np.ndarray:
    """Resampled; played at another rate it is faster or slower, and higher or lower."""
    return soxr.resample(clip, rate, other, quality="HQ")


if __name__ == "__main__":
    main()
