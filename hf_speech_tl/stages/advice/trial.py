"""What a model knows of a target language that it has not learnt: by a probe, and by what it writes; and the short
training that makes such a model of recordings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np
import torch

from hf_speech_tl.decoding import recognise
from hf_speech_tl.errors import DiskError, SettingsError, named_by
from hf_speech_tl.languages import MANY, UNCODED, Language, Unspeakable, find_model_language, transcript
from hf_speech_tl.models import Checkpoint, encoder_of, load_checkpoint, read_config, read_writing
from hf_speech_tl.scoring import character_edits
from hf_speech_tl.settings import FinetuneSettings, read_yaml
from hf_speech_tl.settings.run import as_file_name
from hf_speech_tl.stages import finetune
from hf_speech_tl.stages.advice.candidate import Candidate
from hf_speech_tl.stages.probing import make_probe
from hf_speech_tl.stages.runs.output import is_run
from hf_speech_tl.training import Clips


@dataclass(frozen=True)
class Trial:
    """Edits and length of each utterance, (utterances, 2) as character_edits has them: of the probe on validation
    clips, and of what the model writes of the probe's training clips; None for what could not be measured, of which
    `notes` say why."""

    probe: np.ndarray | None
    zero_shot: np.ndarray | None
    notes: tuple[str, ...] = ()


def try_checkpoint(name: str, writes: Language | None, learnt: datasets.Dataset, judged: datasets.Dataset) -> Trial:
    """Measure a model in float32 on rows of the target with romanised transcripts; nothing of it is trained or written.

    What is quick is found out by a clock, which on a busy machine says one thing of one candidate and another of the
    next: their figures would not compare, nor be the same again.

    writes: the language of its head, None where its own files say so, or nobody does. Raises SettingsError for a model
    that cannot be loaded.
    """
    with named_by("candidate"):
        checkpoint = load_checkpoint(name, read_config(name))
    if torch.cuda.is_available():
        checkpoint.model.to(torch.device("cuda"))  # type: ignore[arg-type]
    notes = []
    probe = make_probe(learnt, judged, checkpoint.feature_extractor)
    if probe is None:
        notes.append("not probed: too few clips with transcripts in the target's training or validation split")
    edits = probe.edits(encoder_of(checkpoint.model), torch.float32) if probe else None
    heard = None
    if checkpoint.fresh:
        notes.append("its weights are random: what a probe tells of them is what the probe learns by itself")
    elif checkpoint.vocabulary is None:
        notes.append("it writes nothing: no head with symbols")
    else:
        heard = _heard(checkpoint, writes, learnt)
    return Trial(edits, heard, tuple(notes))


def train_briefly(candidate: Candidate, model: str, steps: int, output: Path, seed: int) -> Path:
    """A directory under `output` with `model` fine-tuned for `steps` on the candidate's recordings, romanised.

    One that is there already is taken as it is, one that was stopped is begun anew. Raises what finetune raises.
    """
    assert candidate.language is not None, "recordings have one"
    tag, place = candidate.language.tag, candidate.place
    # Corpora are often told apart by their whole path alone: a/train, b/train.
    whole = hashlib.blake2b(place.source.encode(), digest_size=4).hexdigest()
    name = f"{tag}-{Path(place.source).name}-{whole}-{Path(model).name}-{steps}-seed{seed}"
    directory = output / as_file_name(name)
    settings = FinetuneSettings(
        lang=tag,
        data=(place.source if place.words else place,),
        model=model,
        units="romanized",
        max_steps=steps,
        patience=None,
        seed=seed,
        output=directory,
        overwrite=is_run(directory) and not (directory / "results.json").is_file(),
        quiet=True,
    )
    if (directory / "results.json").is_file() and is_run(directory):
        there = read_yaml(FinetuneSettings, directory / "run.yaml")
        if (there.data, there.model) == (settings.data, settings.model):
            return directory
        raise SettingsError(
            f"--output {output}: {directory.name} in it was trained on {there.data[0]} from {there.model}; name "
            "another directory"
        )
    try:
        finetune.run(settings)
    except KeyboardInterrupt:  # what the trial saved is not gone on with
        raise KeyboardInterrupt from None
    except DiskError as error:
        error.directory = ""
        raise
    return directory


def _heard(checkpoint: Checkpoint, writes: Language | None, rows: datasets.Dataset) -> np.ndarray:
    """Edits of what the model writes, letters alone: where a word ends and which tone it has is another language's
    business."""
    assert checkpoint.vocabulary is not None
    clips = Clips(rows)
    found = recognise(
        checkpoint.model,
        checkpoint.feature_extractor,
        checkpoint.vocabulary,
        clips.load,
        clips.seconds.tolist(),
    )
    said = [_letters(text) for text in rows["transcript"][:]]
    return character_edits(said, _latin([one.text for one in found], checkpoint.name, writes), spaced=False)


def _latin(texts: Sequence[str], name: str, writes: Language | None) -> list[str]:
    """Lower-case Latin letters of what a model wrote; nothing of a text that has none, such as one of ideographs in a
    language that nobody named."""
    writing = read_writing(name)
    if writing and writing.units == "romanized":
        return [_letters(text) for text in texts]
    tag = writes.tag if writes else writing.lang if writing and writing.units == "char" else UNCODED
    language = find_model_language(tag)
    if language.tag == MANY:
        language = find_model_language(UNCODED)
    latin = []
    for text in texts:
        try:
            latin.append(_letters(transcript(text, language, "romanized")))
        except Unspeakable:
            latin.append("")
    return latin


def _letters(romanised: str) -> str:
    return re.sub("[^a-z]", "", romanised.lower())
