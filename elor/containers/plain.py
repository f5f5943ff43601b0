"""Containers of one header and the sound behind it: AU (Sun, NeXT) and NIST SPHERE (TIMIT and its kin)."""

import re
import struct
from typing import BinaryIO

from elor.containers.contents import Contents, Fault, harmless, is_placeholder, streamed, too_short, truncated


def au(stream: BinaryIO, start: int, size: int) -> Contents:
    """AU: the offset of the sound, and its size or -1."""
    stream.seek(start)
    head = stream.read(12)
    if len(head) < 12:
        raise Fault("ends within its header; copy it again")
    order = ">" if head[:4] == b".snd" else "<"
    offset, announced = struct.unpack(f"{order}II", head[4:])
    found = max(0, size - start - offset)
    if (is_placeholder(announced) and announced > found) or (announced == 0 < found):
        return Contents(streamed(announced, found), ((start + 8, struct.pack(f"{order}I", min(found, 2**32 - 1))),))
    return _held(stream, start + offset, announced, size)


def nist(stream: BinaryIO, start: int, size: int) -> Contents:
    """NIST SPHERE: a header of text, its length in the second line, then the sound."""
    stream.seek(start)
    text = stream.read(1024).decode("latin-1")
    length = re.match(r"NIST_1A\s+(\d+)\s", text)
    fields = dict(re.findall(r"^(\w+) -i (\d+)", text, re.MULTILINE))
    try:
        announced = int(fields["sample_count"]) * int(fields["channel_count"]) * int(fields.get("sample_n_bytes", "1"))
    except KeyError as error:
        raise Fault(f"has no {error.args[0]} in its header; convert it to WAV or FLAC") from None
    if length is None:
        raise Fault("has no length of its header; convert it to WAV or FLAC")
    return _held(stream, start + int(length[1]), announced, size)


def _held(stream: BinaryIO, at: int, announced: int, size: int) -> Contents:
    found = max(0, size - at)
    if announced > found:
        raise truncated(announced, found)
    if not harmless(stream, at + announced, size):
        raise too_short(announced, found)
    return Contents()
