from __future__ import annotations

from hf_speech_tl.corpora import load_corpus, samples


def test_the_starter_speech_is_there_and_split_by_text() -> None:
    corpus = load_corpus(["starter"], "zh")
    splits = (corpus.train, corpus.validation, corpus.test)
    assert [len(split) >= 50 for split in splits] == [True] * 3
    texts = [set(split["text"]) for split in splits]
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    assert corpus.skipped == ()
    assert "made by a synthesiser" in corpus.notes[-1]
    assert corpus.licenses
    assert len(samples(corpus.test[0]["audio"])) > 1_600
