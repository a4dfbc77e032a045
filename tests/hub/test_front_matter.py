from __future__ import annotations

from collections.abc import Callable

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, ModelCard

from hub.server import Hub, Repository

_INDEX = """
license: mit
language: [ro]
model-index:
- name: romanian
  results:
  - task: {type: automatic-speech-recognition}
    dataset: {type: local, name: words}
    metrics: [{type: cer, value: 0.1}]
"""


def _card(metadata: str) -> str:
    return f"---\n{metadata}\n---\n# A model\n"


def test_a_card_that_is_right_passes(hub: Hub) -> None:
    ModelCard(_card(_INDEX)).validate()
    assert hub.requests[-1] == "POST /api/validate-yaml"


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("mit", "MIT", '"license" must be one of'),
        ("[ro]", "Romanian", '"language" with value "Romanian" is not valid'),
        ("[ro]", "[no]", '"language" must be a string'),  # YAML's no
        ("type: local, ", "", 'results[0].dataset.type" is required'),
        (", name: words", "", 'results[0].dataset.name" is required'),
        (", value: 0.1", "", 'results[0].metrics.value" is required'),
        ("- name: romanian", "- name:", '"model-index[0].name" is required'),
        ("license: mit", "license: mit\ndatasets: [my own words]", '"datasets" with value "my own words" is not'),
        ("license: mit", "license: mit\nbase_model: /home/ana/model", '"base_model" with value "/home/ana/model"'),
    ],
)
def test_a_card_that_is_wrong_is_not_taken(
    hub: Hub, client: Callable[[str | bool], HfApi], right: str, wrong: str, said: str
) -> None:
    text = _card(_INDEX.replace(right, wrong))
    hub.repositories["ana/model"] = Repository()
    with pytest.raises(ValueError, match=r"Invalid metadata in README\.md") as refusal:
        client("ana-writes").create_commit(
            "ana/model", [CommitOperationAdd("README.md", text.encode())], commit_message="card"
        )
    assert said in str(refusal.value)
    assert not hub.repositories["ana/model"].commits
