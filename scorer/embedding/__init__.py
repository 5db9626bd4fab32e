"""Texts to vectors: sentences, the encoder, the features that the heads read, and the heads' files."""
