"""What a transfer says in the end: whether the detour pays, what each stage was worth, and what was forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hf_speech_tl.scoring import Comparison

APART = 1.05  # the seconds of the longer route over those of the shorter one, from which on they do not compare


def worth_lines(ablation: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Whether the detour pays, and then the gain of each stage."""
    whole, direct = ablation["whole"], ablation["direct"]
    low, high = direct["gain"]["cer"]["low"], direct["gain"]["cer"]["high"]
    pays = "pays" if low > 0 else "does not pay" if high < 0 else "does not clearly pay"
    lines = [
        f"the detour {pays}: CER {100 * whole['cer']:.1f} %, {100 * direct['cer']:.1f} % on the direct route, in "
        f"{whole['seconds']:.0f} s and {direct['seconds']:.0f} s of training; {gain_words(direct['gain'])}"
    ]
    shorter, longer = sorted((whole["seconds"], direct["seconds"]))
    if direct.get("seeds_ended_early") and whole["seconds"] > APART * direct["seconds"]:
        seeds = " with some seeds" if direct["seeds_ended_early"] < len(ablation.get("seeds", [0])) else ""
        lines.append(f"  the direct route might have had {whole['seconds']:.0f} s, but ended early{seeds}")
    elif longer > APART * shorter > 0:
        lines.append(
            f"  the routes differ by {100 * longer / shorter - 100:.0f} % in seconds, which may be a part of that"
        )
    alone = len(stages) == 2  # what is left without the other stage is the direct route
    width = max(8, *(len(stage["name"]) for stage in stages))
    for stage in stages:
        name = stage["name"]
        found = ablation.get(f"without-{name}") or (direct if alone and name != "target" else None)
        told = "cannot be told: no model before it writes anything comparable"
        if found:
            over = "the model before it" if name == "target" else f"{found['seconds']:.0f} s of training without it"
            told = f"{gain_words(found['gain'])}, over {over}{', both romanised' if 'units' in found else ''}"
        lines.append(f"  {name:{width}}  {told}")
    return lines


def forgotten_line(forgetting: Mapping[str, Any]) -> str:
    """The error on the source languages before and after, and how sure the difference is."""
    before, after = (100 * forgetting[key]["cer"]["value"] for key in ("before", "after"))
    romanised = " (romanised)" if forgetting["units"] == "romanized" else ""
    return (
        f"forgotten of the source{romanised}: CER {before:.1f} % before, {after:.1f} % in the end; "
        f"{gain_words(forgetting['forgotten'])}"
    )


def gain_words(comparison: Comparison) -> str:
    """A paired gain in points of CER, with its interval, p-value, and what these are over."""
    cer = comparison["cer"]
    gain, low, high = (100 * value for value in (cer["gain"], cer["low"], cer["high"]))
    seeds = f" and {comparison['seeds']} seeds" if "seeds" in comparison else ""
    return (
        f"{gain:+.1f} points of CER ({low:+.1f} to {high:+.1f}, p = {cer['p_value']:.3f}; 95 % interval, paired, over "
        f"{comparison['interval']}{seeds})"
    )
