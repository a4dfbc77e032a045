"""Removes the native files of a torchaudio that was built for CUDA and stands beside a CPU build of torch.

Such a torchaudio cannot be imported, and with it none of transformers' processors; without these files it works in pure
Python. Acts only in the environment that scripts/set-up made, and says what it did.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

_OURS = Path(__file__).resolve().parents[1] / ".venv"


def needs_mending(*, cpu_torch: bool, failure: BaseException | None) -> bool:
    """Whether this is the case that removing native files repairs: CPU torch, and a library of CUDA missing."""
    cause = failure
    # torch wraps the loader's error, which names the missing library, in another that names torchaudio's.
    while cause is not None and not (isinstance(cause, OSError) and re.match(r"lib\w*cuda\w*\.so", str(cause))):
        cause = cause.__cause__
    return cpu_torch and cause is not None


def is_ours(prefix: Path, environment: Path = _OURS) -> bool:
    """Whether a Python lives in the environment of this checkout, made by its own script."""
    return prefix.resolve() == environment.resolve() and (environment / "made-by-hf_speech_tl").exists()


def remove_native_files(package: Path) -> list[str]:
    """Delete the shared libraries in torchaudio/lib; returns their names."""
    files = sorted((package / "lib").glob("*.so"))
    for file in files:
        file.unlink()
    return [file.name for file in files]


def main() -> int:
    """Check, mend if that is the case, check again; returns an exit code."""
    spec = find_spec("torchaudio")
    if spec is None or spec.origin is None:
        return 0
    failure = _failure()
    if failure is None:
        return 0
    import torch

    cpu_torch = torch.version.cuda is None and torch.version.hip is None
    if not (needs_mending(cpu_torch=cpu_torch, failure=failure) and is_ours(Path(sys.prefix))):
        print(
            f"torchaudio cannot be imported ({failure}): install the build that goes with torch {torch.__version__}, or"
        )
        print(f"remove it: {sys.executable} -m pip uninstall torchaudio")
        return 1
    removed = remove_native_files(Path(spec.origin).parent)
    print(
        f"torchaudio was built for CUDA, torch for the CPU: removed {', '.join(removed)} of torchaudio from .venv, so"
    )
    print("that transformers can be imported; torchaudio now works in pure Python (no forced_align, no rnnt_loss)")
    # A process that has failed to import torchaudio keeps half of it: only a fresh one can tell.
    return subprocess.run([sys.executable, "-c", "import torchaudio"], check=False).returncode


def _failure() -> BaseException | None:
    try:
        import torchaudio  # noqa: F401
    except Exception as error:
        return error
    return None


if __name__ == "__main__":
    sys.exit(main())
