"""Ogg (RFC 3533): every page is read, its checksum and number compared; decoders leave out damaged ones in silence."""

import struct
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

from elor.containers.contents import Contents, Fault, harmless

_HEADER = struct.Struct("<4sBBqIIIB")
_LAST = 4
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_OPUS_PACKET = 5_760
"""Most samples of an Opus packet, 120 ms at 48 kHz (RFC 6716)."""


@dataclass
class _Stream:
    """One logical stream: pages, packets, the last position in samples, and what its first packet says."""

    pages: int = 0
    packets: int = 0
    samples: int = 0
    ended: bool = False
    first: bytes = field(default=b"", repr=False)

    def most(self) -> int | None:
        """The most samples that so many packets can hold; None for a codec that is not known here."""
        if self.first.startswith(b"\x01vorbis") and len(self.first) > 28:
            return self.packets * (1 << (self.first[28] >> 4)) // 2
        if self.first.startswith(b"OpusHead"):
            return self.packets * _OPUS_PACKET
        return self.packets * 65_535 if self.first.startswith(b"\x7fFLAC") else None


def examine(stream: BinaryIO, start: int, size: int) -> Contents:
    """Walk over all pages of an Ogg file."""
    streams: dict[int, _Stream] = {}
    position = start
    while position < size and (length := _page(stream, position, size, streams)):
        position += length
    if len(streams) != 1:
        raise Fault(f"holds {len(streams)} streams where one of sound is expected; convert it to WAV or FLAC")
    (found,) = streams.values()
    if not found.ended:
        raise Fault("is truncated: its last page is not marked as the last; copy it again")
    most = found.most()
    if most is not None and found.samples > most:
        raise Fault(
            f"announces {found.samples:,} samples, and its {found.packets:,} packets hold {most:,} at most; copy it "
            "again"
        )
    return Contents()


def _page(stream: BinaryIO, position: int, size: int, streams: dict[int, _Stream]) -> int:
    """Read one page into its stream; returns its length, 0 where nothing but tags or zeros follows."""
    stream.seek(position)
    head = stream.read(_HEADER.size)
    if not head.startswith(b"OggS") and streams and harmless(stream, position, size):
        return 0
    if len(head) < _HEADER.size:
        raise Fault("is truncated: it ends within a page; copy it again")
    magic, _, flags, granule, serial, number, checksum, segments = _HEADER.unpack(head)
    if magic != b"OggS":
        raise Fault(f"is damaged: at byte {position:,} no page begins; copy it again")
    lacing = stream.read(segments)
    body = stream.read(sum(lacing))
    if len(body) < sum(lacing) or len(lacing) < segments:
        raise Fault("is truncated: it ends within a page; copy it again")
    found = streams.setdefault(serial, _Stream(first=body[:64]))
    if _checksum(head[:22] + bytes(4) + head[26:] + lacing + body) != checksum:
        raise Fault(f"is damaged: the page at byte {position:,} has another checksum; copy it again")
    if number != found.pages and found.pages:
        raise Fault(f"is damaged: pages are missing before byte {position:,}; copy it again")
    found.pages = number + 1
    found.packets += sum(value < 255 for value in lacing)
    found.samples = max(found.samples, granule)
    found.ended = bool(flags & _LAST)
    return len(head) + len(lacing) + len(body)


def _checksum(page: bytes) -> int:
    """CRC-32 as Ogg computes it: zlib's polynomial, bits the other way round, neither start nor end inverted."""
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED), "big")
