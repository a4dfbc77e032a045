"""What a command was asked to do: one flat frozen dataclass each, checked before anything else."""

from hf_speech_tl.settings.augmentation import Augmentation, audio_files, plain_augmentation
from hf_speech_tl.settings.command_line import parse
from hf_speech_tl.settings.evaluate import EvaluateSettings
from hf_speech_tl.settings.finetune import FinetuneSettings
from hf_speech_tl.settings.option import Settings
from hf_speech_tl.settings.prepare import PrepareSettings
from hf_speech_tl.settings.preset import AUTO, PRESETS, STARTER, STARTER_LICENCE
from hf_speech_tl.settings.pretrain import PretrainSettings
from hf_speech_tl.settings.push import PushSettings
from hf_speech_tl.settings.route import Leg, lay_route, model_within
from hf_speech_tl.settings.run import check_reporters
from hf_speech_tl.settings.selftrain import EMA, TEACHER, SelftrainSettings
from hf_speech_tl.settings.source import Source
from hf_speech_tl.settings.stage import Stage
from hf_speech_tl.settings.transcribe import TranscribeSettings
from hf_speech_tl.settings.transfer import TransferSettings
from hf_speech_tl.settings.yaml_file import plain_values, read_yaml, write_yaml

# Of all commands, in the order in which they are told of.
COMMANDS: tuple[type[Settings], ...] = (
    FinetuneSettings,
    PretrainSettings,
    SelftrainSettings,
    TransferSettings,
    EvaluateSettings,
    TranscribeSettings,
    PrepareSettings,
    PushSettings,
)
RunSettings = FinetuneSettings | PretrainSettings | SelftrainSettings

__all__ = [
    "AUTO",
    "COMMANDS",
    "EMA",
    "PRESETS",
    "STARTER",
    "STARTER_LICENCE",
    "TEACHER",
    "Augmentation",
    "EvaluateSettings",
    "FinetuneSettings",
    "Leg",
    "PrepareSettings",
    "PretrainSettings",
    "PushSettings",
    "RunSettings",
    "SelftrainSettings",
    "Settings",
    "Source",
    "Stage",
    "TranscribeSettings",
    "TransferSettings",
    "audio_files",
    "check_reporters",
    "lay_route",
    "model_within",
    "parse",
    "plain_augmentation",
    "plain_values",
    "read_yaml",
    "write_yaml",
]
