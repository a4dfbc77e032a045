"""Rows of the one table for what a command hears: the same option means the same to every command that has it."""

from __future__ import annotations

from hf_speech_tl.settings.option import Option
from hf_speech_tl.settings.preset import AUTO
from hf_speech_tl.settings.source import Source

DATA = Option(
    "Data",
    "recordings with transcripts, repeatable: a Parquet file or folder; a folder of audio with metadata.csv, .tsv "
    "or .jsonl, or a .txt beside each file; a manifest (.jsonl, .csv, .tsv); a Common Voice, AISHELL-1, "
    "LibriSpeech, MLS or Kaldi folder; ELAN .eaf or Praat .TextGrid files beside their recordings; a folder that "
    "prepare wrote, or its address (https://HOST/FOLDER, s3://...); starter; fleurs; hub:OWNER/NAME[:CONFIG]; "
    "LANG=SOURCE for one in another language than --lang; in YAML also "
    "{source: ..., lang: ..., weight: 2, text_column: ..., tier: ...}",
    kind=Source,
    many=True,
    metavar="SOURCE",
    shown=AUTO,
    why="see --preset",
)
TEXT_COLUMN = Option(
    "Data",
    "column that holds the transcripts",
    unset="auto",
    why="the column whose name says so: text, sentence, transcription",
)
TIER = Option(
    "Data",
    "tier of ELAN or Praat files that holds the transcripts, or a pattern such as 'tx@*' for one tier a speaker",
    unset="auto",
    why="the only one that has text; where there are several they are listed",
)
MAX_SECONDS = Option(
    "Data",
    "longer recordings are skipped, and listed in skipped.csv",
    kind=float,
    above=0,
    why="attention grows with the square of the length: one clip of 64 s in a batch of 8 took 19 GB",
)
TEMPERATURE = Option(
    "Data",
    "of several languages, balance the training: each gets a share in proportion to its hours to the power 1/T, which "
    "for large T is the same for all",
    kind=float,
    at_least=1,
    below=10**6,
    why="as much as there is of each; XLS-R took 2 (Babu et al. 2021)",
)
