"""Codecs prepared for live use on one core: see ``SecoustiCodec.for_streaming``."""
