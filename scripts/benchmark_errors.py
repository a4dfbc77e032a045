"""Error rates beside the recipe's, of the starter's shape from random weights: after equal steps and equal minutes."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmark_clips import save_starter
from benchmark_sides import Part, ours, recipe, watch_alone

_DOCUMENTED = "3e-4"  # of "Fine-tuning XLS-R"
_RATES = ("1e-4", "3e-4", "1e-3")  # of which B takes the best on validation


@dataclass(frozen=True)
class Contest:
    """part: the starter's shape on all of the corpus. corpus, lang, units: the same for ours. steps, minutes: how long,
    one or the other. seeds: how many."""

    part: Part
    corpus: str
    lang: str
    units: str
    steps: int
    minutes: float
    seeds: int


def run_errors(contest: Contest, work: Path) -> Iterator[str]:
    """All runs that are not done yet, each kept in a file of `work`/errors; yields what is run next, then once more
    when all are done. Raises Failed."""
    (work / "errors").mkdir(exist_ok=True)
    lengths = {"minutes": f"{contest.minutes:g}", "steps": str(contest.steps)}
    tried = {}
    for rate in _RATES:
        yield f"errors: B at {rate}, on validation ..."
        told = _run("B", contest, work, 0, "minutes", lengths["minutes"], rate, split="validation")
        tried[rate] = told["cer"]
    best = min(_RATES, key=lambda rate: tried[rate])
    for seed in range(contest.seeds):
        for unit, length in lengths.items():
            for side, rate in (("A", _DOCUMENTED), ("B", best), ("ours", "")):
                yield f"errors: {side} after {length} {unit}, seed {seed} ..."
                _run(side, contest, work, seed, unit, length, rate)
    yield "errors: done"


def _run(
    side: str, contest: Contest, work: Path, seed: int, unit: str, length: str, rate: str, split: str = "test"
) -> dict[str, Any]:
    name = "-".join([side, unit, str(seed), *([split, rate] if split != "test" else [])])
    file = work / "errors" / f"{name}.json"
    if file.is_file():
        return dict(json.loads(file.read_text("utf-8")))
    model = work / f"model-starter-{seed}"
    save_starter(model, seed)
    part = replace(contest.part, model=model)
    with tempfile.TemporaryDirectory(dir=work) as place:
        output = Path(place) / "output"
        more = ["--seed", str(seed)]
        if side == "ours":
            more += ["--max-minutes", length] if unit == "minutes" else ["--max-steps", length, "--patience", "none"]
            command = ours(side, part, output, contest.lang, contest.units, *more)
            command[command.index("--data") + 1] = contest.corpus  # whose texts are normalised as those of the others
        else:
            more += ["--minutes" if unit == "minutes" else "--max-steps", length]
            command = recipe(side, part, output, *more, "--learning-rate", rate, "--split", split)
        watched = watch_alone(command, Path(place), work / "errors.log")
        end = dict(watched.events[-1].figures)
        cer = end["cer"] if side == "ours" else _score(output / "texts.jsonl", contest.lang, contest.units)
    told = {"side": side, "unit": unit, "length": length, "seed": seed, "rate": rate, "split": split, "cer": cer}
    told |= {"steps": end["steps"], "skipped": end["skipped"], "precision": end["precision"]}
    told |= {"seconds": round(watched.seconds, 1), "others": round(watched.others, 3)}
    told["date"] = time.strftime("%Y-%m-%d")
    file.write_text(json.dumps(told) + "\n", "utf-8")
    return told


def _score(texts: Path, lang: str, units: str) -> float:
    """The CER of what the recipe recognised, counted as ours is."""
    from hf_speech_tl.languages import find_language
    from hf_speech_tl.scoring import character_edits, rate
    from hf_speech_tl.stages.reading import is_spaced

    rows = [json.loads(line) for line in texts.read_text("utf-8").splitlines()]
    spaced = is_spaced(find_language(lang), units)
    return rate(character_edits([row["said"] for row in rows], [row["heard"] for row in rows], spaced=spaced))
