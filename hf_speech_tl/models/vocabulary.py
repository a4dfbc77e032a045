"""The symbols a CTC head predicts, and the processor that stands for them in a saved model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from transformers import (
    ProcessorMixin,
    Wav2Vec2BertProcessor,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Processor,
)

from hf_speech_tl.models.frontends import FeatureExtractor

BLANK = "[PAD]"
DELIMITER = "|"  # stands for the space, as in every published CTC vocabulary


@dataclass(frozen=True)
class Vocabulary:
    """Symbols by id; one of them is the CTC blank, which is also the padding; `|` stands for the space.

    Those made here have the blank at 0, then one character a symbol, and no `<s>`, `</s>` or `<unk>`: they would be
    outputs that no transcript ever trains. Published checkpoints order theirs differently.
    """

    symbols: tuple[str, ...]
    blank: int = 0

    @classmethod
    def of(cls, transcripts: Iterable[str]) -> Vocabulary:
        """The characters of the training transcripts, sorted by code point."""
        characters = sorted({character for transcript in transcripts for character in transcript} - {DELIMITER, " "})
        spaced = any(" " in transcript for transcript in transcripts)
        return cls((BLANK, *([DELIMITER] if spaced else []), *characters))

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: index for index, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, transcript: str) -> list[int]:
        """Label ids of a transcript; characters that are not symbols are left out, `unknown` names them."""
        return [self._ids[character] for character in transcript.replace(" ", DELIMITER) if character in self._ids]

    def unknown(self, transcripts: Iterable[str]) -> list[str]:
        """Characters of the transcripts that no symbol stands for, sorted."""
        known = {*self.symbols, " "}
        return sorted({character for transcript in transcripts for character in transcript} - known)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of frame-wise best ids: repeats merged, blanks dropped (Graves et al. 2006)."""
        kept = [index for at, index in enumerate(ids) if index != self.blank and (at == 0 or index != ids[at - 1])]
        return "".join(self.symbols[index] for index in kept).replace(DELIMITER, " ").strip()

    def processor(self, feature_extractor: FeatureExtractor, directory: Path) -> ProcessorMixin:
        """The processor that transformers loads; its `vocab.json` is written into `directory` first."""
        path = directory / "vocab.json"
        path.write_text(json.dumps({s: i for i, s in enumerate(self.symbols)}, ensure_ascii=False, indent=1), "utf-8")
        tokenizer = Wav2Vec2CTCTokenizer(
            str(path),
            bos_token=None,
            eos_token=None,
            unk_token=BLANK,
            pad_token=BLANK,
            word_delimiter_token=DELIMITER,
            # The clean-up glues apostrophes and punctuation of English; it would change other languages' text.
            clean_up_tokenization_spaces=False,
        )
        waveform = isinstance(feature_extractor, Wav2Vec2FeatureExtractor)
        kind = Wav2Vec2Processor if waveform else Wav2Vec2BertProcessor
        return kind(feature_extractor=feature_extractor, tokenizer=tokenizer)
