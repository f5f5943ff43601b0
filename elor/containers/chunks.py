"""Containers made of chunks, an identifier, a size and that many bytes: WAV (RIFX, RF64), W64, AIFF, CAF.

Sources: Microsoft's and IBM's Multimedia Programming Interface 1.0 (1991); EBU Tech 3306 (RF64); Sony's Wave64; Apple's
AIFF-C draft (1991) and Core Audio Format Specification 1.0.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from elor.containers.contents import Contents, Fault, harmless, is_placeholder, streamed, too_short, truncated

_BEHIND = (b"LIST", b"id3 ", b"ID3 ", b"bext", b"fact", b"cue ", b"PEAK", b"iXML", b"_PMX", b"JUNK", b"PAD ", b"smpl")
"""Chunks that may stand behind the sound and be cut off there without harm to it."""

_FILES = (b"RIFF", b"RIFX", b"RF64", b"riff", b"FORM", b"caff")
"""What looks like a chunk, and is another file behind the first."""

_PLAIN = (1, 3, 6, 7, 0xFFFE)
"""Codings in which each sample has bytes of its own: integers, floats, A-law, mu-law, and what a subformat says."""

_MPEG = (0x50, 0x55)


@dataclass(frozen=True)
class Grammar:
    """How a container writes its chunks.

    Attributes:
        head: bytes before the first chunk.
        order: of bytes, as in `struct`.
        name: bytes of a chunk's identifier; only the first four tell.
        size: `struct`'s code of its size.
        inclusive: whether the size counts identifier and size themselves.
        align: chunks begin at multiples of this, counted from the start of the container.
        sound: identifier of the chunk that holds the sound.
        before: bytes in that chunk before the sound.
    """

    head: int
    order: str
    name: int
    size: str
    inclusive: bool
    align: int
    sound: bytes
    before: int = 0

    @property
    def header(self) -> int:
        """Bytes of identifier and size."""
        return self.name + struct.calcsize(f"={self.size}")

    def pack(self, size: int) -> bytes:
        """A chunk's size as it is written; empty if it does not fit."""
        code, most = self.order + self.size, 2 ** (8 * struct.calcsize(f"={self.size}") - (self.size == "q"))
        return struct.pack(code, size) if size < most else b""


@dataclass(frozen=True)
class Chunk:
    """One chunk: its identifier, where its content begins, how long it claims to be."""

    name: bytes
    at: int
    size: int


def wav(stream: BinaryIO, start: int, size: int) -> Contents:
    """WAV: RIFF, big-endian RIFX, or RF64 with 64-bit sizes in a chunk `ds64`."""
    stream.seek(start)
    order = ">" if stream.read(4) == b"RIFX" else "<"
    return _examine(stream, start, size, Grammar(12, order, 4, "I", False, 2, b"data"))


def w64(stream: BinaryIO, start: int, size: int) -> Contents:
    """Sony's Wave64."""
    return _examine(stream, start, size, Grammar(40, "<", 16, "Q", True, 8, b"data"))


def aiff(stream: BinaryIO, start: int, size: int) -> Contents:
    """AIFF and AIFF-C."""
    stream.seek(start + 8)
    if stream.read(4) not in (b"AIFF", b"AIFC"):
        raise Fault("is an IFF file other than AIFF; convert it to WAV or FLAC")
    return _examine(stream, start, size, Grammar(12, ">", 4, "I", False, 2, b"SSND", 8))


def caf(stream: BinaryIO, start: int, size: int) -> Contents:
    """Apple's Core Audio Format."""
    return _examine(stream, start, size, Grammar(8, ">", 4, "q", False, 1, b"data", 4))


