"""Several processes: the launch files, one model from two of them, and what happens when one dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file
from tiny import free_port, save_tiny, tiny_rows

from hf_speech_tl.settings import FinetuneSettings, write_yaml
from hf_speech_tl.stages.finetune import run

ROOT = Path(__file__).parents[1]
LAUNCH = ROOT / "scripts" / "launch"
TEXTS = ("ab", "abc d", "d", "a bad cab dab", "bb", "cab", "dad cab", "ada")


@pytest.mark.parametrize(
    ("name", "kind", "machines"),
    [("one-node-ddp", "MULTI_GPU", 1), ("one-node-fsdp2", "FSDP", 1), ("several-nodes", "MULTI_GPU", 2)],
)
def test_accelerate_reads_the_launch_files(name: str, kind: str, machines: int) -> None:
    config = load_config_from_file(str(LAUNCH / f"{name}.yaml"))
    assert isinstance(config, ClusterConfig)
    assert (config.distributed_type, config.num_machines, config.use_cpu) == (kind, machines, False)
    if kind == "FSDP":
        assert config.fsdp_config["fsdp_version"] == 2


def test_the_cluster_script_is_bash_and_looks_for_what_a_checkpoint_has() -> None:
    script = LAUNCH / "slurm.sbatch"
    subprocess.run(["bash", "-n", str(script)], check=True)
    text = script.read_text("utf-8")
    assert '--cpus-per-task="$SLURM_CPUS_PER_TASK"' in text
    assert "--signal=USR1" in text and "checkpoints/checkpoint-*/parts.json" in text and "code == 130" in text


# accelerate shards on GPUs only; told that these two are some, it does it here as well. What FSDP keeps of a model
# holds gloo's threads to the end of Python, which they may abort; NCCL, which has these runs elsewhere, has none.
_SHARDED = """
import os, sys, torch
from accelerate import DistributedType, PartialState
torch.distributed.init_process_group("gloo")
PartialState._prepare_backend = lambda *_, **__: ("gloo", DistributedType.MULTI_GPU)
sys.exit = lambda code: (sys.stdout.flush(), sys.stderr.flush(), os._exit(code))
"""
_FINETUNE = """
import os, signal, sys
from hf_speech_tl.finetune import main
from hf_speech_tl.training import SpeechTrainer
step, at = SpeechTrainer.training_step, os.environ.get("FAILS_AT")
def failing(self, *arguments):
    if at and self.state.global_step == int(at) and os.environ["RANK"] == "1":
        how = os.environ["FAILS_BY"]
        if how == "error":
            raise ValueError("the second one's own reason")
        signal.raise_signal(getattr(signal, how))
    return step(self, *arguments)
