import numpy as np
import pytest
import torch
from tiny import FAMILIES, RATE, encoder_of, extractor_of, save_tiny, save_whisper, tiny_model
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import frame_count, load_layer, load_teacher, split_layer
from hf_speech_tl.models import whisper as whisper_module
from hf_speech_tl.models.grid import Grid
from hf_speech_tl.models.whisper import pack

CPU = torch.device("cpu")
HALF_RATE = dict(conv_kernel=(20, 16, 8), conv_stride=(20, 8, 4))  # 25 frames a second, as the starter


def clips_of(*lengths: float, seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.normal(0, 0.1, round(seconds * RATE)).astype(np.float32) for seconds in lengths]


def teacher_of(name: str, pupil=None, layers=None):
    return load_teacher(name, layers, (pupil or tiny_model()).config, CPU, torch.float32)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_encoder_teaches_what_transformers_says_its_layers_hold(family: str, tmp_path) -> None:
    teacher = teacher_of(str(save_tiny(tmp_path, family)), tiny_model(family), [1, 2])
    clips = clips_of(0.5, 0.9)
    model = encoder_of(tiny_model(family)).eval()
    for clip, states in zip(clips, teacher(clips), strict=True):
        inputs = extractor_of(tiny_model(family))(clip, sampling_rate=RATE, return_tensors="pt")
        with torch.no_grad():
            output = model(**inputs, output_hidden_states=True)
        count = frame_count(tiny_model(family).config, len(clip))
        assert states.shape == (count, 32) and states.dtype == np.float32
        last = output.last_hidden_state[0, :count].numpy()
        np.testing.assert_allclose(states[:, 16:], last, rtol=1e-3, atol=1e-3)
        if output.hidden_states[1].shape == output.last_hidden_state.shape:
            first = output.hidden_states[1][0, :count].numpy()
            np.testing.assert_allclose(states[:, :16], first, rtol=1e-3, atol=1e-3)


def test_clips_come_in_their_order_and_do_not_depend_on_each_other(tmp_path) -> None:
    teacher = teacher_of(str(save_tiny(tmp_path, "hubert")))
    clips = clips_of(0.5, 1.3, 0.7)
    for clip, together in zip(clips, teacher(clips), strict=True):
        np.testing.assert_allclose(together, next(teacher([clip])), rtol=1e-4, atol=1e-4)


def test_a_pupil_of_half_the_rate_gets_means(tmp_path) -> None:
    name = str(save_tiny(tmp_path, "hubert"))
    pupil = tiny_model(**HALF_RATE)
    (clip,) = clips_of(1.1)
    (full,) = teacher_of(name, tiny_model("hubert"))([clip])
    (half,) = teacher_of(name, pupil)([clip])
    count = frame_count(pupil.config, len(clip))
    wanted = Grid.of(tiny_model("hubert").config).average(full, Grid.of(pupil.config), count)
    assert len(half) == count < len(full)
    np.testing.assert_allclose(half, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [WhisperEncoder, WhisperModel, WhisperForConditionalGeneration])
def test_whisper_s_encoder_is_found_in_any_of_its_checkpoints(kind: type, tmp_path) -> None:
    name = save_whisper(tmp_path, kind)
    source = kind.from_pretrained(name)
    encoder = source if kind is WhisperEncoder else source.get_encoder()
    teacher = teacher_of(name)
    ours = teacher._encoder._encoder.state_dict()
    assert all(torch.equal(ours[key], value) for key, value in encoder.state_dict().items())


def test_whisper_hears_a_clip_alone_as_transformers_does(tmp_path) -> None:
    name = save_whisper(tmp_path)
    (clip,) = clips_of(2.4)
    teacher = teacher_of(name, layers=[1, 2])
    ((states, grid),) = teacher._encoder.states([clip], [1, 2])
    features = WhisperFeatureExtractor.from_pretrained(name)(clip, sampling_rate=RATE, return_tensors="pt")
    with torch.no_grad():
        output = WhisperEncoder.from_pretrained(name).eval()(**features, output_hidden_states=True)
    assert states.shape == (120, 32) and grid == Grid(0.0, 320.0)
    wanted = torch.cat([output.hidden_states[1], output.last_hidden_state], -1)[0, :120].numpy()
    # The last frames hear the edge of the clip, which the extractor takes for the edge of silence.
    np.testing.assert_allclose(states[:-2], wanted[:-2], rtol=1e-2, atol=2e-2)


