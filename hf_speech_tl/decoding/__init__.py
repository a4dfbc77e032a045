"""Logits to text."""

from hf_speech_tl.decoding.greedy import Recognition, announced, at_once, recognise, recognise_each

__all__ = ["Recognition", "announced", "at_once", "recognise", "recognise_each"]
