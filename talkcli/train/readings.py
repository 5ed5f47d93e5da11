"""What a frozen recogniser makes of each training clip, asked once and kept beside the prepared data.

Shape letters: A encoder steps, D width.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from talkcli.console import note, progress
from talkcli.errors import TalkError
from talkcli.models.batch import Listener, Speech

if TYPE_CHECKING:
    from talkcli.train.data import Clips

VERSION = 1


class Readings:
    """The files of one recogniser and one set of sounds."""

    def __init__(self, speech: Path, key: str) -> None:
        """speech is the folder of the sounds, whose name changes with them; key is the listener's."""
        self.folder = speech.parent / f"reading-{VERSION}-{speech.name.removeprefix('speech-')}-{key}"

    def file(self, clip: str, copy: int) -> Path:
        return self.folder / str(copy) / f"{clip}.safetensors"

    def load(self, clip: str, copy: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Hidden states (A, D) and the likeliest symbol of each step (A,)."""
        tensors = load_file(self.file(clip, copy))
        return tensors["hidden"], tensors["symbols"].astype(np.int64)

    @torch.inference_mode()
    def make(self, listener: Listener, clips: Clips, device: torch.device) -> None:
        """Ask for what is missing; a killed run goes on where it stopped.

        Raises:
            TalkError: the recogniser cannot be loaded, or its answers cannot be written.
        """
        wanted = [(entry, copy) for entry in clips.entries for copy in range(clips.copies + 1)]
        missing = [(entry, copy) for entry, copy in wanted if not self.file(entry.name, copy).is_file()]
        if not missing:
            return
        note(f"asking the recogniser once for each clip: {len(missing)} files in {self.folder}")
        hear = listener.make(device)
        try:
            with progress("recogniser", len(missing)) as step:
                for entry, copy in missing:
                    sound = torch.from_numpy(clips.sound(entry, copy).samples)[None]
                    told = hear(Speech(sound, torch.tensor([sound.shape[1]])))
                    arrays = {
                        "hidden": told.hidden[0].float().cpu().numpy(),
                        "symbols": told.symbols[0].cpu().numpy().astype(np.int16),
                    }
                    _save(self.file(entry.name, copy), arrays)
                    step()
        except (OSError, SafetensorError) as error:
            raise TalkError(f"cannot write what the recogniser says to {self.folder}: {error}") from error


def _save(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, beside)
    beside.replace(path)
