"""What every command does on a terminal: ask for its settings, keep libraries quiet, end with one line and a code."""

from __future__ import annotations

import logging
import os
import re
import select
import shlex
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hf_speech_tl.errors import INTERRUPTED, DiskError, SpeechError, ToldElsewhere, is_full
from hf_speech_tl.settings import Settings, parse

if TYPE_CHECKING:
    from hf_speech_tl.scoring import LanguageScores, Scores
    from hf_speech_tl.scoring.scores import Rate

S = TypeVar("S", bound=Settings)


def conclude(cls: type[S], arguments: Sequence[str] | None, work: Callable[[S], None]) -> int:
    """Parse `arguments` (by default the command line), do the work, and say in one line what went wrong.

    Returns:
        The exit code: 0, a SpeechError's own, 130 after Ctrl-C, 1 for what nobody foresaw (with a log of where).
    """
    output: Path | None = None
    try:
        settings = parse(cls, sys.argv[1:] if arguments is None else arguments)
        output = getattr(settings, "output", None)
        _keep_quiet(progress=not (getattr(settings, "quiet", False) or getattr(settings, "json", False)))
        work(settings)
        sys.stdout.flush()
    except ToldElsewhere as error:
        return error.exit_code
    except DiskError as error:
        going_on = f", and go on: {_going_on(cls, error.directory)}" if error.directory else ""
        return _say(cls, f"{error}{going_on}", error.exit_code)
    except SpeechError as error:
        return _say(cls, str(error), error.exit_code)
    except BrokenPipeError as error:
        if not _is_output_closed():  # a pipe of something else
            return _say(cls, f"{type(error).__name__}: {error} ({_log(output)})", 1)
        return 1
    except KeyboardInterrupt as stop:
        return _say(cls, _stopped(cls, str(stop), output), INTERRUPTED)
    except Exception as error:
        if is_full(error):
            return _say(cls, _full(cls, output), 1)
        first, *_ = str(error).strip().splitlines() or [""]
        line = explain_import_error(error) or f"{type(error).__name__}: {first}"
        return _say(cls, f"{line} ({_log(output)})", 1)
    return 0


def _is_output_closed() -> bool:
    """Whether whoever reads our output has seen enough (| head); then nothing more goes there."""
    if sys.platform == "win32":  # where there is no such pipe
        return False
    closed = select.poll()
    try:
        closed.register(sys.stdout.fileno(), 0)
    except OSError:  # output that is no file
        return False
    if not closed.poll(0):
        return False
    # Python would complain once more when it flushes at exit.
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return True


