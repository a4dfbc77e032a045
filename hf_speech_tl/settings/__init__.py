"""What a command was asked to do: one flat frozen dataclass each, checked before anything else."""

from hf_speech_tl.settings.augmentation import Augmentation, audio_files, plain_augmentation
from hf_speech_tl.settings.command_line import parse
from hf_speech_tl.settings.evaluate import EvaluateSettings
from hf_speech_tl.settings.finetune import FinetuneSettings
from hf_speech_tl.settings.option import Settings
from hf_speech_tl.settings.preset import AUTO, PRESETS, STARTER
from hf_speech_tl.settings.pretrain import PretrainSettings
from hf_speech_tl.settings.push import PushSettings
from hf_speech_tl.settings.run import check_reporters
from hf_speech_tl.settings.selftrain import TEACHER, SelftrainSettings
from hf_speech_tl.settings.source import Source
from hf_speech_tl.settings.transcribe import TranscribeSettings
from hf_speech_tl.settings.yaml_file import read_yaml, write_yaml

RunSettings = FinetuneSettings | PretrainSettings | SelftrainSettings

__all__ = [
    "AUTO",
    "PRESETS",
    "STARTER",
    "TEACHER",
    "Augmentation",
    "EvaluateSettings",
    "FinetuneSettings",
    "PretrainSettings",
    "PushSettings",
    "RunSettings",
    "SelftrainSettings",
    "Settings",
    "Source",
    "TranscribeSettings",
    "audio_files",
    "check_reporters",
    "parse",
    "plain_augmentation",
    "read_yaml",
    "write_yaml",
]
