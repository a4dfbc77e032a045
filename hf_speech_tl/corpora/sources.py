"""What a --data means: a path that exists, else a name. Light, so that a misspelt one is answered at once."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hf_speech_tl.corpora.fleurs import fleurs_config
from hf_speech_tl.corpora.remote import check_url, is_url
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import Language

_FORMS = (
    "a folder that `prepare` wrote or its address (https://, s3://, hf://), a Parquet file or a folder of them, a "
    "folder of audio with metadata.csv/.tsv/.jsonl or a .txt beside each file, a Common Voice, AISHELL-1, LibriSpeech, "
    "MLS or Kaldi folder, ELAN or Praat files beside their recordings, a manifest (.jsonl, .csv, .tsv), starter, "
    "fleurs, or hub:OWNER/NAME[:CONFIG]"
)
_Layout = Literal["parquet", "shards", "folder", "manifest", "annotation", "starter", "hub"]
LISTED = "shards.json"  # what gives away a folder that `prepare` wrote
_SUFFIXES: dict[str, _Layout] = {".parquet": "parquet", ".jsonl": "manifest", ".csv": "manifest", ".tsv": "manifest"}
_SUFFIXES |= {".eaf": "annotation", ".textgrid": "annotation"}
STARTER_LANGUAGE = "zh"
# What cannot be read stands here too, so that it is listed as skipped rather than overlooked.
AUDIO = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".w64", ".sph", ".m4a"}
AUDIO |= {".m4b", ".mp4", ".mov", ".mkv", ".mka", ".webm", ".aac", ".wma", ".wmv", ".amr", ".3gp", ".avi", ".mpg"}
_TRANSCRIPTS = {".txt", ".eaf", ".textgrid"}  # with the name of a recording
_HUB = re.compile(r"hub:(?P<repo>[\w.-]+/[\w.-]+)(:(?P<config>[\w.-]+))?")


@dataclass(frozen=True)
class Place:
    """Where a corpus is: its layout, the name it is known by (no local path in it), and its path, address or Hub
    repository."""

    layout: _Layout
    name: str
    path: Path | None = None
    url: str | None = None
    repo: str | None = None
    config: str | None = None


def find_source(source: str, language: Language) -> Place:
    """The place that one --data names. Raises SettingsError with the allowed forms and the nearest name."""
    path = Path(os.path.expanduser(source))
    if source and os.path.isdir(path):  # unlike Path's own, these two take any nonsense for an answer of no
        return _folder(path.resolve())
    if os.path.isfile(path):
        return _file(path, source)
    if is_starter_speech(source):
        return _starter(language)
    if source == "fleurs":
        return Place("hub", "fleurs", repo="google/fleurs", config=fleurs_config(language))
    if match := _HUB.fullmatch(source):
        return Place("hub", source, repo=match["repo"], config=match["config"])
    if is_url(source):
        check_url(source)
        return _address(source.rstrip("/"))
    hint = _nearest(source)
    raise SettingsError(f"--data {source}: no such file or name.{hint} It takes {_FORMS}.")


def _folder(path: Path) -> Place:
    if os.path.isfile(path / LISTED):
        return Place("shards", path.name, path)
    files = [os.path.splitext(name) for _, _, names in os.walk(path) for name in names if not name.startswith(".")]
    if not any(suffix.lower() == ".parquet" for _, suffix in files):
        return Place("folder", path.name, path)
    # Parquet files may name recordings beside them; but those with transcripts of their own are a corpus too.
    recorded = {stem for stem, suffix in files if suffix.lower() in AUDIO}
    written = {stem for stem, suffix in files if suffix.lower() in _TRANSCRIPTS}
    if recorded and (recorded & written or "metadata" in {stem.lower() for stem, _ in files}):
        raise SettingsError(
            f"--data {path}: holds Parquet files, and recordings with transcripts too; it is not clear which are "
            "meant. Name the Parquet file, or move one of the two elsewhere."
        )
    return Place("parquet", path.name, path)


def _address(url: str) -> Place:
    if match := re.fullmatch(r"hf://datasets/([\w.-]+/[\w.-]+?)(@[^/]+)?", url):
        return Place("shards", f"hub:{match[1]}", url=url)
    return Place("shards", url.rpartition("/")[2], url=url)


def _file(path: Path, source: str) -> Place:
    layout = _SUFFIXES.get(path.suffix.lower())
    # Not resolved: a file of the Hub's cache is a link to a blob without a suffix, away from its folder.
    path = path.parent.resolve() / path.name
    if layout is not None:
        return Place(layout, f"{path.parent.name}/{path.name}", path)
    raise SettingsError(f"--data {source}: a single {path.suffix or 'nameless'} file is no corpus. It takes {_FORMS}.")


def has_starter_speech(language: Language) -> bool:
    """Whether the package holds made speech in the language."""
    return language.tag.split("-")[0] == STARTER_LANGUAGE


def _starter(language: Language) -> Place:
    if not has_starter_speech(language):
        raise SettingsError(
            f"--data starter: the starter speech is Mandarin (zh), not {language.name} ({language.tag}). "
            "Name recordings of your own with --data, or --data fleurs with a network."
        )
    return Place("starter", "starter")


def is_starter_speech(source: str) -> bool:
    """Whether a --data means the made speech in the package, and not a file or folder that is called so."""
    return source == "starter" and not os.path.exists(source)


def _nearest(source: str) -> str:
    path = Path(os.path.expanduser(source))
    if os.path.isdir(path.parent) and os.access(path.parent, os.R_OK):
        if near := difflib.get_close_matches(path.name, os.listdir(path.parent), n=1):
            return f" Did you mean {path.parent / near[0]}?"
    elif re.fullmatch(r"[\w.-]+/[\w.-]+", source):
        return f" Did you mean hub:{source}?"
    near = difflib.get_close_matches(source, ["starter", "fleurs", "hub:"], n=1)
    return f" Did you mean {near[0]}?" if near else ""