def explain_import_error(error: BaseException) -> str | None:
    """How to mend a torchaudio that breaks every import of transformers' processors, or None for other errors.

    They import torchaudio wherever it is installed; its usual Linux wheel wants CUDA's libraries, which do not come
    with a CPU build of torch.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and re.search(r"torchaudio|lib\w*(cuda|cudart|torch)\w*\.so", str(cause)):
            if find_spec("torchaudio") is None:
                return None
            return (
                "the torchaudio installed here does not fit the installed torch and breaks transformers: run "
                f"`{sys.executable} -m pip uninstall torchaudio` (nothing here needs it), or install the "
                "build that goes with this torch"
            )
        cause = cause.__cause__ or cause.__context__
    return None


def score_line(scores: Scores) -> str:
    """Error rates in per cent with their 95 % intervals, on one line."""
    return (
        f"{_rates(scores)}; {scores['utterances']} utterances of {scores['split']}, 95 % intervals over "
        f"{scores['interval']}"
    )


def language_lines(scores: Scores) -> list[str]:
    """A table of the error rates by language, and their mean; nothing where there is but one language."""
    if "languages" not in scores:
        return []
    by_tag = scores["languages"]
    rows = [(tag, f"{_rates(own)}; {own['utterances']} utterances") for tag, own in by_tag.items()]
    rows.append(("mean", f"{_rate('CER', scores['mean_cer'])}; {len(by_tag)} languages, each counting alike"))
    width = max(len(name) for name, _ in rows)
    return [f"  {name:{width}}  {said}" for name, said in rows]


def seed_lines(results: Mapping[str, Any]) -> list[str]:
    """What the runs with several seeds came to: a line for each, how far they are apart, and which is the best."""
    told = results["seeds"]
    lines = [
        f"{run['directory']}: {score_line(run['after'])}; validation CER {100 * run['validation_cer']:.1f} %; "
        f"{run['steps']} steps in {run['seconds']} s"
        for run in told["runs"]
    ]
    rates = {name.upper(): told[name] for name in ("cer", "wer") if told[name]}
    spreads = {name: {key: 100 * value for key, value in rate.items()} for name, rate in rates.items()}
    between = ", ".join(f"{name} {at['low']:.1f} to {at['high']:.1f} %" for name, at in spreads.items())
    apart = ", ".join(
        f"{name} {at['mean']:.1f} % on average, {at['lowest']:.1f} to {at['highest']:.1f} (standard deviation "
        f"{at['standard_deviation']:.1f})"
        for name, at in spreads.items()
    )
    lines.append(f"95 % interval of the average, over {told['interval']} and seeds: {between}")
    lines.append(f"{len(told['runs'])} seeds: {apart}; best on validation: {Path(results['output']) / told['best']}")
    return lines


def _rates(scores: LanguageScores) -> str:
    return ", ".join(_rate(name, rate) for name, rate in (("CER", scores["cer"]), ("WER", scores["wer"])) if rate)


def _rate(name: str, rate: Rate) -> str:
    return f"{name} {100 * rate['value']:.1f} % ({100 * rate['low']:.1f} to {100 * rate['high']:.1f})"


def _keep_quiet(*, progress: bool) -> None:
    """Silence what libraries say to their developers; what a user set in the environment or with -W stays."""
    quiet = {"TRANSFORMERS_VERBOSITY": "error", "DATASETS_VERBOSITY": "error", "HF_HUB_VERBOSITY": "error"}
    quiet |= {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "TOKENIZERS_PARALLELISM": "false"}
    if not progress or os.environ.get("HF_HUB_OFFLINE"):
        # Otherwise bars stay, for a download of a gigabyte takes its time.
        quiet["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # where it keeps its fonts is not news
    if not sys.warnoptions:
        for category in (DeprecationWarning, FutureWarning, UserWarning):
            warnings.simplefilter("ignore", category)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Texts of any script go through pipes whose encoding knows but one.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _say(cls: type[Settings], line: str, code: int) -> int:
    print(f"hf-speech-tl {cls.command}: {' '.join(line.split())}", file=sys.stderr)
    return code


def _full(cls: type[Settings], output: Path | None) -> str:
    said = "there is no room on the disk, or for this user; make some"
    if _is_under_way(cls, output):
        return f"{said}, and give the same command once more: it goes on, and shards that are whole stay"
    return said


def _stopped(cls: type[Settings], directory: str, output: Path | None) -> str:
    if _is_under_way(cls, output):
        return "stopped; shards that are whole stay, and the same command goes on"
    return (
        f"stopped; to go on: {_going_on(cls, directory)}" if directory else "stopped; nothing was saved to go on from"
    )


def _is_under_way(cls: type[Settings], output: Path | None) -> bool:
    """Whether the output holds a part of what the same command makes the rest of."""
    under_way = getattr(cls, "under_way", None)
    return bool(output and under_way and (output / under_way).is_dir())


def _going_on(cls: type[Settings], directory: str) -> str:
    command = ["python", "-m", f"hf_speech_tl.{cls.command}", f"{directory}/run.yaml", "--resume", directory]
    return subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)


def _log(output: Path | None) -> str:
    """Write the traceback of the current exception into a run's directory, else to a new file, and say where it is."""
    try:
        if output and (output / "run.yaml").is_file():
            path = output / "error.log"
            path.write_text(traceback.format_exc(), encoding="utf-8")
        else:
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", prefix="hf_speech_tl-", suffix=".log", delete=False
            ) as file:
                file.write(traceback.format_exc())
            path = Path(file.name)
    except OSError:
        return "no traceback: nowhere to write it"
    return f"traceback: {path}"
