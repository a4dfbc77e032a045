"""What a benchmark runs on: clips of wanted lengths made of a corpus, and models of random weights."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_STARTS = 64  # places in the corpus at which a clip of the wanted length is looked for
_RATE = 16_000


@dataclass(frozen=True)
class Lengths:
    """How long clips are, in seconds: `draw` gives so many, of which those outside of shortest and longest are cut.
    source: where the figures come from."""

    source: str
    draw: Callable[[np.random.Generator, int], np.ndarray]
    shortest: float
    longest: float

    def wanted(self, seconds: float, longest: float | None = None) -> np.ndarray:
        """Lengths that are `seconds` together."""
        drawn = self.draw(np.random.default_rng(0), 100 + int(seconds / self.shortest))
        drawn = drawn.clip(self.shortest, min(self.longest, longest or self.longest))
        return drawn[: 1 + int(np.searchsorted(drawn.cumsum(), seconds))]


LENGTHS = {
    "common-voice": Lengths(
        # CommonLanguage, drawn from 45 languages of Common Voice: a mean of 4.87 s (its card); four of five 3 to 7 s.
        "Common Voice: a mean of 4.9 s",
        lambda generator, count: generator.normal(4.9, 1.5, count),
        1.5,
        10.5,
    ),
    "librispeech": Lengths(
        # 960.9 h in 281,241 training utterances: a mean of 12.3 s (Panayotov et al. 2015), cut off above some 16 s.
        "LibriSpeech: a mean of 12.3 s",
        lambda generator, count: generator.triangular(4.0, 15.7, 17.2, count),
        4.0,
        17.2,
    ),
    "wide": Lengths(
        # Spontaneous speech, as in field recordings: half of it below 3.5 s, one in fifty above 17 s. Of our choosing.
        "0.5 to 20 s, long-tailed",
        lambda generator, count: generator.lognormal(np.log(3.5), 0.77, count),
        0.5,
        20.0,
    ),
}


@dataclass(frozen=True)
class Clips:
    """A folder of train.parquet, validation.parquet and test.parquet; lengths: of the training clips, in seconds."""

    folder: Path
    lengths: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.lengths) / len(self.lengths)

    def batch_size(self, batch_seconds: float) -> int:
        """Clips of a step that is so many seconds on average."""
        return max(1, round(batch_seconds / self.mean))


@dataclass(frozen=True)
class Source:
    """A corpus as finetune reads it. spaced: whether a space stands between words."""

    splits: dict[str, list[dict[str, object]]]
    spaced: bool


def read_source(corpus: str, lang: str, units: str) -> Source:
    """The rows that ours can be trained on, in the order of their ids. Raises SettingsError and DataError."""
    from hf_speech_tl.languages import find_language
    from hf_speech_tl.models import read_config
    from hf_speech_tl.stages.reading import is_spaced, read_corpus

    language = find_language(lang)
    read = read_corpus(
        [corpus],
        language,
        read_config("starter"),
        units=units,
        simplify=False,
        max_seconds=20.0,
        text_column=None,
        tier=None,
        quiet=True,
    )
    splits = {name: sorted(getattr(read, name), key=lambda row: row["id"]) for name in ("train", "validation", "test")}
    return Source(splits, is_spaced(language, units))


def make_clips(source: Callable[[], Source], place: Path, wanted: dict[str, np.ndarray] | None) -> Clips:
    """Clips in `place`, which is left as it is if it is there.

    wanted: the lengths for each split; clips are joined from neighbours of the corpus, each used once. None takes the
    corpus as it is.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    import soundfile

    from hf_speech_tl.corpora import samples

    if not place.is_dir():
        beside = place.with_name(place.name + ".part")
        beside.mkdir(parents=True, exist_ok=True)
        for split, rows in source().splits.items():
            runs = [[at] for at in range(len(rows))]
            if wanted is not None:
                runs = join([float(row["seconds"]) for row in rows], wanted[split])
            columns: dict[str, list[object]] = {"id": [], "audio": [], "text": [], "seconds": []}
            for run in runs:
                joined = np.concatenate([samples(rows[at]["audio"]) for at in run])
                sink = io.BytesIO()
                soundfile.write(sink, joined, _RATE, format="FLAC")
                columns["id"].append(str(rows[run[0]]["id"]))
                columns["audio"].append({"bytes": sink.getvalue(), "path": None})
                columns["text"].append((" " if source().spaced else "").join(str(rows[at]["transcript"]) for at in run))
                columns["seconds"].append(len(joined) / _RATE)
            pq.write_table(pa.table(columns), beside / f"{split}.parquet", compression="none")  # as datasets does
        beside.rename(place)
    lengths = pq.read_table(place / "train.parquet", columns=["seconds"])["seconds"].to_pylist()
    return Clips(place, tuple(lengths))


def join(seconds: Sequence[float], wanted: np.ndarray) -> list[list[int]]:
    """Runs of neighbouring rows, which last `seconds` each, that come nearest to the wanted lengths; no row twice.

    In the order of `wanted`, and fewer where there are not enough rows.
    """
    generator = np.random.default_rng(0)
    free = np.ones(len(seconds), bool)
    found: dict[int, list[int]] = {}
    for number in np.argsort(-wanted).tolist():  # long ones while there still are neighbours
        starts = np.flatnonzero(free)
        if not len(starts):
            break
        best: tuple[float, list[int]] | None = None
        for start in generator.choice(starts, min(_STARTS, len(starts)), replace=False).tolist():
            total = 0.0
            for end in range(start, len(seconds)):
                total += seconds[end]
                if not free[end] or total > 1.1 * wanted[number] + 0.5:
                    break
                off = abs(total - wanted[number])
                if best is None or off < best[0]:
                    best = off, list(range(start, end + 1))
        if best is not None:
            found[number] = best[1]
            free[best[1]] = False
    return [found[number] for number in sorted(found)]


def save_base(place: Path) -> None:
    """wav2vec 2.0 base with layer norms (95 M parameters) and random weights, with its feature extractor."""
    from transformers import Wav2Vec2Config, Wav2Vec2Model, set_seed

    if not place.is_dir():
        set_seed(0)
        config = Wav2Vec2Config(feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True)
        _save(Wav2Vec2Model(config), place)


def save_starter(place: Path, seed: int) -> None:
    """The starter's shape with random weights, with its feature extractor."""
    from transformers import set_seed

    from hf_speech_tl.models import load_checkpoint, read_config

    if not place.is_dir():
        set_seed(seed)
        _save(load_checkpoint("starter", read_config("starter"), from_scratch=True).model, place)


def _save(model, place: Path) -> None:  # type: ignore[no-untyped-def]
    from hf_speech_tl.models.frames import plain_feature_extractor

    beside = place.with_name(place.name + ".part")
    model.save_pretrained(beside)
    plain_feature_extractor(model.config).save_pretrained(beside)
    beside.rename(place)
