"""Inventories of sounds, and how far they are apart."""

from __future__ import annotations

import pytest

from hf_speech_tl.languages import Inventory, cover, find_language, sounds, why_unread


@pytest.fixture(autouse=True)
def _panphon() -> None:
    pytest.importorskip("panphon", reason="needs panphon of the extra ipa")


def test_sounds_are_counted_and_rare_ones_left_out() -> None:
    assert Inventory.of(["aː ta", "ta"]).shares == {"a": 0.4, "aː": 0.2, "t": 0.4}
    assert "ʒ" not in Inventory.of(["ta" * 2000, "ʒ"]).shares


def test_what_a_source_has_too_costs_nothing_and_what_it_lacks_by_its_likeness() -> None:
    target = Inventory.of(["dada"])
    assert cover(target, Inventory.of(["kadaku"])).distance == 0  # more sounds do no harm
    near, far = (cover(target, Inventory.of([heard])) for heard in ("tata", "kaka"))
    assert near.lacking == far.lacking == ("d",)
    assert near.distance == pytest.approx(0.5 / 24)  # voice, in half of what is said
    assert near.distance < far.distance < 0.5
    assert cover(Inventory.of(["dadadd"]), Inventory.of(["tata"])).distance > near.distance
    with pytest.raises(ValueError, match="without sounds"):
        cover(target, Inventory({}))


def test_what_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_unread(find_language("mis")) is None  # is IPA already
    assert "nothing reads Chinese (zh)" in str(why_unread(find_language("zh")))
    monkeypatch.setattr(sounds, "can_compare_sounds", lambda: False)
    assert "pip install" in str(why_unread(find_language("it")))
