import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
import soundfile
import torch
from tiny import EXTRACTOR, save_tiny, tiny_model

from hf_speech_tl import evaluate
from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.publishing.save import save_encoder
from hf_speech_tl.settings import EvaluateSettings, TranscribeSettings
from hf_speech_tl.stages import evaluation, judgement, transcription


def test_evaluating_a_run_repeats_its_scores(complete, corpus) -> None:
    results, directory = complete
    again = evaluation.run(EvaluateSettings(model=str(directory), data=(str(corpus),)))
    assert again["after"] == results["after"] and again["precision"] == "float32"


def test_both_models_are_judged_in_the_precision_that_is_asked_for(
    settings, corpus, tiny_checkpoint, monkeypatch
) -> None:
    monkeypatch.setattr(judgement, "quick_dtype", lambda _: torch.bfloat16)
    seen, real = [], judgement.recognise_each
    monkeypatch.setattr(judgement, "recognise_each", lambda *a, **k: seen.append(k["dtype"]) or real(*a, **k))
    model = str(tiny_checkpoint)
    asked = EvaluateSettings(model=model, against=model, data=(str(corpus),), lang="it", precision="auto")
    assert evaluation.run(asked)["precision"] == "bfloat16" and seen == [torch.bfloat16] * 2


def test_a_model_against_itself_gains_nothing(settings, corpus, tiny_checkpoint) -> None:
    model = str(tiny_checkpoint)
    found = evaluation.run(EvaluateSettings(model=model, against=model, data=(str(corpus),), lang="it"))
    gain = found["against"]["gain"]["cer"]
    assert gain["gain"] == gain["low"] == gain["high"] == 0


def test_an_unknown_language_and_a_missing_head_are_told(corpus, tmp_path, tiny_checkpoint) -> None:
    with pytest.raises(SettingsError, match="Give --lang"):
        evaluation.run(EvaluateSettings(model=str(tiny_checkpoint), data=(str(corpus),)))
    (tmp_path / "bare").mkdir()
    save_encoder(tiny_model().base_model, EXTRACTOR, tmp_path / "bare")
    with pytest.raises(SettingsError, match=r"the model .*bare has no trained CTC head"):
        evaluation.run(EvaluateSettings(model=str(tmp_path / "bare"), data=(str(corpus),), lang="it"))


def test_what_somebody_else_s_model_writes_is_normalised(tiny_checkpoint, corpus, tmp_path) -> None:
    ours = tmp_path / "ours"
    shutil.copytree(tiny_checkpoint, ours)
    symbols = json.loads((ours / "vocab.json").read_text())
    (ours / "vocab.json").write_text(json.dumps({symbol.upper(): at for symbol, at in symbols.items()}))
    alike = EvaluateSettings(model=str(tiny_checkpoint), against=str(ours), data=(str(corpus),), lang="it")
    found = evaluation.run(alike)
    assert found["against"]["scores"] == found["after"]


def test_what_is_left_out_is_counted_by_reason(tiny_checkpoint, corpus, capsys) -> None:
    asked = ["--model", str(tiny_checkpoint), "--data", str(corpus), "--lang", "it", "--max-seconds", "1.3"]
    assert evaluate.main(asked) == 0
    told, *_ = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"left out: \d too long", told)


def test_both_names_are_looked_at_before_anything_is_judged(tiny_checkpoint, corpus, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(evaluation, "judge", lambda *_, **__: pytest.fail("judged"))
    typo = EvaluateSettings(model=str(tmp_path / "frist"), data=(str(corpus),), lang="it")
    with pytest.raises(SettingsError, match=r"--model .*frist: there is no such directory"):
        evaluation.run(typo)
    with pytest.raises(SettingsError, match=r"--against .*frist: there is no such directory"):
        evaluation.run(dataclasses.replace(typo, model=str(tiny_checkpoint), against=str(tmp_path / "frist")))
    save_encoder(tiny_model().base_model, EXTRACTOR, tmp_path)
    with pytest.raises(SettingsError, match="no trained CTC head"):
        evaluation.run(dataclasses.replace(typo, model=str(tiny_checkpoint), against=str(tmp_path)))


def test_a_file_of_which_the_model_makes_no_frame_costs_no_other_its_text(
    tiny_checkpoint, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(transcription, "frame_count", lambda _, samples: samples // 4_000)  # as LASR has few
    for name, seconds in (("beep", 0.12), ("word", 1.0)):
        soundfile.write(
            tmp_path / f"{name}.wav", np.random.default_rng(0).normal(0, 0.1, int(16_000 * seconds)), 16_000
        )
    files = tuple(tmp_path / f"{name}.wav" for name in ("beep", "word"))
    beep, word = transcription.run(TranscribeSettings(model=str(tiny_checkpoint), files=files))
    assert beep.error == "only 0.120 s long, of which this model makes no frame" and word.text is not None


def test_files_are_transcribed_and_bad_ones_named(tiny_checkpoint, tmp_path) -> None:
    good, bad = tmp_path / "good.wav", tmp_path / "bad.wav"
    soundfile.write(good, np.random.default_rng(0).normal(0, 0.1, 8_000), 8_000)
    bad.write_text("no audio")
    found = list(transcription.run(TranscribeSettings(model=str(tiny_checkpoint), files=(good, bad))))
    assert found[0].text is not None and "not audio" in found[1].error
    with pytest.raises(DataError, match="none of the files"):
        list(transcription.run(TranscribeSettings(model=str(tiny_checkpoint), files=(bad,))))


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{",
        '{"lang": null, "language": {"units": "char", "simplify": false}}',
        '{"lang": "it", "language": "Italian"}',
    ],
)
def test_a_strangers_results_file_is_not_believed(content: str, corpus, tmp_path) -> None:
    model = save_tiny(tmp_path / "theirs")
    (model / "results.json").write_text(content)
    with pytest.raises(SettingsError, match="Give --lang"):
        evaluation.run(EvaluateSettings(model=str(model), data=(str(corpus),)))
