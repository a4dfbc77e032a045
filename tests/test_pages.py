"""The README and the pages under docs/: their commands are ones that there are, and their links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from hf_speech_tl import settings
from hf_speech_tl.settings import parse

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = {kind.command: kind for kind in vars(settings).values() if isinstance(getattr(kind, "command", None), str)}


def _commands(page: Path) -> list[str]:
    blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("hf-speech-tl ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_one_that_can_be_given(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("DIR", "DIR/2-target", "street", "rooms"):  # which settings look into
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.wav").touch()
    for line in _commands(page):
        command, *words = shlex.split(line, comments=True)[1:]
        parse(COMMANDS[command], words[1:] if words[0].endswith(".yaml") else words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


def test_the_readme_shows_each_command() -> None:
    assert {line.split()[1] for line in _commands(ROOT / "README.md")} >= set(COMMANDS)
