"""A local stand-in for the Hugging Face Hub, and the tests of it."""
