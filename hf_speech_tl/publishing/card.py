"""The model card: what the model is, how well it does and how to load it, from results.json and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined

from hf_speech_tl.publishing.redaction import redact_results
from hf_speech_tl.settings import STARTER, STARTER_LICENCE

_UNITS = {"char": "characters", "romanized": "Latin letters (romanised)", "ipa": "symbols of the IPA"}
_METRICS = ("cer", "wer")
_NAMED = 6  # languages that a heading names
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
# Those of the Hub's licence names (huggingface.co/docs/hub/repositories-licenses) that corpora of speech carry.
_LICENCE = re.compile(r"apache-2\.0|mit|gpl-[23]\.0|cc0-1\.0|cc-by(-sa|-nc|-nc-sa|-nc-nd)?-[34]\.0|odbl")
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
    Paths of this machine are taken out. Without an id the examples load the model from the folder they lie in, and
    `name_model` puts the id in later. KeyError or jinja2.UndefinedError where results lack what a card must say.
    """
    base_model = _base_model(results)
    public: dict = redact_results(results, keep={known for known in (base_model, model_id) if known})
    public["model"]["base_model"] = base_model
    spoken = public["data"].get("languages", {})
    return (
        _templates()
        .get_template("card.md.j2")
        .render(
            metadata=_metadata(public, model_id),
            language=public["language"],
            names=_names(public),
            spoken=spoken if len(spoken) > 1 else {},
            by_language=list(_by_language(public)),
            units=_UNITS.get(public["language"]["units"], public["language"]["units"]),
            model=public["model"],
            linked=_linked(base_model),
            starter=_starter(public),
            parameters=_millions(public["model"]["parameters"]),
            before=public["before"],
            selftraining=public.get("selftraining"),
            after=public["after"],
            figures=list(_figures(public)),
            data={"licenses": [], "skipped": {}, "notes": [], "test_characters_never_trained": None, **public["data"]},
            model_line=_model_line(model_id),
            training=list(_training(public["training"])),
            curves=curves,
            command=_command(public["command"]),
            environment=[f"{name} {value}" for name, value in public["environment"].items() if isinstance(value, str)],
        )
    )


def write_card(directory: Path, results: dict, *, model_id: str | None = None) -> None:
    """Write the card of a model with these results to README.md in its directory, and show its training.svg there."""
    text = card(results, model_id=model_id, curves=(directory / "training.svg").is_file())
    (directory / "README.md").write_text(text, encoding="utf-8")


