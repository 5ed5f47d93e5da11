"""Khronos' glTF Validator has nothing to say of a .glb: no error, warning, info or hint."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from talkcli.export import ExportOptions, write
from tests.export.make_clips import make_chunks, make_head_chunks

NODE = shutil.which("node")
PACKAGE = Path(__file__).parents[2] / "build" / "npm" / "node_modules" / "gltf-validator"
SCRIPT = """
const validator = require(process.argv[1]);
const bytes = new Uint8Array(require("fs").readFileSync(process.argv[2]));
validator.validateBytes(bytes).then((report) => console.log(JSON.stringify(report)));
"""

needs_validator = pytest.mark.skipif(
    NODE is None or not PACKAGE.is_dir(),
    reason="no glTF Validator: npm install --prefix build/npm gltf-validator",
)


def report(path: Path) -> dict[str, Any]:
    """What the validator says of a file."""
    assert NODE is not None
    done = subprocess.run([NODE, "-e", SCRIPT, PACKAGE, path], capture_output=True, text=True, timeout=120, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@needs_validator
@pytest.mark.parametrize("targets", ["shapes", "vertices"])
def test_a_head_that_moves_is_valid(tmp_path: Path, targets: Any) -> None:
    path = tmp_path / "face.glb"
    write(list(make_head_chunks([4, 3])), path, ExportOptions(targets=targets))
    found = report(path)
    assert found["issues"]["messages"] == []
    assert found["info"]["animationCount"] == 1
    assert found["info"]["hasMorphTargets"] is True


@needs_validator
def test_any_mesh_that_moves_is_valid_at_a_fractional_frame_rate(tmp_path: Path) -> None:
    path = tmp_path / "ball.glb"
    write(list(make_chunks([5, 4], fps=24000 / 1001)), path)
    assert report(path)["issues"]["messages"] == []


@needs_validator
def test_a_damaged_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "ball.glb"
    write(list(make_chunks([5])), path)
    path.write_bytes(path.read_bytes()[:-40])
    assert report(path)["issues"]["numErrors"] > 0
