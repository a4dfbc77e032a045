"""Writes docs/settings.md from the table that also makes `--help` and the YAML keys."""

from __future__ import annotations

from pathlib import Path

from hf_speech_tl.settings import COMMANDS, Settings
from hf_speech_tl.settings.command_line import default_words
from hf_speech_tl.settings.option import options, spelling

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
_HEAD = """# Settings

Made by `scripts/build_settings_page.py`; change the table in `hf_speech_tl/settings/`, not this page.

On the command line options are `--kebab-case`; in a YAML file, which comes first (`finetune run.yaml --seed 2`), the
same words are keys in `snake_case`. The command line wins over the file; `--no-OPTION` clears a switch that it sets.
"""


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_HEAD, *(_section(cls) for cls in COMMANDS)])


def _section(cls: type[Settings]) -> str:
    rows = [f"## {cls.command}\n", f"{cls.__doc__}\n", "| option | values | meaning |", "|---|---|---|"]
    for key, option in options(cls).items():
        default = default_words(cls, key)
        rows.append(f"| `{spelling(key, option)}` | {option.allowed} | {option.help} ({default}) |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
