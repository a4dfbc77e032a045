"""What scripts here import first: a Python without the package ends with a line that says which to take."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("hf_speech_tl") is None:
    sys.exit(
        f"{Path(sys.argv[0]).name}: hf_speech_tl is not installed for {sys.executable}; activate its environment "
        "(source .venv/bin/activate), which scripts/set-up makes"
    )