def _examine(stream: BinaryIO, start: int, size: int, how: Grammar) -> Contents:
    """Hold the size of the sound's chunk against what follows it."""
    before: dict[bytes, Chunk] = {}
    for chunk in _chunks(stream, start, start + how.head, size, how):
        if chunk.name == how.sound:
            break
        before[chunk.name] = chunk
    else:
        raise Fault("cannot be read as a sound file: it ends before any sound begins; copy it again")
    at, sizes = chunk.at + how.before, before.get(b"ds64")
    long = _number(stream, sizes.at + 8, "<Q") if sizes else 0
    claimed = long if long and chunk.size == 2**32 - 1 else chunk.size
    announced, found = max(0, claimed - how.before), max(0, size - at)
    unknown = claimed < 0 or (is_placeholder(claimed) and announced > found)
    if unknown or (announced == 0 and not _is_end(stream, start, at, size, how)):
        patches = _completed(start, size, chunk, how) if sizes is None else _completed_ds64(start, size, chunk, sizes)
        return Contents(streamed(0 if claimed < 0 else announced, found), patches)
    if announced > found:
        raise truncated(announced, found)
    if not _is_end(stream, start, at + announced, size, how):
        raise too_short(announced, found)
    return Contents(frames=_frames(stream, announced, before.get(b"fmt "), how))


def _number(stream: BinaryIO, at: int, code: str) -> int:
    stream.seek(at)
    data = stream.read(struct.calcsize(code))
    return int(struct.unpack(code, data)[0]) if len(data) == struct.calcsize(code) else 0


def _frames(stream: BinaryIO, announced: int, form: Chunk | None, how: Grammar) -> tuple[int, int] | None:
    """How many samples that many bytes are, by the description of a WAV file; None if it does not tell."""
    if form is None:
        return None
    coding, block = (_number(stream, form.at + offset, f"{how.order}H") for offset in (0, 12))
    if coding in _MPEG:
        raise Fault("holds MPEG audio in a WAV file; take it out, or convert it")
    if coding not in _PLAIN or not block:
        return None
    frames = announced // block
    return frames, frames + how.align // block  # libsndfile takes what fills up a W64 chunk for sound


def _completed(start: int, size: int, chunk: Chunk, how: Grammar) -> tuple[tuple[int, bytes], ...]:
    """The size of the sound's chunk, and that of the whole, as they would be had they been completed."""
    own = size - chunk.at + (how.header if how.inclusive else 0)
    patches = [(chunk.at - how.header + how.name, how.pack(own))]
    if how.align == 2:  # RIFF and FORM
        patches.append((start + 4, how.pack(size - start - 8)))
    elif how.align == 8:
        patches.append((start + 16, how.pack(size - start)))
    return tuple((offset, data) for offset, data in patches if data)


def _completed_ds64(start: int, size: int, chunk: Chunk, sizes: Chunk) -> tuple[tuple[int, bytes], ...]:
    """The same for RF64, where both sizes stand in a chunk of their own."""
    return ((sizes.at, struct.pack("<QQ", size - start - 8, size - chunk.at)),)


def _chunks(stream: BinaryIO, start: int, position: int, size: int, how: Grammar) -> Iterator[Chunk]:
    """The chunks from a position on, as long as there are headers to read."""
    while position + how.header <= size:
        stream.seek(position)
        header = stream.read(how.header)
        (length,) = struct.unpack(how.order + how.size, header[how.name :])
        content = length - how.header if how.inclusive else length
        yield Chunk(header[:4], position + how.header, content)
        if content < 0:
            return
        end = position + how.header + content
        position = end + (start - end) % how.align


def _is_end(stream: BinaryIO, start: int, end: int, size: int, how: Grammar) -> bool:
    """Whether the sound may end here: nothing follows but chunks, or what is no sound."""
    padded = end + (start - end) % how.align
    return (
        harmless(stream, end, size)
        or _are_chunks(stream, start, padded, size, how)
        or _are_chunks(stream, start, end, size, how)  # some programs forget to fill up an odd length
    )


def _are_chunks(stream: BinaryIO, start: int, position: int, size: int, how: Grammar) -> bool:
    for chunk in _chunks(stream, start, position, size, how):
        if not all(0x20 <= byte < 0x7F for byte in chunk.name) or chunk.size < 0 or chunk.name in _FILES:
            return False
        end = chunk.at + chunk.size
        if end > size:
            return chunk.name in _BEHIND
        if harmless(stream, end, size):
            return True
    return False
