"""The model and the data of a run that were left open: by what the machine, the network and the language offer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from huggingface_hub import HfApi, try_to_load_from_cache
from huggingface_hub.constants import is_offline_mode

from hf_speech_tl.corpora import find_source
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import find_language
from hf_speech_tl.models import STARTER
from hf_speech_tl.settings import AUTO, FinetuneSettings

_PATIENCE = 5.0  # seconds for the Hub to answer
_SPEECH_OF = "zh"  # the language of the starter speech


@dataclass(frozen=True)
class _Preset:
    model: str
    data: str


# base: 300 M parameters pretrained on 436,000 h in 128 languages (Babu et al. 2021, arXiv:2111.09296); large: 600 M on
# 4.5 million hours in more than 143 (Seamless Communication 2023, arXiv:2312.05187).
_PRESETS = {
    "starter": _Preset(STARTER, "starter"),
    "base": _Preset("facebook/wav2vec2-xls-r-300m", "fleurs"),
    "large": _Preset("facebook/w2v-bert-2.0", "fleurs"),
}


def apply_preset(settings: FinetuneSettings, *, gpu: bool) -> tuple[FinetuneSettings, list[tuple[str, str]]]:
    """The settings with a model and data, and lines for the plan: what was chosen, why, and the option for the others.

    gpu: whether torch sees one. Where nothing was left open the settings stay as they are, without a line. Raises
    SettingsError where nothing that is at hand will do.
    """
    told = []
    model, data = settings.model, settings.data
    if model == AUTO:
        name, why = (settings.preset, "as asked") if settings.preset != AUTO else _by_machine(settings, gpu)
        model = _PRESETS[name].model
        others = ", ".join(f"--preset {other} {preset.model}" for other, preset in _PRESETS.items() if other != name)
        told.append(("preset", f"{name}: {model} ({why}); others: {others}, or any --model"))
    if data == (AUTO,):
        chosen, why = _data(settings, model)
        data = (chosen,)
        told.append(("", f"--data {chosen} ({why}); --data PATH for recordings of your own"))
    if not told:
        return settings, []
    return replace(settings, preset=AUTO, model=model, data=data), told


def _by_machine(settings: FinetuneSettings, gpu: bool) -> tuple[str, str]:
    """The name of a preset for a model, and why."""
    base = _PRESETS["base"].model
    wanted = "a GPU" if gpu else f"--tuning {settings.tuning} needs pretrained weights"
    if not gpu and settings.tuning == "full":
        return "starter", "no GPU here"
    absent = _absent(base, "model", ("model.safetensors", "pytorch_model.bin"))
    if absent is None:
        return "base", wanted
    if settings.tuning != "full":
        raise SettingsError(
            f"--tuning {settings.tuning}: needs pretrained weights, and {base} is not to be had: {absent}; name the "
            "directory of a model with --model, or drop --tuning"
        )
    return "starter", f"{wanted}, but {absent}"


def _data(settings: FinetuneSettings, model: str) -> tuple[str, str]:
    language = find_language(settings.lang)
    spoken = language.tag.split("-")[0] == _SPEECH_OF
    if settings.preset != AUTO:
        return _PRESETS[settings.preset].data, f"--preset {settings.preset}"
    if spoken and model == STARTER:
        return "starter", "made speech in the package, for trying everything out"
    try:
        find_source("fleurs", language)
        absent = _absent("google/fleurs", "dataset", ("README.md",))
    except SettingsError:
        absent = f"FLEURS, which would be taken, has no {language.name}"
    if absent is None:
        return "fleurs", f"read speech in {language.name} from the Hub"
    if spoken:
        return "starter", f"{absent}, so no FLEURS"
    raise SettingsError(
        f"--data: no recordings are named, and {absent}. Name your own with --data; what works offline without any is "
        "--lang zh, on the starter speech."
    )


def _absent(repo: str, kind: str, files: tuple[str, ...]) -> str | None:
    """Why a repository of the Hub cannot be had; None where one of the `files` is in the cache or the Hub answers."""
    if any(isinstance(try_to_load_from_cache(repo, file, repo_type=kind), str) for file in files):
        return None
    if is_offline_mode():
        return f"HF_HUB_OFFLINE is set and {repo} is not in the cache"
    try:
        HfApi().repo_info(repo, repo_type=kind, timeout=_PATIENCE)
    except Exception as error:  # the HTTP library under huggingface_hub, and so its errors, change with its version
        return f"the Hub cannot be reached for {repo} ({type(error).__name__})"
    return None
