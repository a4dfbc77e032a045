"""The stages: settings, a model and corpora in, a directory that stands alone out."""
