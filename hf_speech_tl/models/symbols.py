"""The symbols of a checkpoint's head, as its vocab.json and its tokenizer have them."""

from __future__ import annotations

import json
from collections import Counter

from transformers import AutoTokenizer, PreTrainedModel

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models.adapters import adapter_languages
from hf_speech_tl.models.files import find_file
from hf_speech_tl.models.vocabulary import DELIMITER, Vocabulary

_TOKENIZER_FILES = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.json")


def read_symbols(name: str, place: str, model: PreTrainedModel, target_lang: str | None) -> Vocabulary | None:
    """The symbols by id; None where the checkpoint has no vocab.json, or one for each of many languages.

    name: what the user calls it, and place: where that is. Raises SettingsError where the file, the tokenizer's
    settings and the head do not belong together: others would read another text of it than we.
    """
    path = find_file(place, "vocab.json")
    if path is None:
        return None
    outputs, blank = model.config.vocab_size, model.config.pad_token_id
    try:
        ids = json.loads(path.read_text("utf-8"), object_pairs_hook=_each_once)
        if languages := adapter_languages(ids):
            if target_lang is None:
                return None
            ids = languages[target_lang]
        symbols = _by_id(ids, outputs)
        if not _is_id(blank, outputs):
            raise ValueError(f"its config.json has the blank {blank}")
        return Vocabulary(_as_written(symbols, blank, _tokenizer(place)), blank)
    except (ValueError, AttributeError, TypeError) as error:
        raise SettingsError(
            f"--model {name}: its vocab.json does not fit its head ({outputs} outputs, blank {blank}): {error}. "
            "Mend the file, or take another checkpoint."
        ) from error


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    counts = Counter(key for key, _ in pairs)
    if doubled := next((key for key, count in counts.items() if count > 1), None):
        raise ValueError(f"{doubled!r} stands there twice")
    return dict(pairs)


def _by_id(ids: object, outputs: int) -> list[str]:
    if not isinstance(ids, dict):
        raise ValueError("it is no table of symbols and their ids")
    symbols = [""] * outputs
    taken: dict[int, str] = {}
    for symbol, index in ids.items():
        if not _is_id(index, outputs):
            raise ValueError(f"{symbol!r} has the id {index!r}, and there are ids from 0 to {outputs - 1}")
        if index in taken:
            raise ValueError(f"{taken[index]!r} and {symbol!r} have the same id {index}")
        taken[index] = symbols[index] = symbol
    return symbols


def _is_id(index: object, outputs: int) -> bool:
    return isinstance(index, int) and not isinstance(index, bool) and 0 <= index < outputs


def _tokenizer(place: str) -> object:
    """What transformers makes of the tokenizer's files, not always what these say; None where that is nothing."""
    found = [find_file(place, file) for file in _TOKENIZER_FILES]
    if found[0] is None:
        return None
    try:
        return AutoTokenizer.from_pretrained(found[0].parent, trust_remote_code=False)
    except Exception:  # of another kind, damaged, or with code of its own: then vocab.json alone has to do
        return None


def _as_written(symbols: list[str], blank: int, tokenizer: object) -> tuple[str, ...]:
    """`symbols` as the tokenizer writes them, but for the one that stands for the space, which is ours."""
    pad, space = getattr(tokenizer, "pad_token", None), getattr(tokenizer, "word_delimiter_token", DELIMITER)
    if pad in symbols and symbols.index(pad) != blank:
        raise ValueError(f"its tokenizer takes {pad!r} for the blank, its config.json {symbols[blank]!r}")
    written = [DELIMITER if symbol == space else symbol for symbol in symbols]
    return tuple(symbol.lower() for symbol in written) if getattr(tokenizer, "do_lower_case", False) else tuple(written)
