"""The files beside a model's weights: in its directory, in the Hub's cache, or on the Hub."""

from __future__ import annotations

import os
from pathlib import Path

from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.constants import is_offline_mode
from huggingface_hub.errors import RemoteEntryNotFoundError

from hf_speech_tl.errors import SettingsError, http_status


def find_file(place: str, file: str) -> Path | None:
    """Where a file of the model in `place`, a directory or a Hub id, lies on this disk; None where it has none.

    It is fetched where it is not in the cache. In offline mode what is not in the cache is taken for absent; else
    SettingsError where neither the Hub nor the cache says whether there is such a file: without its vocab.json, say, a
    fine-tuned model would lose its head without a word.
    """
    if os.path.exists(place):
        path = Path(place) / file
        return path if path.is_file() else None
    try:
        return Path(hf_hub_download(place, file))
    except RemoteEntryNotFoundError:
        return None
    except Exception as error:  # the HTTP library under huggingface_hub, and so its errors, change with its version
        cached = try_to_load_from_cache(place, file)
        if isinstance(cached, str):
            return Path(cached)
        if cached is not None or is_offline_mode():  # the cache has a mark for what the Hub does not have
            return None
        status = http_status(error)
        why = f"it answered {status}" if status else type(error).__name__
        raise SettingsError(
            f"--model {place}: the Hub does not say whether it has a {file} ({why}). Try again later; HF_HUB_OFFLINE=1 "
            "takes what is in the cache for all there is."
        ) from error
