"""Is a sound file whole? What its container announces, held against what the file holds, before anything is decoded.

libsndfile shortens a file that ends too early in silence, believes any length that a header claims, and reads nothing
of a header that a program wrote into a pipe and never completed. So each container is read here first, by its own
grammar: `chunks` (WAV, RF64, W64, AIFF, CAF), `plain` (AU, NIST), `flac`, `ogg`, `mpeg` (MP3). A container that says
nowhere how long its sound is, or that nobody here can check, is refused: half of it would pass as the whole.
"""

import os
from collections.abc import Callable
from typing import BinaryIO

from elor.containers import chunks, flac, mpeg, ogg, plain
from elor.containers.contents import Contents, tag_length

ACCEPTED = "WAV, RF64, W64, AIFF, CAF, AU, NIST, FLAC, Ogg, MP3"

_BY_MAGIC: tuple[tuple[bytes, Callable[[BinaryIO, int, int], Contents]], ...] = (
    (b"RIFF", chunks.wav),
    (b"RIFX", chunks.wav),
    (b"RF64", chunks.wav),
    (b"BW64", chunks.wav),
    (b"riff", chunks.w64),
    (b"FORM", chunks.aiff),
    (b"caff", chunks.caf),
    (b".snd", plain.au),
    (b"dns.", plain.au),
    (b"NIST", plain.nist),
    (b"fLaC", flac.examine),
    (b"OggS", ogg.examine),
)


def examine(stream: BinaryIO) -> Contents | None:
    """Look at a sound file without decoding it.

    Args:
        stream: the file, opened for bytes.

    Returns:
        What a reader must know; None for a container that is none of `ACCEPTED`.

    Raises:
        Fault: if it is truncated, damaged, or announces what it does not hold.
    """
    size = stream.seek(0, os.SEEK_END)
    start = _behind_tags(stream)
    stream.seek(start)
    head = stream.read(4)
    for magic, look in _BY_MAGIC:
        if head == magic:
            return look(stream, start, size)
    return mpeg.examine(stream, start, size) if mpeg.begins(stream, start) else None


def _behind_tags(stream: BinaryIO) -> int:
    """Where the sound begins: behind ID3 tags, which some programs write before any format."""
    start = 0
    while True:
        stream.seek(start)
        length = tag_length(stream.read(32))
        if not length:
            return start
        start += length
