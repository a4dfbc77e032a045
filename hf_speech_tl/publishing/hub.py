"""The push of a saved model to the Hugging Face Hub: one commit, with nothing in it that should stay at home."""

from __future__ import annotations

import json
import re
import shlex
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.constants import is_offline_mode
from huggingface_hub.errors import HfHubHTTPError

from hf_speech_tl.errors import RunError, SettingsError, SpeechError
from hf_speech_tl.publishing.card import name_model
from hf_speech_tl.publishing.redaction import redact_origins, redact_results, redact_settings
from hf_speech_tl.settings import model_within
from hf_speech_tl.settings.push import check_repository

# What transformers and peft write and read, and our four. Nothing else of the directory goes up: not the log, not
# skipped.csv, not checkpoints, not what somebody laid there.
_UPLOADED = (
    "model.safetensors",
    "model-*-of-*.safetensors",
    "model.safetensors.index.json",
    "config.json",
    "processor_config.json",
    "preprocessor_config.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "adapter/adapter_config.json",
    "adapter/adapter_model.safetensors",
    "README.md",
    "training.svg",
    "results.json",
    "run.yaml",
)
_SETTINGS_HEADER = "# The settings of this model's training. Folders are named without the place where they lie.\n"


def check_login() -> None:
    """SettingsError where a push cannot work: offline mode, no token, or none that can be sent. Asks nothing of the
    network."""
    if is_offline_mode():
        raise SettingsError(
            "offline mode is on, so nothing can be pushed: unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE"
        )
    token = get_token()
    if token is None:
        raise SettingsError("there is no token for the Hugging Face Hub: run `hf auth login`, or set HF_TOKEN")
    if not re.fullmatch(r"[!-~]+", token):
        # The HTTP library would fail with a riddle, or show the token.
        raise SettingsError(
            "the token for the Hugging Face Hub has spaces or characters in it that no token has: copy it again and "
            "run `hf auth login`, or set HF_TOKEN"
        )


def push(directory: Path, repo_id: str | None, *, private: bool) -> str:
    """Upload weights, processor, card, results and settings of `directory` as one commit; returns the model's URL.

    `repo_id` is OWNER/NAME, or NAME of the token's user; None takes the directory's name. The repository is created
    where there is none, and one that exists is never made private or public: `private` with a public repository is
    an error, before anything is uploaded.

    Raises SettingsError where the directory holds no model, the id cannot be one, or there is no way to log in;
    RunError where the Hub refuses or cannot be reached. Each names the command that finishes the push later.
    """
    if not ((directory / "config.json").is_file() and list(directory.glob("model*.safetensors"))):
        remedy = model_within(directory) or "give one that finetune wrote"
        raise SettingsError(f"{directory} holds no saved model (config.json, model.safetensors): {remedy}")
    if not (directory / "results.json").is_file():
        raise SettingsError(
            f"{directory} holds no results.json, so its run was not completed: give the directory of a finished run"
        )
    try:
        check_login()
        name = repo_id or directory.resolve().name
        check_repository(name, "ID" if repo_id else "name of the directory")
        return _upload(directory, name, private)
    except SpeechError as error:
        later = ["python", "-m", "hf_speech_tl.push", str(directory), *([repo_id] if repo_id else [])]
        if private:
            later.append("--private")
        raise type(error)(f"{error}; the model is safe in {directory}, and `{shlex.join(later)}` pushes it") from error


def _upload(directory: Path, name: str, private: bool) -> str:
    api = HfApi()
    model_id = name
    if "/" not in name:
        with _one_line(name, api.endpoint):
            model_id = f"{api.whoami()['name']}/{name}"
    # Read before anything is made there, so that a file that cannot be read leaves no empty repository behind.
    operations = [
        CommitOperationAdd(path_in_repo=path, path_or_fileobj=content)
        for path, content in _contents(directory, model_id).items()
    ]
    with _one_line(model_id, api.endpoint):
        # None leaves the choice to the owner's defaults: an organisation may make everything private.
        url = api.create_repo(model_id, private=private or None, exist_ok=True)
        public = private and not api.repo_info(model_id).private
    if public:
        raise RunError(f"{model_id} exists and is public: make it private on the Hub first, or choose another name")
    with _one_line(model_id, api.endpoint):
        api.create_commit(model_id, operations, commit_message="Upload a model trained with hf_speech_tl")
    return str(url)


@contextmanager
def _one_line(model_id: str, endpoint: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # The last step after hours of training: whatever stops it, the user must read that nothing is lost.
        said = f"the push to {model_id} failed: {_reason(error, model_id, endpoint)}"
        token = get_token()
        if token and token in "".join(traceback.format_exception(error)):
            # A proxy repeated what it was sent; this line and its traceback are what people paste into reports.
            raise RunError(said.replace(token, "[token]")) from None
        raise RunError(said) from error


def _contents(directory: Path, model_id: str) -> dict[str, Path | bytes]:
    """What is uploaded, by its path in the repository: files as they are, or bytes where something was taken out."""
    paths = sorted({path for pattern in _UPLOADED for path in directory.glob(pattern) if path.is_file()})
    contents: dict[str, Path | bytes] = {path.relative_to(directory).as_posix(): path for path in paths}
    results = _mapping(directory / "results.json")
    model = results.get("model")
    base_model = model.get("base_model") if isinstance(model, dict) else None
    keep = {known for known in (base_model, model_id) if known}
    for path in paths:
        name = path.relative_to(directory).as_posix()
        if name == "README.md":
            contents[name] = name_model(_text(path), model_id).encode()
        elif name == "config.json":
            config = _mapping(path)
            if (told := redact_origins(config, keep=keep)) != config:
                contents[name] = _json(told)
        elif name == "results.json":
            contents[name] = _json(redact_results(results, keep=keep))
        elif name == "run.yaml":
            settings = yaml.safe_dump(
                redact_settings(_mapping(path), keep=keep), allow_unicode=True, sort_keys=False, width=1000
            )
            contents[name] = (_SETTINGS_HEADER + settings).encode()
        elif name == "adapter/adapter_config.json":
            contents[name] = _json(redact_origins(_mapping(path), keep=keep))
    return contents


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}): save it as such") from error


def _mapping(path: Path) -> dict:
    """A JSON or YAML file that holds a mapping; empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise RunError(f"{path} cannot be read: mend it or take it away")
    return content


def _json(content: dict[str, object]) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()


def _reason(error: BaseException, model_id: str, endpoint: str) -> str:
    """One line for what the Hub client raised, from the answer of the Hub where there is one in the chain of causes."""
    while not isinstance(error, HfHubHTTPError) and error.__cause__ is not None:
        error = error.__cause__
    if not isinstance(error, HfHubHTTPError):
        # The first line: the client's messages go on with advice for programmers.
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"{endpoint} was not reached or did not answer as expected ({first})"
    status = error.response.status_code
    said = " ".join((error.server_message or error.response.reason_phrase).split())
    if status == 401:
        return (
            f"the Hub does not know this token ({status}: {said}): run `hf auth login`, or set HF_TOKEN to a valid one"
        )
    if status == 403:
        owner = model_id.partition("/")[0]
        return (
            f"this token may not write there ({status}: {said}): use one with write access to {owner}, or another name"
        )
    if status == 404:
        return f"there is no such repository, or this token cannot see it ({status}: {said})"
    return f"the Hub answered {status}: {said}"
