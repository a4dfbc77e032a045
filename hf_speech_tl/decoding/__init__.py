"""Logits to text."""

from hf_speech_tl.decoding.greedy import Recognition, at_once, recognise, recognise_each

__all__ = ["Recognition", "at_once", "recognise", "recognise_each"]
