from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_speech_tl.corpora import Corpus, load_corpus, samples
from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.settings import Source

FolderOf = Callable[[int], Path]
Voice = Callable[..., bytes]


def _corpus(folder: Path, count: int) -> str:
    lines = [f"a{number}.wav,text {number}" for number in range(count)]
    (folder / "m.csv").write_text("\n".join(["path,text", *lines]))
    return str(folder / "m.csv")


def _ids(corpus: Corpus) -> list[str]:
    return sorted(corpus.train["id"][:] + corpus.validation["id"][:] + corpus.test["id"][:])


def test_the_one_table(folder_of: FolderOf) -> None:
    corpus = load_corpus([_corpus(folder_of(5), 5)], "en")
    expected = {"id", "audio", "text", "speaker", "seconds", "source", "lang"}
    audio = {"bytes", "path", "offset", "length", "start", "size", "group", "row", "begin", "end"}
    for split in (corpus.train, corpus.validation, corpus.test):
        assert set(split.column_names) == expected
        assert set(split.features["audio"]) == audio
    assert len(_ids(corpus)) == 5
    assert corpus.names == ("corpus/m.csv",)
    assert corpus.licenses == ()


def test_several_sources_are_one_corpus(folder_of: FolderOf, tmp_path: Path) -> None:
    folder = folder_of(4)
    first = _corpus(folder, 4)
    shutil.copytree(folder, tmp_path / "copy")
    for number in range(4):  # the same ids, other recordings
        (tmp_path / "copy" / f"a{number}.wav").write_bytes((folder / f"a{(number + 1) % 4}.wav").read_bytes())
    corpus = load_corpus([first, str(tmp_path / "copy" / "m.csv")], "en")
    assert corpus.names == ("corpus/m.csv", "copy/m.csv")
    assert _ids(corpus) == ["a0", "a0#2", "a1", "a1#2", "a2", "a2#2", "a3", "a3#2"]
    assert set(corpus.train["source"]) <= {"corpus/m.csv", "copy/m.csv"}
    assert all(len(samples(row["audio"])) == 8_000 for row in corpus.train)


def test_the_licences_of_several_sources_are_named_once_each(folder_of: FolderOf, tmp_path: Path) -> None:
    first = _corpus(folder_of(4), 4)
    sources = [first]
    for name, head in (("other", "license:\n- mit\n- cc0-1.0"), ("third", "license: mit")):
        shutil.copytree(Path(first).parent, tmp_path / name)
        (tmp_path / name / "README.md").write_text(f"---\n{head}\n---\n")
        sources.append(str(tmp_path / name / "m.csv"))
    # Nothing is said of the first one, which the others' licences do not cover.
    assert load_corpus(sources, "en").licenses == ("unknown", "mit", "cc0-1.0")
    assert load_corpus(sources[1:], "en").licenses == ("mit", "cc0-1.0")
    assert load_corpus(sources[:1], "en").licenses == ()


def test_the_same_recording_twice_is_used_once(folder_of: FolderOf) -> None:
    source = _corpus(folder_of(3), 3)
    corpus = load_corpus([source, source], "en")
    assert corpus.names == ("corpus/m.csv", "corpus/m.csv#2")
    assert _ids(corpus) == ["a0", "a1", "a2"]
    assert [(row.id, row.source, row.reason) for row in corpus.skipped] == [
        (f"a{number}", "corpus/m.csv#2", "duplicate") for number in range(3)
    ]


def test_made_splits_share_nothing_and_say_so(folder_of: FolderOf) -> None:
    source = _corpus(folder_of(10), 10)
    corpus = load_corpus([source], "en")
    assert (len(corpus.train), len(corpus.validation), len(corpus.test)) == (8, 1, 1)
    assert "by text" in corpus.notes[0]
    other = load_corpus([source], "en", seed=3)
    assert other.test["id"][:] != corpus.test["id"][:] or other.validation["id"][:] != corpus.validation["id"][:]


def test_the_fingerprint_is_of_the_content(folder_of: FolderOf, tmp_path: Path, voice: Voice) -> None:
    folder = folder_of(4)
    first = load_corpus([_corpus(folder, 4)], "en").fingerprint
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    assert load_corpus([str(moved / "m.csv")], "en").fingerprint == first
    assert load_corpus([str(moved / "m.csv")], "it").fingerprint != first
    (moved / "a1.wav").write_bytes(voice(99, 0.5))
    assert load_corpus([str(moved / "m.csv")], "en").fingerprint != first


def test_each_row_has_the_language_of_its_source(folder_of: FolderOf) -> None:
    folder = folder_of(24)
    for tag, numbers in (("it", range(20)), ("es", range(20, 24))):
        (folder / f"{tag}.csv").write_text("\n".join(["path,text", *(f"a{n}.wav,{tag} {n}" for n in numbers)]))
    sources = [Source(str(folder / f"{tag}.csv"), lang=tag) for tag in ("it", "es")]
    corpus = load_corpus(sources, "mul")
    assert corpus.languages == ("it", "es")
    splits = (corpus.train, corpus.validation, corpus.test)
    for split in splits:
        assert {row["text"].split()[0] == row["lang"] for row in split} == {True}
        # A tenth of each language: over both together, the small one might have had no test at all.
        assert set(split["lang"]) == {"it", "es"}
    assert load_corpus([str(folder / "es.csv"), sources[0]], "es").fingerprint != corpus.fingerprint  # in their order
    assert load_corpus([sources[0], str(folder / "es.csv")], "es").fingerprint == corpus.fingerprint
    with pytest.raises(SettingsError, match="--lang mul leaves it open"):
        load_corpus([str(folder / "es.csv")], "mul")


