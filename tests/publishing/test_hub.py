from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hub.server import Hub, Repository
from huggingface_hub import ModelCard

Push = Callable[..., "subprocess.CompletedProcess[str]"]
_PUBLIC = {
    "model.safetensors",
    "config.json",
    "processor_config.json",
    "tokenizer_config.json",
    "vocab.json",
    "adapter/adapter_config.json",
    "adapter/adapter_model.safetensors",
    "README.md",
    "training.svg",
    "results.json",
    "run.yaml",
}


def test_a_push_is_one_commit_of_what_others_need(hub: Hub, saved: Path, push: Push) -> None:
    before = {path: path.read_bytes() for path in saved.rglob("*") if path.is_file()}
    done = push(saved, "ana/romanian", alone=True)
    assert (done.returncode, done.stdout) == (0, f"{hub.url}/ana/romanian\n"), done.stderr
    repository = hub.repositories["ana/romanian"]
    assert set(repository.files) == _PUBLIC
    assert len(repository.commits) == 1
    assert not repository.private
    assert repository.files["model.safetensors"] == b"weights"
    assert {path: path.read_bytes() for path in saved.rglob("*") if path.is_file()} == before


def test_nothing_pushed_says_where_things_lie(hub: Hub, saved: Path, push: Push) -> None:
    assert push(saved, "ana/romanian").returncode == 0
    files = hub.repositories["ana/romanian"].files
    for name, content in files.items():
        for secret in (b"/home", b"corpora", b"shared", b"private stories", b"runs/", b"clip_07", str(saved).encode()):
            assert secret not in content, f"{secret!r} in {name}"
    assert yaml.safe_load(files["run.yaml"]) == {
        "lang": "ro",
        "data": ["ro-tuxpaint", "train.tsv", "hub:ana/povesti:clean"],
        "model": "facebook/wav2vec2-xls-r-300m",
        "learning_rate": 1e-05,
        "augment": ["noise=noise", "mask"],
        "push_to_hub": "ana/romanian",
    }
    assert json.loads(files["results.json"])["training"]["clips_lost"] == {"truncated": 1}
    assert json.loads(files["adapter/adapter_config.json"]) == {"base_model_name_or_path": "xls-r", "r": 16}


def test_the_pushed_card_loads_from_the_hub(hub: Hub, saved: Path, push: Push) -> None:
    push(saved, "ana/romanian")
    text = hub.repositories["ana/romanian"].files["README.md"].decode()
    assert text.count('model = "ana/romanian"\n') == 2
    assert 'model = "."' not in text


def test_a_card_that_a_person_changed_keeps_the_changes(hub: Hub, saved: Path, push: Push) -> None:
    with (saved / "README.md").open("a", encoding="utf-8") as file:
        file.write("\nRecorded at home.\n")
    push(saved, "ana/romanian")
    assert hub.repositories["ana/romanian"].files["README.md"].decode().endswith("\nRecorded at home.\n")


@pytest.mark.parametrize(("repo_id", "expected"), [("", "ana/ro-model"), ("romanian", "ana/romanian")])
def test_a_repository_is_the_users_where_no_owner_is_named(
    hub: Hub, saved: Path, push: Push, repo_id: str, expected: str
) -> None:
    assert push(saved, repo_id).stdout == f"{hub.url}/{expected}\n"
    assert set(hub.repositories) == {expected}


def test_the_card_is_what_the_hub_takes(hub: Hub, saved: Path, push: Push) -> None:
    assert push(saved, "ana/romanian").returncode == 0
    card = ModelCard(hub.repositories["ana/romanian"].files["README.md"].decode())
    card.validate()
    assert {figure.metric_type: figure.metric_value for figure in card.data.eval_results} == {
        "wer": 0.2346,
        "cer": 0.0821,
    }


def test_a_second_push_of_the_same_adds_nothing(hub: Hub, saved: Path, push: Push) -> None:
    first, second = push(saved, "ana/romanian"), push(saved, "ana/romanian")
    assert first.stdout == second.stdout
    assert len(hub.repositories["ana/romanian"].commits) == 1


def test_a_private_push_is_private(hub: Hub, saved: Path, push: Push) -> None:
    assert push(saved, "ana/romanian", private=True).returncode == 0
    assert hub.repositories["ana/romanian"].private
    assert push(saved, "ana/romanian", private=True).returncode == 0


def test_what_should_be_private_is_not_added_to_what_is_public(hub: Hub, saved: Path, push: Push) -> None:
    hub.repositories["ana/romanian"] = Repository()
    done = push(saved, "ana/romanian", private=True)
    assert done.returncode == 1
    assert "ana/romanian exists and is public" in done.stdout
    assert not hub.repositories["ana/romanian"].commits
    assert not hub.objects


