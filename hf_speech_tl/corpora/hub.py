"""Corpora on the Hub, read from their Parquet files: on main, else those that the Hub itself converts to."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from huggingface_hub import get_cached_repo_tree, snapshot_download
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from hf_speech_tl.corpora.files import Progress
from hf_speech_tl.corpora.licence import licences_beside
from hf_speech_tl.corpora.parquet import note_on, read_parquet_files
from hf_speech_tl.corpora.prepared import read_prepared
from hf_speech_tl.corpora.sources import LISTED
from hf_speech_tl.corpora.splits import split_of_file
from hf_speech_tl.corpora.table import Recordings
from hf_speech_tl.errors import DataError, SettingsError, http_status

_REVISIONS = ("main", "refs/convert/parquet")  # the second holds what the Hub made of scripts, folders and archives


def read_hub(
    repo: str,
    config: str | None,
    text_column: str | None,
    progress: Progress | None = None,
    *,
    labelled: bool = True,
) -> Recordings:
    """The recordings of the dataset `repo`; what was downloaded once is read from the Hub's cache, offline too.

    Shards that `prepare` wrote are not downloaded: what a batch needs is read from them where they are.

    Unless `labelled`, there need be no transcripts.
    """
    if shards := _shards(repo, config):
        return read_prepared(shards)
    folder, files = _download(repo, config)
    rows = read_parquet_files([folder / name for name in files], folder, text_column, progress, labelled=labelled)
    return Recordings(rows, licences_beside(_fetched(repo, "main", ["README.md"])), note_on(rows))


def _shards(repo: str, config: str | None) -> str | None:
    """The address of a folder of shards, `config` in the repository or all of that, at the commit that it is at now;
    None where it has none."""
    with suppress(RevisionNotFoundError):
        commit = _fetched(repo, "main", ["README.md"]).name  # brings the list of all files with it
        listed = {file.path for file in get_cached_repo_tree(repo, repo_type="dataset", revision="main")}
        within = f"{config}/" if config else ""
        if within + LISTED in listed:
            return f"hf://datasets/{repo}@{commit}/{within}".rstrip("/")
    return None


def _download(repo: str, config: str | None) -> tuple[Path, list[str]]:
    """The folder of a snapshot, and the Parquet files of `config` in it."""
    for revision in _REVISIONS:
        try:
            _fetched(repo, revision, ["README.md"])  # brings the list of all files with it
        except RevisionNotFoundError:
            continue
        listed = [file.path for file in get_cached_repo_tree(repo, repo_type="dataset", revision=revision)]
        if files := _of_config([name for name in listed if name.endswith(".parquet")], repo, config):
            return _fetched(repo, revision, files), files
    raise DataError(f"--data hub:{repo} has no Parquet files, nor has the Hub made any of it.")


def _fetched(repo: str, revision: str, files: Sequence[str]) -> Path:
    try:
        return Path(snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=list(files)))
    except RevisionNotFoundError:
        raise
    except GatedRepoError as error:
        raise DataError(
            f"--data hub:{repo} is given only to those who accept its terms: do so at "
            f"https://huggingface.co/datasets/{repo}, then log in with `hf auth login`."
        ) from error
    except RepositoryNotFoundError as error:
        raise SettingsError(
            f"--data hub:{repo}: the Hub has no such dataset, or it is private: then log in with `hf auth login`."
        ) from error
    except Exception as error:  # the HTTP library under huggingface_hub, and so its errors, change with its version
        status = http_status(error)
        why = f"it answered {status}" if status else type(error).__name__
        raise DataError(
            f"--data hub:{repo} is not in the cache whole and cannot be fetched from the Hub ({why}). "
            f"{_remedy(status)}; --data starter or a folder of recordings works offline."
        ) from error


def _remedy(status: int | None) -> str:
    if status is None:
        return "It needs a network, and HF_HUB_OFFLINE unset"
    if status == 401:
        return "It does not know the token that it was shown: log in with `hf auth login`, or unset HF_TOKEN"
    return "Try again later"


def _of_config(files: Sequence[str], repo: str, config: str | None) -> list[str]:
    """The files of one configuration: that named, else `default`, else the only one. Raises SettingsError."""
    configs: dict[str, list[str]] = {}
    for name in files:
        # CONFIG/train-00000-of-00002.parquet, data/CONFIG/train-..., CONFIG/train/0000.parquet, data/train-...
        folders = [part for part in PurePosixPath(name).parts[:-1] if part != "data"]
        own = [part for part in folders if part == config or split_of_file(PurePosixPath(part)) is None]
        configs.setdefault("/".join(own), []).append(name)
    if not configs:
        return []
    wanted = config if config is not None else next(iter(configs)) if len(configs) == 1 else "default"
    if wanted in configs:
        return configs[wanted]
    near = difflib.get_close_matches(wanted, configs, n=1)
    listed = ", ".join(sorted(configs)[:12]) + (f" and {len(configs) - 12} more" if len(configs) > 12 else "")
    hint = f" Did you mean hub:{repo}:{near[0]}?" if near else ""
    raise SettingsError(f"--data hub:{repo}:CONFIG: CONFIG is one of {listed}.{hint}")
