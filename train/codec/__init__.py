"""Training of SecoustiCodec (Algorithm 1 of its paper)."""
