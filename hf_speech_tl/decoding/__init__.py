"""Logits to text."""

from hf_speech_tl.decoding.greedy import Recognition, recognise

__all__ = ["Recognition", "recognise"]
