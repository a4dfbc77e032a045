"""What the scripts decide before they change anything, and the page that one of them writes."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

Script = Callable[..., "int | str | None"]
SCRIPTS = Path(__file__).parents[1] / "scripts"
PYTHON = [path for path in SCRIPTS.iterdir() if path.is_file() and b"env python3" in path.read_bytes()[:30]]
CUDA_MISSING = OSError("libc10_cuda.so: cannot open shared object file: No such file or directory")
AS_TORCH_SAYS_IT = OSError("Could not load this library: torchaudio/lib/_torchaudio.abi3.so")
AS_TORCH_SAYS_IT.__cause__ = CUDA_MISSING


def function(script: str, name: str) -> Callable[..., object]:
    return cast(Callable[..., object], runpy.run_path(str(SCRIPTS / script))[name])


@pytest.mark.parametrize("script", PYTHON, ids=lambda path: path.name)
def test_a_python_without_the_package_ends_with_a_line(script: Path, tmp_path: Path) -> None:
    bare = [sys.executable, "-S", str(script)]  # nothing but what comes with Python
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(bare, cwd=tmp_path, env=clean, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{script.name}: hf_speech_tl is not installed for ")


@pytest.mark.parametrize(
    ("cpu_torch", "failure", "verdict"),
    [
        (True, CUDA_MISSING, True),
        (True, AS_TORCH_SAYS_IT, True),
        (True, None, False),
        (False, CUDA_MISSING, False),
        (True, ImportError("no module named torch"), False),
        (True, OSError("libsox.so: cannot open shared object file"), False),
    ],
)
def test_torchaudio_is_mended_in_the_one_case_that_this_repairs(
    cpu_torch: bool, failure: Exception | None, verdict: bool
) -> None:
    assert function("mend_torchaudio.py", "needs_mending")(cpu_torch=cpu_torch, failure=failure) is verdict


def test_torchaudio_is_mended_in_our_own_environment_only(tmp_path: Path) -> None:
    is_ours = function("mend_torchaudio.py", "is_ours")
    environment = tmp_path / ".venv"
    environment.mkdir()
    assert not is_ours(environment, environment)
    (environment / "made-by-hf_speech_tl").touch()
    assert is_ours(environment, environment)
    assert not is_ours(tmp_path / "other", environment)


def test_mending_removes_native_files_and_nothing_else(tmp_path: Path) -> None:
    library = tmp_path / "lib"
    library.mkdir()
    for name in ("_torchaudio.so", "libtorchaudio.so", "__init__.py"):
        (library / name).touch()
    assert function("mend_torchaudio.py", "remove_native_files")(tmp_path) == ["_torchaudio.so", "libtorchaudio.so"]
    assert [path.name for path in library.iterdir()] == ["__init__.py"]


@pytest.mark.parametrize("name", ["settings", "languages"])
def test_a_page_is_the_table_of_today(name: str) -> None:
    page = SCRIPTS.parent / "docs" / f"{name}.md"
    assert page.read_text("utf-8") == function(f"build_{name}_page.py", "page")(), (
        f"run scripts/build_{name}_page.py to write docs/{name}.md anew"
    )


def set_up(checkout: Path, path: str) -> subprocess.CompletedProcess[str]:
    """Calls a copy of scripts/set-up in an otherwise empty checkout, from another directory."""
    (checkout / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPTS / "set-up", checkout / "scripts")
    command = [str(checkout / "scripts" / "set-up")]
    environment = {**os.environ, "PATH": path}
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, encoding="utf-8", check=False)


def tools(folder: Path, pythons: dict[str, str]) -> str:
    """A PATH with the few tools that set-up calls, and Pythons of these names that run these shell lines."""
    folder.mkdir()
    for name in ("bash", "dirname", "rm", "mkdir", "touch", "cat"):
        (folder / name).symlink_to(shutil.which(name) or pytest.fail(f"no {name} here"))
    for name, line in pythons.items():
        script = folder / name
        script.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        script.chmod(0o755)
    return str(folder)


def test_set_up_says_when_there_is_no_python(tmp_path: Path) -> None:
    too_old = tools(tmp_path / "bin", {"python3": "exit 1"})
    ended = set_up(tmp_path / "checkout", too_old)
    assert ended.returncode == 1
    assert "no Python 3.11 or newer" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "checkout" / ".venv").exists()


def test_set_up_says_when_venv_is_incomplete_and_leaves_nothing_behind(tmp_path: Path) -> None:
    incomplete = 'case "$*" in *version*) echo Python 3.12;; *) exit 1;; esac'
    ended = set_up(tmp_path / "checkout", tools(tmp_path / "bin", {"python3": incomplete}))
    assert ended.returncode == 1
    assert "python3-venv" in ended.stderr
    assert not (tmp_path / "checkout" / ".venv").exists()


def test_set_up_leaves_an_environment_of_somebody_else_alone(tmp_path: Path) -> None:
    (tmp_path / "checkout" / ".venv").mkdir(parents=True)
    ended = set_up(tmp_path / "checkout", os.environ["PATH"])
    assert ended.returncode == 1
    assert "not made by this script" in ended.stderr
    assert list((tmp_path / "checkout" / ".venv").iterdir()) == []


def test_a_run_is_drawn_from_its_log(tmp_path: Path, run_script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 10, "loss": 3.0}\n{"step": 12, "eval_cer": 0.9}\n', encoding="utf-8")
    assert run_script("plot_run", tmp_path) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'training.svg'}\n"
    assert run_script("plot_run", tmp_path, "--output", tmp_path / "mine.svg") == 0
    assert (tmp_path / "mine.svg").read_bytes() == (tmp_path / "training.svg").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["empty"], 3, "log.jsonl: none of its 0 lines has a loss"),
        (["none"], 2, "log.jsonl: cannot be read (No such file or directory)"),
        (["whole", "--output", "whole/run.png"], 2, "ends in .svg"),
        (["whole", "--output", "none/run.svg"], 2, "cannot be written (No such file or directory)"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_line(
    tmp_path: Path,
    run_script: Script,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, log in (("empty", ""), ("whole", '{"step": 10, "loss": 3.0}\n')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.jsonl").write_text(log, encoding="utf-8")
    assert run_script("plot_run", *arguments) == code
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not [*tmp_path.rglob("*.svg"), *tmp_path.rglob("*.part")]
