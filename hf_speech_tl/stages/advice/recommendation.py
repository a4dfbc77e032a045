"""What a target language should learn from first: everything that can be known and measured of the candidates."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import datasets
import numpy as np

from hf_speech_tl.audio import RATE
from hf_speech_tl.corpora import Corpus, load_corpus
from hf_speech_tl.errors import DataError, SettingsError, named_by
from hf_speech_tl.languages import Language
from hf_speech_tl.models import frame_count, read_config
from hf_speech_tl.scoring import choose_units, interval
from hf_speech_tl.settings import STARTER, Source
from hf_speech_tl.stages.advice.candidate import Candidate, read_candidate, read_candidates
from hf_speech_tl.stages.advice.kinship import Texts, compare_languages
from hf_speech_tl.stages.advice.ranking import Evidence, Figure, Recommendation
from hf_speech_tl.stages.advice.trial import Trial, train_briefly, try_checkpoint
from hf_speech_tl.stages.probing import PROBED_SECONDS, draw_labelled
from hf_speech_tl.stages.reading import read_corpus

_MAX_SECONDS = 20.0  # of a clip, as in finetune


def recommend(
    target: str | Source,
    candidates: Sequence[str | Source],
    *,
    model: str = STARTER,
    train_steps: int | None = None,
    output: Path | None = None,
    seconds: float = PROBED_SECONDS,
    seed: int = 0,
    quiet: bool = False,
) -> Recommendation:
    """Rank corpora (LANG=SOURCE) and models (a directory or Hub id) by what they promise for `target` (LANG=SOURCE).

    Models are probed on `seconds` of the target's training split and judged by its validation split; its test split is
    not heard. With `train_steps` each corpus first teaches `model` for so many steps, in a directory under `output`,
    and that is measured; else only what transcripts tell of a corpus. Raises SettingsError and DataError, before
    anything is trained, for a candidate that cannot be.
    """
    wanted = read_candidate(target, "target")
    if wanted.kind == "checkpoint" or wanted.language is None:
        raise SettingsError(f"target: {wanted.name} is a model; allowed: recordings; write LANG=SOURCE")
    chosen = read_candidates(candidates)
    if (train_steps is None) != (output is None):
        raise SettingsError("train_steps: comes with a directory to train in; give both, or neither")
    trained = train_steps is not None and any(one.kind == "corpus" for one in chosen)
    models = [one.place.source for one in chosen if one.kind == "checkpoint"]
    configs = [read_config(model)] if trained else []
    with named_by("candidate"):
        configs += [read_config(name) for name in models]
    corpus = read_corpus(
        [wanted.place],
        wanted.language,
        # The one with the fewest frames: all are judged by the same clips.
        min(configs or [read_config(STARTER)], key=lambda config: frame_count(config, 10 * RATE)),
        units="romanized",
        simplify=False,
        max_seconds=_MAX_SECONDS,
        text_column=None,
        tier=None,
        quiet=quiet,
    )
    known, reason = _known(wanted.language, corpus, chosen, seed)
    learnt, judged = _heard(corpus, seconds, seed) if configs else (corpus.train.select([]), corpus.validation)
    evidence = []
    for one in chosen:
        name = one.place.source if one.kind == "checkpoint" else None
        if name is None and train_steps is not None and output is not None:
            _tell(f"{one.name}: {train_steps} steps of training", quiet)
            name = str(train_briefly(one, model, train_steps, output, seed))
        found = known.get(one.name, Evidence(one.name, {}))
        if name is not None:
            _tell(f"{one.name}: measuring", quiet)
            trial = try_checkpoint(name, one.language if one.kind == "checkpoint" else None, learnt, judged)
            figures = {**found.figures, **_figures(trial, learnt, judged)}
            found = Evidence(one.name, figures, (*found.notes, *trial.notes))
        evidence.append(found)
    return Recommendation(wanted.name, tuple(evidence), ((reason,) if reason else ()))


def _known(
    language: Language, corpus: Corpus, candidates: Sequence[Candidate], seed: int
) -> tuple[dict[str, Evidence], str]:
    """What transcripts and headers tell of the corpora among the candidates, by name; and why letters had to stand for
    sounds."""
    spoken = [(one.name, one.language, one) for one in candidates if one.kind == "corpus" and one.language]
    if not spoken:
        return {}, ""
    texts, hours = [], []
    for _, of, one in spoken:
        rows = load_corpus([one.place], of.tag).train
        texts.append(Texts.drawn(of, rows["text"][:], seed))
        hours.append(sum(rows["seconds"][:]) / 3600)
    kinship = compare_languages(Texts.drawn(language, corpus.train["text"][:], seed), texts)
    known = {}
    for (name, *_), much, distance, lacking in zip(spoken, hours, kinship.distances, kinship.lacking, strict=True):
        figures = {"hours": Figure(much)}
        if distance is not None:
            figures[kinship.by] = Figure(distance)
        known[name] = Evidence(name, figures, (f"lacks {' '.join(lacking[:8])}",) if lacking else ())
    return known, f"letters instead of sounds: {kinship.reason}" if kinship.reason else ""


def _heard(corpus: Corpus, seconds: float, seed: int) -> tuple[datasets.Dataset, datasets.Dataset]:
    """What a probe learns from, and what it is judged by: as much of it at most."""
    learnt = draw_labelled(corpus.train, seconds, seed)
    if not len(learnt):
        raise DataError(f"target: {corpus.names[0]} has no training clip with a transcript; add some")
    return learnt, draw_labelled(corpus.validation, seconds, seed)


def _figures(trial: Trial, learnt: datasets.Dataset, judged: datasets.Dataset) -> dict[str, Figure]:
    return {
        key: _figure(edits, rows["speaker"][:])
        for key, edits, rows in (("probe", trial.probe, judged), ("zero_shot", trial.zero_shot, learnt))
        if edits is not None
    }


def _figure(edits: np.ndarray, speakers: Sequence[str | None]) -> Figure:
    found = interval(edits, choose_units(speakers))
    return Figure(found.value, found.low, found.high)


def _tell(what: str, quiet: bool) -> None:
    if not quiet:
        print(what, file=sys.stderr, flush=True)
