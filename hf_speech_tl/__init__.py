"""Recordings of a language in, a speech recogniser that plain transformers loads out."""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["__version__", "load_corpus"]


def __getattr__(name: str) -> object:
    # Not at the top: whoever wants the version or `--help` should not wait for datasets.
    if name == "load_corpus":
        from hf_speech_tl.corpora import load_corpus

        return load_corpus
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
