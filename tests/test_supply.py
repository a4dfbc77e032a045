"""What the package takes in from others runs no code: no shell, no eval, no code of a model, YAML by a safe loader."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hf_speech_tl.settings import yaml_file

ROOT = Path(__file__).parents[1]
_SOURCES = sorted(
    path
    for folder in ("hf_speech_tl", "scripts")
    for path in (ROOT / folder).rglob("*")
    if path.suffix == ".py" or (path.is_file() and path.read_bytes()[:30].startswith(b"#!/usr/bin/env python3"))
)
_RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
_SHELLS = {"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"}
_UNPICKLERS = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}


def _calls(tree: ast.AST) -> Iterator[tuple[str, str, ast.Call]]:
    """Each call: on what, by what name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Attribute):
                yield ast.unparse(called.value), called.attr, node
            elif isinstance(called, ast.Name):
                yield "", called.id, node


def _says(call: ast.Call, name: str) -> list[str]:
    return [ast.unparse(word.value) for word in call.keywords if word.arg == name]


def faults(text: str) -> list[str]:
    """What in a source would run what others wrote."""
    tree = ast.parse(text)
    found = []
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [f"imports {name}" for name in names if name.split(".")[0] in _UNPICKLERS]
    for of, name, call in _calls(tree):
        said = f"line {call.lineno}: {ast.unparse(call)[:80]}"
        if not of and name in _RUNS_TEXT:
            found.append(said)
        if (of in ("os", "subprocess", "asyncio", "commands") and name in _SHELLS) or "True" in _says(call, "shell"):
            found.append(said)
        if any(value != "False" for value in _says(call, "trust_remote_code")):
            found.append(said)
        if of == "yaml" and name.endswith(("load", "load_all")) and name not in ("safe_load", "safe_load_all"):
            loader = ast.unparse(call.args[1]) if len(call.args) > 1 else "".join(_says(call, "Loader"))
            if loader not in ("_Loader", "yaml.SafeLoader"):
                found.append(said)
        if of == "torch" and name == "load" and _says(call, "weights_only") != ["True"]:
            found.append(said)
        if of == "np" and name == "load" and "True" in _says(call, "allow_pickle"):
            found.append(said)
    return found


def test_there_is_something_to_look_at() -> None:
    assert len(_SOURCES) > 200 and any(path.suffix == "" for path in _SOURCES)


@pytest.mark.parametrize("path", _SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_runs_what_others_wrote(path: Path) -> None:
    assert faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "eval(x)",
        "exec(x)",
        "os.system(x)",
        "os.popen(x)",
        "subprocess.run(x, shell=True)",
        "subprocess.getoutput(x)",
        "import pickle",
        "from joblib import load",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "AutoModel.from_pretrained(x, trust_remote_code=asked)",
        "yaml.load(x)",
        "yaml.load(x, yaml.Loader)",
        "yaml.unsafe_load(x)",
        "yaml.full_load_all(x)",
        "torch.load(x)",
        "torch.load(x, weights_only=False)",
        "np.load(x, allow_pickle=True)",
    ],
)
def test_what_would_is_seen(line: str) -> None:
    assert faults(line)


def test_our_loader_of_yaml_makes_nothing_but_plain_values(tmp_path: Path) -> None:
    assert issubclass(yaml_file._Loader, yaml.SafeLoader)
    with pytest.raises(yaml.YAMLError):
        yaml.load("!!python/object/apply:os.mkdir [made]", yaml_file._Loader)
