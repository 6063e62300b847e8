"""torch.hub's entry points: every bundled codec, and the line of the page in a fresh process."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from secousti.hub.resolve import BUNDLED

ROOT = Path(__file__).parents[2]


def test_every_bundled_codec_has_an_entry() -> None:
    spec = importlib.util.spec_from_file_location("hubconf", ROOT / "hubconf.py")
    assert spec is not None
    assert spec.loader is not None
    hubconf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hubconf)
    for config in BUNDLED.glob("*/config.json"):
        codec = getattr(hubconf, config.parent.name.replace("-", "_"))(parts="encoder")
        assert codec.model_id == config.parent.name


def test_loaded_from_elsewhere(tmp_path: Path) -> None:
    """The line of the page, in a process of its own and another folder."""
    program = (
        "import torch; "
        f"codec = torch.hub.load({str(ROOT)!r}, 'mini_21hz', source='local', parts='encoder'); "
        "print(codec.model_id, codec.encode(torch.zeros(22050), 22050, voice=False).codes.shape)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "mini-21hz torch.Size([1, 1, 22])"