def test_packed_clips_are_cut_out_again_and_long_ones_put_together(tmp_path, monkeypatch) -> None:
    teacher = teacher_of(save_whisper(tmp_path))
    windows: list[int] = []
    run = whisper_module.Whisper._run
    monkeypatch.setattr(
        whisper_module.Whisper, "_run", lambda self, mel, layers: windows.append(len(mel)) or run(self, mel, layers)
    )
    clips = clips_of(0.5, 7.3, 0.9, 0.21)
    made = list(teacher(clips))
    # 7.3 s are two windows and 1.3 s; the others fit behind that: with half a second between them, 0.9 s do.
    assert sum(windows) == 4
    counts = [frame_count(tiny_model().config, len(clip)) for clip in clips]
    assert [len(states) for states in made] == counts
    assert all(np.isfinite(states).all() for states in made)
    alone = next(teacher([clips[1]]))
    np.testing.assert_allclose(made[1][:140], alone[:140], rtol=1e-3, atol=1e-3)


def test_packing_leaves_gaps_keeps_to_frames_and_loses_nothing() -> None:
    lengths = [37, 299, 300, 301, 650, 1, 120]
    windows = pack(lengths, 300)
    covered = [np.zeros(length, int) for length in lengths]
    for window in windows:
        end = -50
        for piece in sorted(window, key=lambda piece: piece.place):
            assert piece.place % 2 == 0 and piece.place >= end + 50
            end = piece.place + piece.end - piece.begin
            assert end <= 300
            covered[piece.clip][piece.begin : piece.end] += 1
    assert all((of_clip == 1).all() for of_clip in covered)


def test_the_fingerprint_tells_layers_pupils_and_weights_apart(tmp_path) -> None:
    name = str(save_tiny(tmp_path / "one", "hubert"))
    prints = {
        teacher_of(name).fingerprint(),
        teacher_of(name, layers=[1]).fingerprint(),
        teacher_of(name, tiny_model(**HALF_RATE)).fingerprint(),
        load_teacher(name, None, tiny_model().config, CPU, torch.bfloat16).fingerprint(),
        teacher_of(save_whisper(tmp_path / "two")).fingerprint(),
    }
    assert len(prints) == 5 and teacher_of(name).fingerprint() in prints


@pytest.mark.parametrize(("layers", "chosen"), [(2, (1, 2)), (6, (4, 6)), (1, (1,)), (5, (3, 5))])
def test_without_a_word_the_middle_and_the_last_layer_teach(layers: int, chosen: tuple[int, ...], tmp_path) -> None:
    assert teacher_of(save_whisper(tmp_path, layers=layers)).layers == chosen


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("runs/pl", ("runs/pl", None)),
        ("runs/pl:6", ("runs/pl", 6)),
        ("owner/name:12", ("owner/name", 12)),
        (r"C:\runs\pl", (r"C:\runs\pl", None)),
        ("runs:1/pl", ("runs:1/pl", None)),
        (":6", (":6", None)),
    ],
)
def test_a_layer_stands_behind_the_last_colon(text: str, meant: tuple[str, int | None]) -> None:
    assert split_layer(text) == meant


@pytest.mark.parametrize(("layers", "middle"), [(1, 1), (2, 1), (5, 3), (12, 6)])
def test_clusters_are_of_the_middle_layer_unless_one_is_named(layers: int, middle: int, tmp_path) -> None:
    name, pupil = save_whisper(tmp_path, layers=layers), tiny_model().config
    assert load_layer(name, pupil, CPU, torch.float32).layers == (middle,)
    assert load_layer(f"{name}:{layers}", pupil, CPU, torch.float32).layers == (layers,)
    for beyond in (0, layers + 1):
        with pytest.raises(SettingsError, match=rf"^--cluster-on .*:{beyond}: .* has {layers} layers; allowed: "):
            load_layer(f"{name}:{beyond}", pupil, CPU, torch.float32)
    with pytest.raises(SettingsError, match=r"^--cluster-on .*no such directory"):
        load_layer(f"{name}/nowhere:2", pupil, CPU, torch.float32)


def test_what_cannot_teach_is_refused_by_the_name_of_its_option(tmp_path) -> None:
    with pytest.raises(SettingsError, match=r"--teacher-layers 1,3: .* 2 layers"):
        teacher_of(save_whisper(tmp_path), layers=[1, 3])
    with pytest.raises(SettingsError, match=r"--teacher .*nowhere"):
        teacher_of(str(tmp_path / "nowhere"))
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(SettingsError, match=r"--teacher .*cannot be loaded"):
        teacher_of(str(tmp_path))
