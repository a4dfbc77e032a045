"""`python -m hf_speech_tl`, and `hf-speech-tl`: the commands, a line each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from hf_speech_tl import __version__
from hf_speech_tl.settings import COMMANDS
from hf_speech_tl.settings.option import nearest

_COMMANDS = {cls.command: cls for cls in COMMANDS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the first word names; returns its exit code."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in _COMMANDS:
        return int(import_module(f"hf_speech_tl.{name}").main(rest))
    if name == "--version":
        print(f"hf_speech_tl {__version__}")
    elif name == "--help":
        print("usage: hf-speech-tl COMMAND [options]\n")
        for command, cls in _COMMANDS.items():
            print(f"  {command:12}{cls.__doc__}")
        print("\nhf-speech-tl COMMAND --help explains a command; --version says which version this is.")
    else:
        near = nearest(name, _COMMANDS)
        remedy = f"did you mean {near}?" if near else "see hf-speech-tl --help"
        print(f"hf-speech-tl: no command {name!r}; allowed: {', '.join(_COMMANDS)}; {remedy}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
