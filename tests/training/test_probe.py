import numpy as np
import pytest
import torch
from tiny import EXTRACTOR, VOCABULARY, encoder_of, tiny_model, tiny_rows

from hf_speech_tl.training import Clips, Probe, probe_steps
from hf_speech_tl.training import probe as probe_module

_LENGTHS = (0.6, 0.9, 0.8, 1.5, 0.7, 1.0)
_TEXTS = ("ab", "abc d", "d", "a bad cab", "bb", "cab")


@pytest.fixture
def probe(monkeypatch) -> Probe:
    monkeypatch.setattr(probe_module, "_STEPS", 20)
    clips = Clips(tiny_rows(_LENGTHS, _TEXTS), [VOCABULARY.encode(text) for text in _TEXTS])
    return Probe(clips, clips, _TEXTS, VOCABULARY, EXTRACTOR, spaced=True)


def test_the_same_encoder_has_the_same_figure_and_is_left_as_it_was(probe) -> None:
    encoder = encoder_of(tiny_model()).train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    state = torch.get_rng_state()
    first = probe.error_rate(encoder, torch.float32)
    # A resumed run asks as often as an unbroken one only from its checkpoint on: chance must not hear of it.
    assert torch.equal(torch.get_rng_state(), state) and encoder.training
    torch.rand(3)
    assert probe.error_rate(encoder, torch.float32) == first
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


def test_states_that_tell_the_letters_have_fewer_errors(probe, monkeypatch) -> None:
    monkeypatch.setattr(probe_module, "_STEPS", 150)
    nothing = probe.error_rate(encoder_of(tiny_model()), torch.float32)

    def letters(self, encoder, clips, dtype):
        """Each letter for four frames, and nothing for two, with some noise."""
        generator = np.random.default_rng(0)
        found = []
        for text in _TEXTS:
            ids = [number for label in VOCABULARY.encode(text) for number in [label] * 4 + [0] * 2]
            states = np.eye(len(VOCABULARY))[ids] + generator.normal(0, 0.1, (len(ids), len(VOCABULARY)))
            found.append(torch.tensor(states, dtype=torch.float32))
        return found

    monkeypatch.setattr(Probe, "_states", letters)
    assert probe.error_rate(encoder_of(tiny_model()), torch.float32) < 0.2 < nothing


@pytest.mark.parametrize(
    ("steps", "evaluations", "asked"),
    [
        (16, 16, {4, 8, 12, 16}),
        (20, 16, {6, 10, 16, 20}),
        (2, 2, {1, 2}),
        (1, 1, {1}),
        (1000, 16, {252, 504, 756, 1000}),
    ],
)
def test_a_few_of_the_evaluations_ask_the_last_one_among_them(steps: int, evaluations: int, asked: set[int]) -> None:
    found = probe_steps(steps, evaluations, 4)
    assert found == asked
