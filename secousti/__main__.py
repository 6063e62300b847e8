"""``python -m secousti``: the same as the console script ``secousti``."""

from secousti.cli import main

main()
