"""The model card: what the model is, how well it does and how to load it, from results.json and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from hf_speech_tl.publishing.markdown import fence, plain
from hf_speech_tl.publishing.metadata import (
    base_model_of,
    encoder_metadata,
    is_of_starter,
    linked,
    ordered_metrics,
    recogniser_metadata,
)
from hf_speech_tl.publishing.redaction import redact_results, walk
from hf_speech_tl.settings import STARTER_LICENCE

_UNITS = {"char": "characters", "romanized": "Latin letters (romanised)", "ipa": "symbols of the IPA"}
_NAMED = 6  # languages that a heading names
_OBJECTIVES = {
    "masked": "to tell of masked frames in which cluster of sounds they are (HuBERT, Hsu et al. 2021)",
    "contrastive": "to tell a masked frame from others of its recording (wav2vec 2.0, Baevski et al. 2020)",
    "distil": "to predict what layers of a larger encoder make of the same audio (DistilHuBERT, Chang et al. 2022)",
}
_SETTINGS = {
    "tuning": "tuning",
    "steps": "steps",
    "seconds": "time",
    "learning_rate": "learning rate",
    "head_learning_rate": "learning rate of the output layer",
    "batch_seconds": "audio a step",
    "precision": "precision",
    "seed": "seed",
    "stopped_by": "ended by",
}


def card(results: dict, *, model_id: str | None = None, curves: bool = False) -> str:
    """README.md for a model with these results (results.json); `model_id` is its id on the Hub, if it has one.

    curves: whether the picture of its training, training.svg, lies beside it.
    Paths of this machine are taken out, and names that others gave are escaped. Without an id the examples load the
    model from the folder they lie in, and `name_model` puts the id in later. KeyError or jinja2.UndefinedError where
    results lack what a card must say.
    """
    base_model = base_model_of(results)
    public: dict = redact_results(results, keep={known for known in (base_model, model_id) if known})
    public["model"]["base_model"] = base_model
    shown: dict = walk(public, plain)  # type: ignore[assignment]
    command = _command(public["command"])
    spoken = shown["data"].get("languages", {})
    return (
        _templates()
        .get_template("card.md.j2")
        .render(
            metadata=recogniser_metadata(public, model_id),
            language=shown["language"],
            names=_names(shown),
            spoken=spoken if len(spoken) > 1 else {},
            by_language=list(_by_language(shown)),
            units=_UNITS.get(shown["language"]["units"], shown["language"]["units"]),
            model=shown["model"],
            linked=linked(base_model),
            starter=_starter(shown),
            parameters=_millions(shown["model"]["parameters"]),
            before=shown["before"],
            selftraining=shown.get("selftraining"),
            after=shown["after"],
            figures=list(_figures(shown)),
            data={"licenses": [], "skipped": {}, "notes": [], "test_characters_never_trained": None, **shown["data"]},
            model_line=_model_line(model_id),
            training=list(_training(shown["training"])),
            curves=curves,
            command=command,
            fence=fence(command),
            environment=[f"{name} {value}" for name, value in shown["environment"].items() if isinstance(value, str)],
        )
    )


def write_card(directory: Path, results: dict, *, model_id: str | None = None) -> None:
    """Write the card of a model with these results to README.md in its directory, and show its training.svg there."""
    text = card(results, model_id=model_id, curves=(directory / "training.svg").is_file())
    (directory / "README.md").write_text(text, encoding="utf-8")


def write_encoder_card(directory: Path, results: dict) -> None:
    """Write the card of a pretrained encoder with these results to README.md in its directory."""
    base_model = base_model_of(results)
    public: dict = redact_results(results, keep={base_model} if base_model else ())
    public["model"]["base_model"] = base_model
    shown: dict = walk(public, plain)  # type: ignore[assignment]
    command = _command(public["command"])
    training = shown["training"]
    text = (
        _templates()
        .get_template("encoder_card.md.j2")
        .render(
            metadata=encoder_metadata(public),
            name=shown["model"]["name"],
            model=shown["model"],
            linked=linked(base_model),
            starter=_starter(shown),
            parameters=_millions(shown["model"]["parameters"]),
            data=shown["data"],
            what=_OBJECTIVES[public["training"]["objective"]],
            facts=training,
            training=list(_training(training)),
            curves=(directory / "training.svg").is_file(),
            model_line=_model_line(None),
            command=command,
            fence=fence(command),
            environment=[f"{name} {value}" for name, value in shown["environment"].items() if isinstance(value, str)],
        )
    )
    (directory / "README.md").write_text(text, encoding="utf-8")


def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("hf_speech_tl", "assets"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    templates.filters["duration"] = lambda hours: _duration(3600 * hours)
    return templates


def name_model(text: str, model_id: str) -> str:
    """The card `text` with `model_id` in its examples, where they still load from the folder that the card is in."""
    return text.replace(_model_line(None), _model_line(model_id))


def _model_line(model_id: str | None) -> str:
    return 'model = "."  # the folder of this card' if model_id is None else f"model = {json.dumps(model_id)}"


def _starter(results: dict) -> str | None:
    """What a card says of the starter, where a model was made of it."""
    made = _templates().get_template("starter.md.j2")
    return made.render(licence=STARTER_LICENCE) if is_of_starter(results) else None


def _figures(results: dict) -> Iterator[dict[str, str]]:
    for metric in ordered_metrics(results):
        after = (results["after"] or {}).get(metric)
        if after:
            before = (results["before"] or {}).get(metric)
            yield {"name": metric.upper(), "after": _rate(after), "before": _rate(before) if before else "none"}


def _names(results: dict) -> str:
    """What is spoken, in words; of very many languages their number."""
    names = [one["name"] for one in results["data"].get("languages", {}).values()]
    if len(names) < 2:
        return results["language"]["name"]
    if len(names) > _NAMED:
        return f"{len(names)} languages"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _by_language(results: dict) -> Iterator[dict[str, object]]:
    """A row of the card's table for each language with scores, and one for their mean."""
    after = results["after"] or {}
    spoken = results["data"].get("languages", {})
    for tag, own in after.get("languages", {}).items():
        name = f"{spoken[tag]['name']} (`{tag}`)"
        wer = _rate(own["wer"]) if own["wer"] else ""
        yield {"name": name, "cer": _rate(own["cer"]), "wer": wer, "utterances": own["utterances"]}
    if "mean_cer" in after:
        yield {"name": "mean of the languages", "cer": _rate(after["mean_cer"]), "wer": "", "utterances": ""}


def _rate(rate: dict) -> str:
    return f"{rate['value']:.3f} ({rate['low']:.3f} to {rate['high']:.3f})"


def _training(training: dict) -> Iterator[tuple[str, str]]:
    for key, label in _SETTINGS.items():
        value = training.get(key)
        if value is None:
            continue
        if key == "seconds":
            value = _duration(value)
        elif key == "batch_seconds":
            value = f"{value:g} s"
        elif isinstance(value, float):
            value = f"{value:g}"
        yield label, str(value)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} million" if parameters < 1e8 else f"{parameters / 1e6:.0f} million"


def _command(command: str) -> str:
    """The whole command line where it was noted; else the one that repeats a run from its settings."""
    return command if " " in command else f"python -m hf_speech_tl.{command} run.yaml"
