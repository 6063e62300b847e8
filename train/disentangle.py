"""``python -m train.disentangle``: see ``train/tools/disentangle.py``."""

import runpy

if __name__ == "__main__":
    runpy.run_module("train.tools.disentangle", run_name="__main__", alter_sys=True)
