"""Version 1 of the format, which is read for ever and no longer written."""
