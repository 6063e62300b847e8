"""``python -m train.curves``: see ``train/tools/curves.py``."""

import runpy

if __name__ == "__main__":
    runpy.run_module("train.tools.curves", run_name="__main__", alter_sys=True)
