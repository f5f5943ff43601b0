"""MPEG audio, layers I to III (ISO 11172-3, 13818-3), such as MP3: all frames are walked over and counted.

Its length stands in the first frame, if anywhere: Xing's and LAME's header, or Fraunhofer's VBRI.
"""

from dataclasses import dataclass
from typing import BinaryIO

from elor.containers.contents import Contents, Fault, harmless, tag_length, truncated

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_KBITS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Kilobits per second by version 1 or not, and layer."""

_DELAY = 529 + 1
"""Samples by which a decoder of layer III lags, and that some readers take off."""


@dataclass(frozen=True)
class _Frame:
    """One frame's header: bytes, samples, Hz, and where a Xing header would begin."""

    length: int
    samples: int
    rate: int
    tag: int


@dataclass(frozen=True)
class _Announced:
    """What the first frame announces, if it is a header: frames behind it, 0 for not known; samples to be cut off."""

    is_header: bool = False
    frames: int = 0
    cut: int = 0


def begins(stream: BinaryIO, start: int) -> bool:
    """Whether two frames follow each other here, or one and the end."""
    stream.seek(start)
    first = _frame(stream.read(4))
    if first is None:
        return False
    stream.seek(start + first.length)
    second = stream.read(4)
    return len(second) < 4 or _frame(second) is not None


def examine(stream: BinaryIO, start: int, size: int) -> Contents:
    """Walk over all frames, and hold their number against the announced one; announce it where nobody has.

    libsndfile guesses a length that is not announced from the bits of the first frame.
    """
    stream.seek(start)
    first = _frame(head := stream.read(4))
    if first is None or not first.tag:
        raise Fault("is MPEG audio of layer I or II, in which no header tells the length; convert it to WAV or FLAC")
    announced = _announced(head + stream.read(first.length - 4), first.tag)
    found, position, whole = _count(stream, start, size)
    if position < size and not harmless(stream, position, size):
        raise Fault(f"is damaged: at byte {position:,} no frame begins; copy it again, or convert it to WAV")
    if announced.is_header:
        found -= 1  # that of the header holds no sound
    if announced.frames and found < announced.frames:
        raise truncated(announced.frames, found, "frames")
    if announced.frames and found > announced.frames + 1:
        raise Fault(f"announces {announced.frames:,} frames and holds {found:,}; write it again, with a right header")
    if not whole:
        raise Fault("is truncated: its last frame is not whole; copy it again")
    most = found * first.samples
    frames = most - announced.cut - 2 * first.samples - _DELAY, most
    if announced.frames:
        return Contents(frames=frames)
    behind = start + first.length if announced.is_header else start
    note = f"no header announces its length: {found:,} frames were counted up to its end"
    return Contents(note, prefix=_header(head, first, found), start=behind, frames=frames)


def _count(stream: BinaryIO, position: int, size: int) -> tuple[int, int, bool]:
    """How many frames there are, where they end, and whether the last is whole."""
    found, whole = 0, True
    while position < size:
        stream.seek(position)
        head = stream.read(32)
        frame = _frame(head)
        length = frame.length if frame else tag_length(head)
        if not length:
            break
        if frame:
            whole = position + length <= size
            found += whole
        position += length
    return found, position, whole


def _header(head: bytes, first: _Frame, frames: int) -> bytes:
    """A frame that announces so many, like the first one but for its bits per second."""
    for bits in range(1, 15):
        begin = bytes([head[0], head[1] | 1, bits << 4 | head[2] & 0x0C, head[3]])  # without checksum and padding
        frame = _frame(begin)
        if frame is not None and frame.length >= first.tag + 120:  # a decoder expects room for a table of contents
            break
    xing = b"Info" + (1).to_bytes(4, "big") + frames.to_bytes(4, "big")
    return (begin + bytes(first.tag - 4) + xing).ljust(frame.length, b"\0")


def _frame(head: bytes) -> _Frame | None:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer, bits, rate = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3), head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or bits in (0, 15) or rate == 3:
        return None
    one, mono, hertz, padding = version == 3, head[3] >> 6 == 3, _RATES[version][rate], head[2] >> 1 & 1
    bitrate = 1000 * _KBITS[one, layer][bits - 1]
    if layer == 1:
        return _Frame((12 * bitrate // hertz + padding) * 4, 384, hertz, 0)
    samples = 1_152 if one or layer == 2 else 576
    if layer == 2:
        return _Frame(144 * bitrate // hertz + padding, samples, hertz, 0)
    side = (17 if mono else 32) if one else (9 if mono else 17)
    return _Frame(samples // 8 * bitrate // hertz + padding, samples, hertz, 4 + side)


def _announced(frame: bytes, tag: int) -> _Announced:
    if frame[36:40] == b"VBRI":
        return _Announced(True, int.from_bytes(frame[50:54], "big") - 1)  # it counts itself
    at = next((at for at in (tag, tag + 2) if frame[at : at + 4] in (b"Xing", b"Info")), None)  # 2: a checksum before
    if at is None:
        return _Announced()
    flags = int.from_bytes(frame[at + 4 : at + 8], "big")
    lame = at + 8 + 4 * bool(flags & 1) + 4 * bool(flags & 2) + 100 * bool(flags & 4) + 4 * bool(flags & 8)
    delays = int.from_bytes(frame[lame + 21 : lame + 24], "big")
    frames = int.from_bytes(frame[at + 8 : at + 12], "big") if flags & 1 else 0
    return _Announced(True, frames, (delays >> 12) + (delays & 0xFFF))
