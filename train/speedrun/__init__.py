"""From a folder of recordings to a codec that speaks, within a budget of minutes."""