@pytest.mark.parametrize(
    ("repo_id", "changes", "exit_code", "said"),
    [
        ("ana/romanian", {"token": ""}, 2, "run `hf auth login`, or set HF_TOKEN"),
        ("ana/romanian", {"HF_HUB_OFFLINE": "1"}, 2, "offline mode is on"),
        ("ana/romanian", {"TRANSFORMERS_OFFLINE": "1"}, 2, "offline mode is on"),
        ("ana/my model", {}, 2, "'ana/my model' cannot be a repository"),
        ("ana/romanian", {"token": "expired"}, 1, "does not know this token (401"),
        ("", {"token": "expired"}, 1, "does not know this token (401"),
        ("ana/romanian", {"token": "ana-reads"}, 1, "may not write there (403"),
        ("ana/new", {"token": "bo-writes"}, 1, "write access to ana"),
        ("ana/romanian", {"token": "bo-writes"}, 1, "write access to ana"),
        ("ana/romanian", {"HF_ENDPOINT": "http://127.0.0.1:9"}, 1, "http://127.0.0.1:9 was not reached"),
    ],
)
def test_what_stops_a_push_is_said_in_one_line(
    hub: Hub, saved: Path, push: Push, repo_id: str, changes: dict[str, str], exit_code: int, said: str
) -> None:
    hub.repositories["ana/romanian"] = Repository()
    done = push(saved, repo_id, **changes)
    assert done.returncode == exit_code, done.stderr
    (line,) = done.stdout.splitlines()
    assert said in line
    later = f"`python -m hf_speech_tl.push {saved} {repo_id}`".replace(" `", "`").replace(
        "ana/my model", "'ana/my model'"
    )
    assert f"the model is safe in {saved}, and {later} pushes it" in line
    assert set(hub.repositories) == {"ana/romanian"}
    assert not hub.repositories["ana/romanian"].commits


def test_the_way_to_finish_later_stays_private(saved: Path, push: Push) -> None:
    assert f"push {saved} ana/romanian --private`" in push(saved, "ana/romanian", token="", private=True).stdout


def test_a_card_with_broken_metadata_stops_before_the_upload(hub: Hub, saved: Path, push: Push) -> None:
    (saved / "README.md").write_text("---\nlanguage: [ro\n---\n", encoding="utf-8")
    done = push(saved, "ana/romanian")
    assert done.returncode == 1
    assert "the Hub answered 400: the metadata is not a YAML mapping" in done.stdout
    assert not hub.objects


def test_a_card_that_is_not_utf_8_is_told(hub: Hub, saved: Path, push: Push) -> None:
    (saved / "README.md").write_bytes("für Ana".encode("cp1252"))
    done = push(saved, "ana/romanian")
    assert done.returncode == 1
    assert "README.md is not UTF-8 (invalid start byte at byte 1): save it as such; the model is safe" in done.stdout
    assert not hub.repositories


def test_settings_that_cannot_be_read_leave_no_empty_repository(hub: Hub, saved: Path, push: Push) -> None:
    (saved / "run.yaml").write_text("lang: [ro", encoding="utf-8")
    done = push(saved, "ana/romanian")
    assert done.returncode == 1
    assert "run.yaml cannot be read" in done.stdout
    assert not hub.repositories


def test_a_directory_without_a_model_is_refused(hub: Hub, tmp_path: Path, push: Push) -> None:
    done = push(tmp_path, "ana/romanian")
    assert done.returncode == 2
    assert f"{tmp_path} holds no saved model" in done.stdout
    assert not hub.requests


def test_a_directory_of_a_transfer_names_its_last_stage(hub: Hub, saved: Path, tmp_path: Path, push: Push) -> None:
    whole = tmp_path / "whole"
    for stage in ("1-source", "2-target"):
        shutil.copytree(saved, whole / stage)
    assert f"holds a transfer: give its last stage, {whole / '2-target'}" in push(whole, "ana/romanian").stdout
    assert not hub.requests and push(whole / "2-target", "ana/romanian").returncode == 0


def test_a_push_does_not_wait_for_torch(saved: Path, away: dict[str, str]) -> None:
    code = "import sys, hf_speech_tl.publishing; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=away).returncode == 0


@pytest.mark.slow
def test_others_load_what_was_pushed_as_its_card_says(
    hub: Hub, saved: Path, push: Push, away: dict[str, str], tmp_path: Path
) -> None:
    from tiny import save_tiny

    shutil.rmtree(saved / "adapter")
    for path in ("config.json", "model.safetensors", "vocab.json", "processor_config.json", "tokenizer_config.json"):
        (saved / path).unlink()
    save_tiny(saved)
    assert push(saved, "ana/romanian", alone=True).returncode == 0
    card = hub.repositories["ana/romanian"].files["README.md"].decode()
    with_ffmpeg, without_ffmpeg = (part.partition("```")[0] for part in card.split("```python\n")[1:])

    import numpy as np
    import soundfile

    noise = np.random.default_rng(0).normal(0, 0.1, (22_050, 2)).clip(-0.9, 0.9)
    soundfile.write(tmp_path / "recording.wav", noise, 22_050)
    texts = []
    for example in (without_ffmpeg, with_ffmpeg)[: 2 if shutil.which("ffmpeg") else 1]:
        # Nobody's token: the model is public, and comes from the Hub of this test alone.
        done = subprocess.run(
            [sys.executable, "-c", example], cwd=tmp_path, env=away, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        texts.append(done.stdout)
    assert set("".join(texts)) <= set("abcd \n")
    weights = re.compile(r"GET /ana/romanian/resolve/\w+/model\.safetensors")
    assert any(weights.fullmatch(request) for request in hub.requests)
