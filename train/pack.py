"""``python -m train.pack``: see ``train/tools/pack.py``."""

import runpy

if __name__ == "__main__":
    runpy.run_module("train.tools.pack", run_name="__main__", alter_sys=True)
