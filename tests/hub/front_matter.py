"""What the Hub has to say against the metadata of a model's card; it takes no commit with a card that it would refuse.

After the specification (hub-docs, modelcard.md): what stands there as required is, and a licence has to be one of its
list, which is shortened here to those that recordings and encoders come under.
"""

from __future__ import annotations

import re

import yaml

_METADATA = re.compile(r"\A---\n(.*?)\n---(\n|\Z)", re.DOTALL)
_LICENCES = (
    *("apache-2.0", "mit", "gpl-2.0", "gpl-3.0", "odbl", "cc0-1.0", "other", "unknown"),
    *(
        f"cc-{kind}-{version}"
        for kind in ("by", "by-sa", "by-nc", "by-nc-sa", "by-nc-nd")
        for version in ("3.0", "4.0")
    ),
)
_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}|code|multilingual")
_TASK = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TEXTS = {"language": _LANGUAGE, "datasets": _ID, "base_model": _ID, "metrics": _ID, "tags": None}
# Of each place in model-index, what must be there.
_REQUIRED = {"task": ("type",), "dataset": ("type", "name"), "metrics": ("type", "value")}


def complaints(text: str) -> list[str]:
    """What is wrong with the metadata of the card `text`; nothing for one that has none."""
    found = _METADATA.match(text)
    try:
        metadata = yaml.safe_load(found[1]) if found else {}
    except yaml.YAMLError:
        metadata = None
    if not isinstance(metadata, dict):
        return ["the metadata is not a YAML mapping"]
    said = []
    if metadata.get("license", "other") not in _LICENCES:
        said.append(f'"license" must be one of [{", ".join(_LICENCES)}]')
    for key, allowed in _TEXTS.items():
        value = metadata.get(key, [])
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, str):
                said.append(f'"{key}" must be a string or a list of strings')
            elif allowed and not allowed.fullmatch(one):
                said.append(f'"{key}" with value "{one}" is not valid')
    for key in ("pipeline_tag", "library_name"):
        if not _TASK.fullmatch(str(metadata.get(key, "none"))):
            said.append(f'"{key}" with value "{metadata[key]}" is not valid')
    return said + _of_index(metadata.get("model-index", []))


def _of_index(index: object) -> list[str]:
    if not isinstance(index, list):
        return ['"model-index" must be an array']
    said = []
    for at, model in enumerate(index):
        place = f"model-index[{at}]"
        if not model.get("name"):
            said.append(f'"{place}.name" is required')
        if not isinstance(results := model.get("results"), list):
            said.append(f'"{place}.results" must be an array')
            continue
        for number, result in enumerate(results):
            for part, keys in _REQUIRED.items():
                given = result.get(part)
                for one in given if isinstance(given, list) else [given]:
                    lacking = [key for key in keys if not isinstance(one, dict) or one.get(key) in (None, "")]
                    said += [f'"{place}.results[{number}].{part}.{key}" is required' for key in lacking]
    return said
