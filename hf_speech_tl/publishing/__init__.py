"""What others get: the saved model and its proof (save), its card, and the push to the Hub.

Saving is imported as `publishing.save`, so that a push alone does not wait for torch.
"""

from hf_speech_tl.publishing.card import card, write_card, write_encoder_card
from hf_speech_tl.publishing.dataset_card import dataset_card
from hf_speech_tl.publishing.hub import check_login, push

__all__ = ["card", "check_login", "dataset_card", "push", "write_card", "write_encoder_card"]
