"""Live sessions with any codec: streams of tokens and sound, the channel between, their ends."""
