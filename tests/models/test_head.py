import torch
from tiny import VOCABULARY, save_tiny

from hf_speech_tl.models import Checkpoint, Vocabulary, inherit, load_checkpoint, read_config, replace_head


def _checkpoint(directory) -> Checkpoint:  # type: ignore[no-untyped-def]
    name = str(save_tiny(directory))
    return load_checkpoint(name, read_config(name))


def test_rows_are_those_of_their_origins(tmp_path) -> None:
    checkpoint = _checkpoint(tmp_path)
    torch.nn.init.normal_(checkpoint.model.lm_head.bias)
    old, bias = (weight.clone() for weight in checkpoint.model.lm_head.parameters())
    vocabulary = Vocabulary.of(["ab áع"])
    replace_head(checkpoint, vocabulary, inherit(vocabulary, VOCABULARY))
    new = dict(zip(vocabulary.symbols, checkpoint.model.lm_head.weight, strict=True))
    assert torch.equal(new["[PAD]"], old[0]) and torch.equal(new["|"], old[1])
    assert torch.equal(new["a"], old[2]) and torch.equal(new["á"], old[2])
    away = new["ع"] - old[1:].mean(dim=0)
    assert 0 < away.abs().max() < 0.2  # noise
    assert torch.equal(checkpoint.model.lm_head.bias[:2], bias[:2])
    assert checkpoint.model.config.vocab_size == 6


def test_symbols_that_come_of_several_begin_at_their_mean(tmp_path) -> None:
    checkpoint = _checkpoint(tmp_path)
    old = checkpoint.model.lm_head.weight.clone()
    vocabulary = Vocabulary(("[PAD]", "x"))
    origin = inherit(vocabulary, VOCABULARY)[0]
    replace_head(checkpoint, vocabulary, [origin, type(origin)("x", "letters", ("a", "c"), (2, 4))])
    torch.testing.assert_close(checkpoint.model.lm_head.weight[1], (old[2] + old[4]) / 2)


def test_without_origins_all_rows_are_random_and_no_more_is_drawn(tmp_path) -> None:
    vocabulary, drawn = Vocabulary.of(["ab ع"]), []
    for origins in ((), inherit(vocabulary, VOCABULARY)):
        checkpoint = _checkpoint(tmp_path)
        old = checkpoint.model.lm_head.weight.clone()
        torch.manual_seed(0)
        replace_head(checkpoint, vocabulary, origins)
        drawn.append(torch.rand(1))
        assert torch.equal(checkpoint.model.lm_head.weight[0], old[0]) == bool(origins)
    assert torch.equal(*drawn)
