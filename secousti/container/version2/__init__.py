"""Version 2 of the format: whole files of one run, and streams of records."""
