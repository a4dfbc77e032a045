"""What scripts here import first: a Python without the package ends with a line that says which to take, and so does
a script with whatever goes wrong in it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

if importlib.util.find_spec("hf_speech_tl") is None:
    sys.exit(
        f"{Path(sys.argv[0]).name}: hf_speech_tl is not installed for {sys.executable}; activate its environment "
        "(source .venv/bin/activate), which scripts/set-up makes"
    )


def begin(main: Callable[[], None]) -> None:
    """Run a script's `main`; what the package raises for its user ends it with that line, and Ctrl-C without one."""
    from hf_speech_tl.errors import INTERRUPTED, SpeechError

    try:
        main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except SpeechError as error:
        stop(str(error), error.exit_code)


def stop(reason: str, code: int = 2) -> NoReturn:
    """End the script with a line."""
    print(f"{Path(sys.argv[0]).name}: {' '.join(reason.split())}", file=sys.stderr)
    sys.exit(code)
