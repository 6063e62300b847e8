"""``python -m train.pack_data``: see ``train/tools/pack_data.py``."""

import runpy

if __name__ == "__main__":
    runpy.run_module("train.tools.pack_data", run_name="__main__", alter_sys=True)
