"""What to train with, before anything is trained: which recordings or model first, and which augmentation."""