def test_test_transcripts_that_were_trained_on_are_noted(folder_of: FolderOf) -> None:
    folder = folder_of(3)
    (folder / "m.csv").write_text("path,text,split\na0.wav,One,train\na1.wav,one!,test\na2.wav,two,dev\n")
    assert load_corpus([str(folder / "m.csv")], "en").notes == (
        "1 of 1 test transcripts also stand in the training split",
    )


def test_rows_travel_to_other_processes(folder_of: FolderOf) -> None:
    corpus = load_corpus([_corpus(folder_of(5), 5)], "en")
    again = pickle.loads(pickle.dumps(corpus.train))
    assert again[:] == corpus.train[:]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file or name"):
        load_corpus([str(tmp_path / "nowhere")], "en")
    (tmp_path / "m.csv").write_text("path,text\n")
    with pytest.raises(DataError):
        load_corpus([str(tmp_path / "m.csv")], "en")


def test_sources_have_weights_and_columns_of_their_own(folder_of: FolderOf) -> None:
    folder = folder_of(8)
    for first, name, column in ((0, "one.csv", "said"), (4, "two.csv", "heard")):
        rows = "".join(f"a{first + at}.wav,{name} {at},other\n" for at in range(4))
        (folder / name).write_text(f"file_name,{column},text\n{rows}")
    one, two = str(folder / "one.csv"), str(folder / "two.csv")
    corpus = load_corpus([Source(one, 2.0, "said"), two], "it", text_column="heard")
    assert corpus.weights == (2.0, 1.0)
    texts = {text for rows in (corpus.train, corpus.validation, corpus.test) for text in rows["text"][:]}
    assert texts == {f"{name} {at}" for name in ("one.csv", "two.csv") for at in range(4)}
    with pytest.raises(SettingsError, match=r"data: tier tx of .*one\.csv: there are no ELAN or Praat files"):
        load_corpus([Source(one, tier="tx"), two], "it")


def test_transcripts_that_are_not_to_be_looked_at_are_not_in_the_corpus(folder_of: FolderOf) -> None:
    folder = folder_of(40)
    for name, first in (("one.csv", 0), ("two.csv", 20)):
        rows = "".join(f"a{first + at}.wav,{name} {at}\n" for at in range(20))
        (folder / name).write_text(f"file_name,text\n{rows}")
    silent = Source(str(folder / "two.csv"), labelled=False)
    corpus = load_corpus([str(folder / "one.csv"), silent], "it", labelled=False)
    told = {row["id"]: row["text"] for rows in (corpus.train, corpus.validation, corpus.test) for row in rows}
    assert len(told) == 40 and sorted(filter(None, told.values())) == sorted(f"one.csv {at}" for at in range(20))


def test_recordings_without_transcripts_change_no_split_of_the_others_and_take_no_place_of_theirs(
    folder_of: FolderOf,
) -> None:
    folder = folder_of(60)
    for name, places in (("one.csv", range(30)), ("two.csv", range(20, 60))):
        rows = "".join(f"a{at}.wav,{name} {at}\n" for at in places)
        (folder / name).write_text(f"file_name,text\n{rows}")
    one, silent = str(folder / "one.csv"), Source(str(folder / "two.csv"), labelled=False)
    alone = load_corpus([one], "it")
    for sources in ([one, silent], [silent, one]):
        corpus = load_corpus(sources, "it", labelled=False)
        assert len(corpus.train) + len(corpus.validation) + len(corpus.test) == 60
        for split in ("train", "validation", "test"):
            mine = {row["id"] for row in getattr(corpus, split) if row["text"]}
            assert mine == set(getattr(alone, split)["id"][:])


def test_a_source_that_is_mixed_in_is_for_training_alone_and_makes_up_its_share(
    folder_of: FolderOf, tmp_path: Path
) -> None:
    first = _corpus(folder_of(40), 40)
    (tmp_path / "es").mkdir()
    shutil.copytree(Path(first).parent, tmp_path / "es", dirs_exist_ok=True)
    for at, path in enumerate(sorted((tmp_path / "es").glob("*.wav"))):
        path.write_bytes((Path(first).parent / f"a{at}.wav").read_bytes())
        path.rename(path.with_name(f"b{path.name}"))
    second = _corpus_named(tmp_path / "es", "b", 20)
    alone = load_corpus([first], "it")
    corpus = load_corpus([first, Source(second, lang="es", mix=0.2)], "it")
    assert set(corpus.validation["lang"]) == set(corpus.test["lang"]) == {"it"} and "es" in corpus.train["lang"]
    assert (len(corpus.validation), len(corpus.test)) == (len(alone.validation), len(alone.test))
    seconds = {tag: 0.0 for tag in ("it", "es")}
    for tag, length in zip(corpus.train["lang"], corpus.train["seconds"], strict=True):
        seconds[tag] += length
    assert corpus.weights[0] == 1.0
    mixed = corpus.weights[1] * seconds["es"]
    assert mixed / (mixed + seconds["it"]) == pytest.approx(0.2)
    assert any("makes up 20% of the training, and" in note for note in corpus.notes) and not corpus.written
    romanized = load_corpus([first, Source(second, lang="ru", mix=0.2, units="romanized")], "it")
    assert list(romanized.written.values()) == ["romanized"]
    assert any("of the training, romanized, and" in note for note in romanized.notes)


def _corpus_named(folder: Path, prefix: str, count: int) -> str:
    lines = [f"{prefix}a{number}.wav,otro {number}" for number in range(count)]
    (folder / "m.csv").write_text("\n".join(["path,text", *lines]))
    return str(folder / "m.csv")
