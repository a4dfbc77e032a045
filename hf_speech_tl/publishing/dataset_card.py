"""The README of a folder of shards: what the Hub and people read of it."""

from __future__ import annotations

import yaml

from hf_speech_tl.corpora import SPLITS, Shards
from hf_speech_tl.publishing.markdown import plain
from hf_speech_tl.publishing.metadata import hub_licence

_TEXT = """# {title}

Recordings of speech in Parquet, written by hf_speech_tl's `prepare` from {sources}.

| split | rows | hours | shards |
|---|---|---|---|
{rows}

Columns: `id`, `audio` ({audio}), `text` as in the source, `speaker`,
`seconds`, `lang`, `source`. The training rows are in an order of chance. `shards.json` and `index.arrow` say where each
recording lies; `skipped.csv` lists those that were left out, with their reasons.

Licence: {licence}.

```python
from datasets import load_dataset

rows = load_dataset("parquet", data_dir="DIR")  # or "OWNER/NAME" from the Hub
```
"""
_AUDIO = {
    "flac": "FLAC, 16 kHz, one channel, 16 bit",
    "opus": "Ogg Opus, 16 kHz, one channel",
    "keep": "as in the source; pieces of longer recordings as FLAC",
}


def dataset_card(shards: Shards) -> str:
    """The card, with licences and languages where they are known."""
    head: dict[str, object] = {"task_categories": ["automatic-speech-recognition"], "tags": ["hf_speech_tl"]}
    if languages := list(dict.fromkeys(tag.partition("-")[0] for tag in shards.languages if tag != "mis")):
        head["language"] = languages
    if shards.licenses:
        head["license"] = hub_licence(shards.licenses)
    splits = {split: [one for one in shards.shards if one.split == split] for split in SPLITS}
    files = [{"split": split, "path": f"{split}-*.parquet"} for split, own in splits.items() if own]
    head["configs"] = [{"config_name": "default", "data_files": files}]
    rows = "\n".join(
        f"| {split} | {sum(one.rows for one in own)} | {sum(one.seconds for one in own) / 3600:.2f} | {len(own)} |"
        for split, own in splits.items()
        if own
    )
    sources = ", ".join(map(plain, shards.sources))
    text = _TEXT.format(
        title=sources,
        sources=sources,
        rows=rows,
        audio=_AUDIO[shards.audio],
        licence=", ".join(map(plain, shards.licenses)) or "not known; ask before you pass the recordings on",
    )
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n{text}"