SpeechTrainer.training_step = failing
sys.exit(main())
"""


def two(*words: str, sharded: bool = False, **more: str) -> list[tuple[int, str]]:
    """Exit code and error output of each of two processes that finetune together."""
    environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    environment |= {"LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    if sharded:
        environment |= {"ACCELERATE_TORCH_DEVICE": "cpu", "ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}
        environment |= {"FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP", "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT"}
        environment |= {"FSDP_CPU_RAM_EFFICIENT_LOADING": "false", "FSDP_RESHARD_AFTER_FORWARD": "true"}
    program = _SHARDED + _FINETUNE if sharded else _FINETUNE
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, *words],
            env=os.environ | environment | more | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    began = time.monotonic()
    said = [process.communicate(timeout=240)[1] for process in running]
    assert time.monotonic() - began < 240
    return [(process.returncode, words) for process, words in zip(running, said, strict=True)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> FinetuneSettings:
    """Settings of a run without anything random in a step, on noise."""
    folder = tmp_path_factory.mktemp("launch")
    (folder / "corpus").mkdir()
    for seed, (split, times) in enumerate((("train", 3), ("validation", 1), ("test", 1))):
        lengths = tuple(0.6 + 0.2 * ((at + seed) % 5) for at in range(len(TEXTS) * times))
        rows = tiny_rows(lengths, TEXTS * times, seed).remove_columns(["transcript", "source", "lang"])
        rows.to_parquet(str(folder / "corpus" / f"{split}.parquet"))
    settings = FinetuneSettings(
        lang="it",
        data=(str(folder / "corpus"),),
        model=str(save_tiny(folder / "model")),
        max_steps=10,
        batch_seconds=8.0,  # its last step has clips enough for two
        precision="float32",
        optimizer="adamw",
        augment=(),
        learning_rate=1e-3,
        output=folder / "unused",
    )
    write_yaml(settings, folder / "run.yaml")
    return settings


def log(directory: Path, *names: str) -> list[float]:
    lines = [json.loads(line) for line in (directory / "log.jsonl").read_text().splitlines()]
    return [line[name] for line in lines for name in names if name in line]


def weights(directory: Path) -> bytes:
    return (directory / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def whole(plain: FinetuneSettings) -> Path:
    """What two processes make without an interruption."""
    folder = Path(str(plain.output)).parent
    outcome = two(str(folder / "run.yaml"), "--output", str(folder / "whole"))
    assert [code for code, _ in outcome] == [0, 0] and "step" not in outcome[1][1]
    return folder / "whole"


@pytest.mark.slow
def test_two_processes_have_the_losses_and_errors_of_one(plain, whole: Path, tmp_path) -> None:
    alone = FinetuneSettings(**{**vars(plain), "output": tmp_path / "alone", "quiet": True})
    run(alone)
    assert log(whole, "loss") == pytest.approx(log(tmp_path / "alone", "loss"), rel=1e-4)
    assert log(whole, "eval_cer") == log(tmp_path / "alone", "eval_cer")


@pytest.mark.slow
def test_accelerate_itself_starts_the_same_two(plain, whole: Path, tmp_path) -> None:
    words = ["--config_file", str(LAUNCH / "one-node-ddp.yaml"), "--num_processes", "2"]
    words += ["--main_process_port", str(free_port()), "-m", "hf_speech_tl.finetune"]
    words += [str(whole.parent / "run.yaml"), "--output", str(tmp_path / "launched")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "accelerate.commands.launch", *words], env=environment, check=True)
    assert weights(tmp_path / "launched") == weights(whole)


@pytest.mark.slow
def test_one_that_fails_says_why_and_ends_both(plain, whole: Path, tmp_path) -> None:
    words = (str(whole.parent / "run.yaml"), "--output", str(tmp_path / "cut"))
    (first, said), (second, its) = two(*words, FAILS_AT="5", FAILS_BY="error")
    assert first == second == 1 and "has lost another" in said and "the second one's own reason" in its


@pytest.mark.slow
def test_one_that_is_killed_ends_both_and_the_run_goes_on(plain, whole: Path, tmp_path) -> None:
    file = str(whole.parent / "run.yaml")
    (first, said), (second, _) = two(file, "--output", str(tmp_path / "cut"), FAILS_AT="5", FAILS_BY="SIGKILL")
    assert (first, second) == (1, -signal.SIGKILL) and "has lost another" in said
    assert [code for code, _ in two(file, "--resume", str(tmp_path / "cut"))] == [0, 0]
    assert weights(tmp_path / "cut") == weights(whole)
    assert log(tmp_path / "cut", "loss", "eval_cer") == log(whole, "loss", "eval_cer")


@pytest.mark.slow
def test_what_only_the_first_finds_wrong_ends_both_and_is_said_once(plain, whole: Path) -> None:
    (first, said), (second, its) = two(str(whole.parent / "run.yaml"), "--output", str(whole))
    assert first == second == 2 and "holds an earlier run" in said and not its.strip()


@pytest.mark.slow
def test_a_model_cut_up_by_fsdp_learns_the_same_goes_on_and_ends_whole(plain, whole: Path, tmp_path) -> None:
    file = str(whole.parent / "run.yaml")
    cut = tmp_path / "cut"
    outcome = two(file, "--output", str(cut), sharded=True, FAILS_AT="5", FAILS_BY="SIGUSR1")
    assert [code for code, _ in outcome] == [130, 130], outcome
    assert [code for code, _ in two(file, "--resume", str(cut), sharded=True)] == [0, 0]
    assert log(cut, "loss") == pytest.approx(log(whole, "loss"), rel=1e-4)
    assert len(weights(cut)) == len(weights(whole))


@pytest.mark.slow
def test_two_processes_do_one_seed_after_the_other(plain, tmp_path) -> None:
    file = Path(str(plain.output)).parent / "run.yaml"
    outcome = two(str(file), "--max-steps", "2", "--seeds", "2", "--output", str(tmp_path / "both"))
    assert [code for code, _ in outcome] == [0, 0], outcome
    seeds = json.loads((tmp_path / "both" / "results.json").read_text())["seeds"]
    assert [run["steps"] for run in seeds["runs"]] == [2, 2] and (tmp_path / "both" / seeds["best"]).is_dir()


@pytest.mark.slow
def test_asked_of_one_in_the_last_step_of_a_seed_both_stop_and_it_is_said_once(plain, tmp_path) -> None:
    file = Path(str(plain.output)).parent / "run.yaml"
    words = (str(file), "--max-steps", "2", "--seeds", "2", "--output", str(tmp_path / "both"))
    (first, said), (second, its) = two(*words, FAILS_AT="1", FAILS_BY="SIGUSR1")
    assert first == second == 130 and f"--resume {tmp_path / 'both'}\n" in said and "stopped" not in its
    assert (tmp_path / "both" / "seed-0" / "results.json").is_file() and not (tmp_path / "both" / "seed-1").exists()
