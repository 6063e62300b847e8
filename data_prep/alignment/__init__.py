"""Forced alignment: when each phoneme and word of a known transcript is said."""
