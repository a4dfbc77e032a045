"""Logits to text."""

from hf_speech_tl.decoding.greedy import Recognition, recognise, recognise_each

__all__ = ["Recognition", "recognise", "recognise_each"]
