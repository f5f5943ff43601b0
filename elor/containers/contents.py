"""What examining a container gives, and the words that all containers share."""

import io
import os
from dataclasses import dataclass
from typing import BinaryIO

STRAY_BYTES = 512
"""Bytes behind the sound that are let pass, whatever they are; more must be chunks, tags or zeros."""

_PLACEHOLDERS = (2**31, 2**32, 2**63, 2**64)
_NEAR = 2**16
"""How far below or above these a placeholder lies: programs take off headers, or round down to whole blocks."""


class Fault(Exception):
    """What is wrong with a file, and what to do, as the end of a sentence: `is truncated: ...; copy it again`."""


@dataclass(frozen=True)
class Contents:
    """What a reader must know of a container.

    Attributes:
        note: a sentence on a header that was read otherwise than it is written; empty if it is in order.
        patches: bytes that a decoder must see in place of those in the file, by their offset.
        prefix: bytes that it must see in place of everything before `start`.
        start: see there.
        frames: least and most sample frames that a decoder may count; None if it counts them itself.
    """

    note: str = ""
    patches: tuple[tuple[int, bytes], ...] = ()
    prefix: bytes = b""
    start: int = 0
    frames: tuple[int, int] | None = None


class Mended(io.RawIOBase):
    """A file as `Contents` says that a decoder must see it."""

    def __init__(self, stream: BinaryIO, contents: Contents) -> None:
        self._stream, self._contents, self._position = stream, contents, 0
        self._shift = contents.start - len(contents.prefix)  # from a position here to one in the file
        self._size = stream.seek(0, os.SEEK_END) - self._shift

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position and return it."""
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]  # any writable buffer
        """Fill a buffer; returns how many bytes could be read."""
        view = memoryview(buffer).cast("B")
        first = self._contents.prefix[self._position : self._position + len(view)]
        begin = self._position + len(first) + self._shift
        self._stream.seek(max(0, begin))
        rest = bytearray(self._stream.read(len(view) - len(first)))  # nothing, where the prefix goes on
        for offset, new in self._contents.patches:
            low, high = max(offset, begin), min(offset + len(new), begin + len(rest))
            if low < high:
                rest[low - begin : high - begin] = new[low - offset : high - offset]
        data = first + rest
        view[: len(data)] = data
        self._position += len(data)
        return len(data)


def is_placeholder(announced: int) -> bool:
    """Whether a size is what programs write that cannot go back to write the true one: -1, or the most that fits."""
    return any(abs(announced - value) <= _NEAR for value in _PLACEHOLDERS)


def truncated(announced: int, found: int, unit: str = "bytes of sound") -> Fault:
    """The fault of a file that ends too early."""
    return Fault(
        f"is truncated: {announced - found} {unit} are missing, its header announces {announced:,} and {found:,} are "
        "there; copy it again"
    )


def streamed(announced: int, found: int, unit: str = "bytes of sound") -> str:
    """The note on a file whose header was never completed."""
    return (
        f"its header announces {announced:,} {unit} and {found:,} follow, as where a program wrote into a pipe or was "
        "interrupted: read to its end"
    )


def too_short(announced: int, found: int) -> Fault:
    """The fault of a header that announces less than there is."""
    return Fault(
        f"announces {announced:,} bytes of sound in its header, and {found - announced:,} more follow that are no "
        "chunk and no tag; write it again, so that its header is right"
    )


def harmless(stream: BinaryIO, start: int, size: int) -> bool:
    """Whether what stands from `start` to the end is no sound: tags, zeros, or little."""
    while size - start > STRAY_BYTES:
        stream.seek(start)
        length = tag_length(stream.read(32))
        if not length:
            return _zeros(stream, start)
        start += length
    return True


def tag_length(head: bytes) -> int:
    """Bytes of the tag (ID3 version 1 and 2, APE) that begins so, 32 bytes at least; 0 if none does."""
    if head.startswith(b"TAG"):
        return 128
    if head.startswith(b"APETAGEX"):
        return 32 + int.from_bytes(head[12:16], "little")
    if len(head) < 10 or not head.startswith(b"ID3") or any(byte > 0x7F for byte in head[6:10]):
        return 0
    return 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]) + (10 if head[5] & 0x10 else 0)


def _zeros(stream: BinaryIO, start: int) -> bool:
    stream.seek(start)
    while block := stream.read(2**20):
        if block.strip(b"\0"):
            return False
    return True