def write_encoder_card(directory: Path, results: dict) -> None:
    """Write the card of a pretrained encoder with these results to README.md in its directory."""
    base_model = _base_model(results)
    public: dict = redact_results(results, keep={base_model} if base_model else ())
    public["model"]["base_model"] = base_model
    data, training = public["data"], public["training"]
    metadata = ModelCardData(
        license=_licence(data["licenses"], _is_of_starter(public)),
        library_name="transformers",
        # Without a task of its own, the Hub would take it for a recogniser by its tags.
        pipeline_tag="feature-extraction",
        base_model=_linked(base_model),
        datasets=hub_datasets(data["sources"]) or None,
        tags=["hf_speech_tl", "speech", "pretraining"],
    )
    text = (
        _templates()
        .get_template("encoder_card.md.j2")
        .render(
            metadata=metadata.to_yaml(),
            name=public["model"]["name"],
            model=public["model"],
            linked=_linked(base_model),
            starter=_starter(public),
            parameters=_millions(public["model"]["parameters"]),
            data=data,
            what=_OBJECTIVES[training["objective"]],
            facts=training,
            training=list(_training(training)),
            curves=(directory / "training.svg").is_file(),
            model_line=_model_line(None),
            command=_command(public["command"]),
            environment=[f"{name} {value}" for name, value in public["environment"].items() if isinstance(value, str)],
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


def hub_datasets(sources: list[str]) -> list[str]:
    """The Hub ids among names of data: `fleurs`, and `hub:OWNER/NAME` with or without `:CONFIG`."""
    ids = [
        "google/fleurs" if source == "fleurs" else source.removeprefix("hub:").partition(":")[0]
        # The second and third of a name have a number: fleurs#2 is FLEURS in another language.
        for source in (source.partition("#")[0] for source in sources)
        if source == "fleurs" or source.startswith("hub:")
    ]
    return list(dict.fromkeys(ids))


def _model_line(model_id: str | None) -> str:
    return 'model = "."  # the folder of this card' if model_id is None else f"model = {json.dumps(model_id)}"


def _metadata(results: dict, model_id: str | None) -> str:
    language, data = results["language"], results["data"]
    datasets = hub_datasets(data["sources"])
    tags = list(data.get("languages", {})) or [language["tag"]]
    main_tags = list(dict.fromkeys(tag.partition("-")[0] for tag in tags))
    scored = [metric for metric in _ordered(results) if (results["after"] or {}).get(metric)]
    evaluations = [
        EvalResult(
            task_type="automatic-speech-recognition",
            task_name="Automatic Speech Recognition",
            # The Hub wants an id here; recordings that are not on it have none.
            dataset_type=datasets[0] if len(datasets) == len(data["sources"]) == 1 else "local",
            dataset_name=", ".join(data["sources"]),
            dataset_split=results["after"]["split"],
            metric_type=metric,
            metric_name=metric.upper(),
            metric_value=round(results["after"][metric]["value"], 4),
        )
        for metric in scored
    ]
    metadata = ModelCardData(
        language=main_tags if len(main_tags) > 1 else main_tags[0],
        license=_licence(data.get("licenses", []), _is_of_starter(results)),
        library_name="transformers",
        pipeline_tag="automatic-speech-recognition",
        base_model=_linked(results["model"]["base_model"]),
        datasets=datasets or None,
        metrics=scored or None,
        tags=["hf_speech_tl", "ctc"],
        model_name=_name(results, model_id),
        eval_results=evaluations or None,
    )
    if finer := [tag for tag in tags if tag not in main_tags]:
        metadata["language_bcp47"] = finer
    return metadata.to_yaml()


def _name(results: dict, model_id: str | None) -> str:
    if model_id:
        return model_id.rpartition("/")[2]
    began_as = results["model"].get("name") or results["model"]["id"]
    return f"{began_as.rpartition('/')[2]}-{results['language']['tag']}"


def _base_model(results: dict) -> str | None:
    """The starter, or a Hub id, that the model began as; None for anything else."""
    name = results["model"].get("base_model")
    return name if name is not None and (name == STARTER or _HUB_ID.fullmatch(name)) else None


def _linked(base_model: str | None) -> str | None:
    """As the Hub's metadata have it, which knows its own models alone."""
    return None if base_model == STARTER else base_model


def _is_of_starter(results: dict) -> bool:
    return results["model"].get("starter", False)


def _starter(results: dict) -> str | None:
    """What a card says of the starter, where a model was made of it, at once or over others."""
    made = _templates().get_template("starter.md.j2")
    return made.render(licence=STARTER_LICENCE) if _is_of_starter(results) else None


def _licence(licences: list[str], of_starter: bool) -> str:
    """The Hub's name of the one licence of all recordings, those of the starter too; "other" for several, unknown or
    none."""
    if licences and of_starter:
        licences = [*licences, STARTER_LICENCE]
    names = {re.sub(r"-(only|or-later)$", "", licence.strip().lower()) for licence in licences}
    only = names.pop() if len(names) == 1 else ""
    return only if _LICENCE.fullmatch(only) else "other"


def _ordered(results: dict) -> list[str]:
    main = results["language"]["metric"]
    return [main, *(metric for metric in _METRICS if metric != main)]


def _figures(results: dict) -> Iterator[dict[str, str]]:
    for metric in _ordered(results):
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
