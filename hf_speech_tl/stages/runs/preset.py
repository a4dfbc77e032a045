"""The model and the data of a run that were left open: by what the machine, the network and the language offer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from huggingface_hub import HfApi, constants
from huggingface_hub.file_download import repo_folder_name

from hf_speech_tl.corpora import find_source, has_starter_speech
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import find_model_language
from hf_speech_tl.settings import AUTO, PRESETS, STARTER, FinetuneSettings

_PATIENCE = 5.0  # seconds for the Hub to answer


def choose_preset(settings: FinetuneSettings, *, gpu: bool) -> tuple[FinetuneSettings, list[tuple[str, str]]]:
    """The settings with a model and data, and lines for the plan: what was chosen, why, and the option for the others.

    gpu: whether torch sees one. Where nothing was left open the settings stay as they are, without a line. Raises
    SettingsError where nothing that is at hand will do.
    """
    model, data, told = settings.model, settings.data, []
    if model == AUTO:
        name, why = _by_machine(settings, gpu)
        model = PRESETS[name].model
        others = ", ".join(f"--preset {other} {preset.model}" for other, preset in PRESETS.items() if other != name)
        told.append(f"{name}: {model} ({why}); others: {others}, or any --model")
    if data == (AUTO,):
        chosen, why = _data(settings, model)
        data = (chosen,)
        told.append(f"--data {chosen} ({why}); --data PATH for recordings of your own")
    if not told:
        return settings, []
    return replace(settings, model=model, data=data), [("preset", told[0]), *(("", line) for line in told[1:])]


def _by_machine(settings: FinetuneSettings, gpu: bool) -> tuple[str, str]:
    """The name of a preset for a model, and why."""
    base = PRESETS["base"].model
    if settings.from_scratch:
        return STARTER, "--from-scratch wants no pretrained weights, but a shape"
    if not gpu:
        return STARTER, "no GPU here"
    absent = _absent(base, "model", "model.safetensors", "pytorch_model.bin")
    return ("base", "a GPU") if absent is None else (STARTER, f"a GPU, but {absent}")


def _data(settings: FinetuneSettings, model: str) -> tuple[str, str]:
    """A --data, and why."""
    language = find_model_language(settings.lang)
    spoken = has_starter_speech(language)
    if spoken and model == STARTER:
        return STARTER, "made speech in the package, for trying everything out"
    try:
        config = find_source("fleurs", language).config
        absent = _absent("google/fleurs", "dataset", f"**/{config}/**/*.parquet")
    except SettingsError:
        absent = f"FLEURS, which would be taken, has no {language.name}"
    if absent is None:
        return "fleurs", f"read speech in {language.name} from the Hub"
    if spoken:
        return STARTER, f"{absent}, so no FLEURS"
    raise SettingsError(
        f"--data: no recordings are named, and {absent}. Name your own with --data; what works offline without any is "
        "--lang zh, on the starter speech."
    )


def _absent(repo: str, kind: str, *files: str) -> str | None:
    """Why a repository of the Hub cannot be had; None where a file of these patterns is in the cache, or the Hub
    answers."""
    cached = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type=kind) / "snapshots"
    if any(True for file in files for _ in cached.glob(f"*/{file}")):
        return None
    if constants.is_offline_mode():
        return f"HF_HUB_OFFLINE is set and {repo} is not in the cache"
    try:
        HfApi().repo_info(repo, repo_type=kind, timeout=_PATIENCE)
    except Exception as error:  # the HTTP library under huggingface_hub, and so its errors, change with its version
        return f"the Hub does not give {repo} ({type(error).__name__})"
    return None
