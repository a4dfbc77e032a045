"""What the Hub reads of a card, its front matter: languages, licence, base model, data and figures."""

from __future__ import annotations

import re
from collections.abc import Sequence

from huggingface_hub import EvalResult, ModelCardData

from hf_speech_tl.settings import STARTER, STARTER_LICENCE

_METRICS = ("cer", "wer")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
# Those of the Hub's licence names (huggingface.co/docs/hub/repositories-licenses) that corpora of speech carry.
_LICENCE = re.compile(r"apache-2\.0|mit|gpl-[23]\.0|cc0-1\.0|cc-by(-sa|-nc|-nc-sa|-nc-nd)?-[34]\.0|odbl")


def recogniser_metadata(results: dict, model_id: str | None) -> str:
    """Of a recogniser with these results, as YAML; `model_id` is its id on the Hub, if it has one.

    results: without paths of this machine, and with the base model that base_model_of says.
    """
    language, data = results["language"], results["data"]
    datasets = _hub_datasets(data["sources"])
    tags = list(data.get("languages", {})) or [language["tag"]]
    main_tags = list(dict.fromkeys(tag.partition("-")[0] for tag in tags))
    scored = [metric for metric in ordered_metrics(results) if (results["after"] or {}).get(metric)]
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
        license=_licence(results),
        library_name="transformers",
        pipeline_tag="automatic-speech-recognition",
        base_model=linked(results["model"]["base_model"]),
        datasets=datasets or None,
        metrics=scored or None,
        tags=["hf_speech_tl", "ctc"],
        model_name=_name(results, model_id),
        eval_results=evaluations or None,
    )
    if finer := [tag for tag in tags if tag not in main_tags]:
        metadata["language_bcp47"] = finer
    return metadata.to_yaml()


def encoder_metadata(results: dict) -> str:
    """Of a pretrained encoder with these results, as YAML; results: as for recogniser_metadata."""
    data = results["data"]
    metadata = ModelCardData(
        license=_licence(results),
        library_name="transformers",
        # Without a task of its own, the Hub would take it for a recogniser by its tags.
        pipeline_tag="feature-extraction",
        base_model=linked(results["model"]["base_model"]),
        datasets=_hub_datasets(data["sources"]) or None,
        tags=["hf_speech_tl", "speech", "pretraining"],
    )
    return metadata.to_yaml()


def base_model_of(results: dict) -> str | None:
    """The starter, or a Hub id, that the model began as; None for anything else."""
    name = results["model"].get("base_model")
    return name if name is not None and (name == STARTER or _HUB_ID.fullmatch(name)) else None


def linked(base_model: str | None) -> str | None:
    """As the Hub's metadata have it, which knows its own models alone."""
    return None if base_model == STARTER else base_model


def is_of_starter(results: dict) -> bool:
    """Whether the model was made of the starter, at once or over others."""
    return results["model"].get("starter", False)


def ordered_metrics(results: dict) -> list[str]:
    """The error rates, that which counts in the language first."""
    main = results["language"]["metric"]
    return [main, *(metric for metric in _METRICS if metric != main)]


def _hub_datasets(sources: list[str]) -> list[str]:
    """The Hub ids among names of data: `fleurs`, and `hub:OWNER/NAME` with or without `:CONFIG`."""
    ids = [
        "google/fleurs" if source == "fleurs" else source.removeprefix("hub:").partition(":")[0]
        # The second and third of a name have a number: fleurs#2 is FLEURS in another language.
        for source in (source.partition("#")[0] for source in sources)
        if source == "fleurs" or source.startswith("hub:")
    ]
    return list(dict.fromkeys(ids))


def _name(results: dict, model_id: str | None) -> str:
    if model_id:
        return model_id.rpartition("/")[2]
    began_as = results["model"].get("name") or results["model"]["id"]
    return f"{began_as.rpartition('/')[2]}-{results['language']['tag']}"


def _licence(results: dict) -> str:
    """That of the recordings, and of the starter where a model began as it; "other" where it learnt from weights whose
    licence, or that of what these learnt from, is not known here."""
    licences, model = results["data"].get("licenses", []), results["model"]
    if not licences or results.get("training", {}).get("teacher"):
        return "other"
    if model.get("base_model") == STARTER:
        return hub_licence([*licences, STARTER_LICENCE])
    return hub_licence(licences) if model.get("fresh") else "other"


def hub_licence(licences: Sequence[str]) -> str:
    """The Hub's name of the one licence of all; "other" for several, unknown or none."""
    names = {re.sub(r"-(only|or-later)$", "", licence.strip().lower()) for licence in licences}
    only = names.pop() if len(names) == 1 else ""
    return only if _LICENCE.fullmatch(only) else "other"
