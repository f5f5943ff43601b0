"""FLAC (RFC 9639): the length in STREAMINFO, held against the last frame, which says where it stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from elor.containers.contents import Contents, Fault, streamed, truncated

_BLOCKS = {1: 192, **{code: 144 << code for code in range(2, 6)}, **{code: 1 << code for code in range(8, 16)}}
"""Samples of a frame by the code in its header."""

_BEGIN = b"fLaC\x00\x00\x00\x22"
"""The mark of a stream, and the head of its STREAMINFO."""


@dataclass(frozen=True)
class _Info:
    """STREAMINFO: where it stands, samples of a frame, bytes of the longest frame and samples (0: not known)."""

    at: int
    block: int
    frame: int
    samples: int


def examine(stream: BinaryIO, start: int, size: int) -> Contents:
    """Compare the announced length with the end of the last frame; count it where none is announced."""
    info, first = _metadata(stream, start, size)
    end = _end(stream, first, size, info)
    if end is None:
        raise Fault("is truncated or damaged: it does not end with a whole frame; copy it again")
    if _second(stream, first):
        raise Fault("holds several streams, one after another; join them by decoding and encoding again")
    if info.samples == 0:
        stream.seek(info.at + 13)
        known = bytes([stream.read(1)[0] & 0xF0 | end >> 32]) + (end & 0xFFFFFFFF).to_bytes(4, "big")
        return Contents(streamed(0, end, "samples"), ((info.at + 13, known),))
    if info.samples > end:
        raise truncated(info.samples, end, "samples")
    if info.samples < end:
        raise Fault(
            f"announces {info.samples:,} samples and holds {end:,}; write it again, so that its header is right"
        )
    return Contents()


def _metadata(stream: BinaryIO, start: int, size: int) -> tuple[_Info, int]:
    """STREAMINFO, and where the first frame begins."""
    position, info, last = start + 4, None, False
    while not last:
        stream.seek(position)
        head = stream.read(4)
        if len(head) < 4:
            raise Fault("is truncated: it ends within its header; copy it again")
        last, kind, length = bool(head[0] & 0x80), head[0] & 0x7F, int.from_bytes(head[1:], "big")
        if kind == 0 and info is None:
            data = stream.read(34)
            samples = int.from_bytes(data[13:18], "big") & (1 << 36) - 1
            info = _Info(position + 4, int.from_bytes(data[2:4], "big"), int.from_bytes(data[7:10], "big"), samples)
        position += 4 + length
    if info is None or position > size:
        raise Fault("is truncated: it ends within its header; copy it again")
    return info, position


def _second(stream: BinaryIO, first: int) -> bool:
    """Whether another stream begins somewhere behind the first one's header: a decoder would end before it."""
    stream.seek(first)
    kept = b""
    while block := stream.read(2**20):
        if _BEGIN in kept + block:
            return True
        kept = block[1 - len(_BEGIN) :]
    return False


def _end(stream: BinaryIO, first: int, size: int, info: _Info) -> int | None:
    """The sample at which the last whole frame of the file ends; None if the file does not end with one."""
    reach = 2 * max(info.frame, 2**16) if info.frame else 2**21  # without a word on frames: more than any can be
    begin = max(first, size - reach)
    stream.seek(begin)
    tail = stream.read(size - begin)
    if tail[-128:].startswith(b"TAG"):  # ID3 version 1
        tail = tail[:-128]
    for at in _syncs(tail):
        found = _frame(tail[at : at + 16], info)
        if found is not None and _crc16(tail[at:]) == 0:  # a frame ends with the checksum of itself
            return found
    return 0 if first == size else None


def _syncs(tail: bytes) -> Iterator[int]:
    """Where a frame might begin, the last first."""
    at = len(tail)
    while (at := max(tail.rfind(b"\xff\xf8", 0, at), tail.rfind(b"\xff\xf9", 0, at))) >= 0:
        yield at
        at += 1


def _frame(head: bytes, info: _Info) -> int | None:
    """The sample behind the frame that begins so; None if none does."""
    if len(head) < 6 or head[3] & 1 or head[2] >> 4 == 0 or head[2] & 15 == 15:
        return None
    ones = f"{head[4]:08b}".index("0") if head[4] != 0xFF else 8
    if ones in (1, 8):
        return None
    extra = max(0, ones - 1)
    number = head[4] & (0x7F >> ones)
    for byte in head[5 : 5 + extra]:
        number = number << 6 | byte & 0x3F
    position, code = 5 + extra, head[2] >> 4
    if code in (6, 7):
        width = code - 5
        block, position = int.from_bytes(head[position : position + width], "big") + 1, position + width
    else:
        block = _BLOCKS[code]
    position += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if len(head) <= position or _crc8(head[: position + 1]) != 0:
        return None
    return (number if head[1] & 1 else number * info.block) + block


def _table(width: int, polynomial: int) -> tuple[int, ...]:
    """A checksum's table: of each byte the remainder."""
    found = []
    for byte in range(256):
        value = byte << width - 8
        for _ in range(8):
            value = value << 1 ^ polynomial if value >> width - 1 else value << 1
        found.append(value & (1 << width) - 1)
    return tuple(found)


_CRC8, _CRC16 = _table(8, 0x107), _table(16, 0x18005)


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value = _CRC8[value ^ byte]
    return value


def _crc16(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & 0xFF00) ^ _CRC16[value >> 8 ^ byte]
    return value
