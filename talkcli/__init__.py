"""talk: speech in, a talking head out. Importing this loads nothing heavy."""

from talkcli.platform import guard_torchaudio

__version__ = "0.1.0"

guard_torchaudio()
