"""``python -m train.average``: see ``train/tools/average.py``."""

import runpy

if __name__ == "__main__":
    runpy.run_module("train.tools.average", run_name="__main__", alter_sys=True)
