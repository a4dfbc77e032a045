import numpy as np
import pytest
from tiny import tiny_rows

from hf_speech_tl.errors import DataError
from hf_speech_tl.training import Clips


def test_a_clip_is_the_same_decoded_and_kept() -> None:
    clips = Clips(tiny_rows((0.5,), ("ab",)), [[2, 3]])
    first, kept = clips[0]["inputs"], clips[0]["inputs"]
    again = Clips(tiny_rows((0.5,), ("ab",)), [[2, 3]])[0]["inputs"]
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(first, again)


def test_a_clip_that_went_bad_gives_way_to_the_next_and_is_named() -> None:
    rows = tiny_rows((0.5, 0.7), ("ab", "b")).map(
        lambda row, at: {"audio": row["audio"] | ({"bytes": b"gone"} if at == 0 else {})}, with_indices=True
    )
    clips = Clips(rows, [[2, 3], [3]])
    assert [clips[at]["id"] for at in (0, 1, 0)] == ["clip1"] * 3
    assert clips.bad == {"clip0": "not audio"}
    with pytest.raises(DataError, match="moved or changed"):
        _ = Clips(rows.select([0]), [[2, 3]])[0]
