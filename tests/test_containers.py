"""Containers that lie, are cut, or were never completed: refused with the reason, or read whole with a note."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate

from elor import audio
from elor.audio import info, read_int16
from elor.containers import mpeg, ogg
from elor.containers.contents import Contents, Mended
from elor.errors import UserError
from elor.recording import Recording

RATE = 22_050
TIME = np.arange(3 * RATE + 77) / RATE
SOUND = 0.4 * np.sin(2 * np.pi * 170 * TIME + 9 * np.sin(4 * TIME)) * (0.6 + 0.4 * np.sin(11 * TIME))
SAMPLES = round(len(SOUND) * 16_000 / RATE)

KINDS = {
    "WAV": "PCM_16 PCM_U8 PCM_24 FLOAT ALAW ULAW IMA_ADPCM MS_ADPCM GSM610",
    "WAVEX": "PCM_16 FLOAT",
    "RF64": "PCM_16 DOUBLE",
    "W64": "PCM_16 PCM_24",
    "AIFF": "PCM_16 FLOAT IMA_ADPCM ULAW",
    "CAF": "PCM_16 ALAC_16 FLOAT",
    "AU": "PCM_16 ULAW DOUBLE",
    "NIST": "PCM_16 ULAW",
    "FLAC": "PCM_16 PCM_24 PCM_S8",
    "OGG": "VORBIS",
    "MP3": "MPEG_LAYER_III",
}
ALL = [(container, subtype) for container, subtypes in KINDS.items() for subtype in subtypes.split()]
KEPT = {"GSM610", "IMA_ADPCM", "MS_ADPCM", "ALAW", "ULAW", "PCM_U8", "PCM_S8", "VORBIS", "MPEG_LAYER_III"}
"""Subtypes that do not give back the samples that were written."""


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    def write(container: str, subtype: str, sound: np.ndarray = SOUND, rate: int = RATE) -> Path:
        path = tmp_path / f"{container}-{subtype}.sound"
        soundfile.write(path, sound, rate, format=container, subtype=subtype)
        return path

    return write


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def refused(path: Path) -> str:
    """The one sentence with which every reader refuses a file."""
    said = set()
    for read in (read_int16, lambda path: list(Recording(path).blocks())):
        with pytest.raises(UserError) as error:
            read(path)
        said.add(str(error.value))
    (text,) = said
    assert "\n" not in text
    assert text.startswith(str(path))
    return text


@pytest.mark.parametrize(("container", "subtype"), ALL)
def test_what_is_whole_is_read_whole(make: Callable[..., Path], container: str, subtype: str) -> None:
    path = make(container, subtype)
    found = info(path)
    assert found.note == ""
    assert found.frames == pytest.approx(len(SOUND), abs=1_100 if "ADPCM" in subtype or "GSM" in subtype else 3)
    heard = read_int16(path)
    np.testing.assert_array_equal(np.concatenate(list(Recording(path).blocks())), heard)
    if subtype not in KEPT:
        expected = read_int16(make("WAV", "DOUBLE", np.rint(SOUND * 32_768) / 32_768))
        assert np.abs(heard[: len(expected)].astype(int) - expected).max() <= 2


@pytest.mark.parametrize("part", [0.02, 1 / 3, 0.5, 0.9])
@pytest.mark.parametrize(("container", "subtype"), ALL)
def test_part_of_a_file_is_refused(make: Callable[..., Path], container: str, subtype: str, part: float) -> None:
    path = make(container, subtype)
    whole = path.read_bytes()
    refused(put(path, whole[: int(len(whole) * part)]))
    with pytest.raises(UserError):  # the header alone tells: `elor check` must not say ok
        info(path)


@pytest.mark.parametrize(("container", "subtype"), [pair for pair in ALL if pair[0] in ("FLAC", "OGG", "MP3")])
@pytest.mark.parametrize("hurt", ["hole", "zeros", "behind", "twice"])
def test_damage_within_is_refused(make: Callable[..., Path], container: str, subtype: str, hurt: str) -> None:
    path = make(container, subtype)
    whole, half = path.read_bytes(), path.stat().st_size // 2
    noise = np.random.default_rng(1).integers(0, 256, 3_000, dtype=np.uint8).tobytes()
    changed = {
        "hole": whole[:half] + whole[half + 1_000 :],
        "zeros": whole[:half] + bytes(300) + whole[half + 300 :],
        "behind": whole + noise,
        "twice": whole + whole,
    }
    refused(put(path, changed[hurt]))


def riff(data: bytes, announced: int, behind: bytes = b"", rate: int = 16_000) -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate & 0xFFFFFFFF, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", announced) + data + behind
    return b"RIFF" + struct.pack("<I", min(36 + announced, 0xFFFFFFFF)) + body


PCM = (SOUND * 32_767).astype("<i2")


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFFFDB])
def test_a_header_that_was_never_completed_is_read_to_the_end_with_a_note(tmp_path: Path, size: int) -> None:
    path = put(tmp_path / "a.wav", riff(PCM.tobytes(), size))
    np.testing.assert_array_equal(read_int16(path), PCM)
    assert info(path).note.startswith(f"its header announces {size:,} bytes of sound and {2 * len(PCM):,} follow")
    assert Recording(path).header.note == info(path).note


@pytest.mark.parametrize("announced", [3_000, 20_001, 60_000])
def test_a_header_that_announces_too_little_is_refused(tmp_path: Path, announced: int) -> None:
    text = refused(put(tmp_path / "a.wav", riff(PCM.tobytes(), announced)))
    assert f"announces {announced:,} bytes" in text
    assert f"{2 * len(PCM) - announced:,} more follow" in text


@pytest.mark.parametrize(
    "behind",
    [
        b"LIST" + struct.pack("<I", 4_000) + b"INFO" + bytes(range(1, 251)) * 16,
        b"id3 " + struct.pack("<I", 99_999) + b"x" * 700,  # cut off, with all of the sound there
        b"TAG" + b"t" * 125,
        bytes(100_000),
        b"few stray bytes",
    ],
)
def test_what_may_stand_behind_the_sound(tmp_path: Path, behind: bytes) -> None:
    path = put(tmp_path / "a.wav", riff(PCM.tobytes(), 2 * len(PCM), behind))
    np.testing.assert_array_equal(read_int16(path), PCM)
    assert info(path).note == ""


def test_two_files_in_one_are_refused(tmp_path: Path) -> None:
    whole = riff(PCM.tobytes(), 2 * len(PCM))
    assert "more follow that are no chunk and no tag" in refused(put(tmp_path / "a.wav", whole + whole))


@pytest.mark.parametrize(("order", "magic"), [(">", b".snd"), ("<", b"dns.")])
def test_au_of_unknown_length(tmp_path: Path, order: str, magic: bytes) -> None:
    head = magic + struct.pack(f"{order}5I", 24, 0xFFFFFFFF, 3, 16_000, 1)
    path = put(tmp_path / "a.au", head + PCM.astype(f"{order}i2").tobytes())
    np.testing.assert_array_equal(read_int16(path), PCM)
    assert f"{2 * len(PCM):,} follow" in info(path).note


def streamed(whole: bytes, container: str) -> bytes:
    """A file as a program leaves it that cannot go back to write sizes."""
    if container == "RF64":
        return whole.replace(whole[20:36], bytes(16), 1)
    if container == "W64":
        at = whole.index(b"data") + 16
        return whole[:at] + b"\xff" * 8 + whole[at + 8 :]
    at = whole.index(b"data" if container == "CAF" else b"SSND") + 4
    size = b"\xff" * 8 if container == "CAF" else b"\x7f\xff\xff\xff"
    return whole[:at] + size + whole[at + len(size) :]


@pytest.mark.parametrize("container", ["RF64", "W64", "CAF", "AIFF"])
def test_other_containers_written_into_pipes(make: Callable[..., Path], container: str) -> None:
    path = make(container, "PCM_16")
    before = read_int16(path)
    whole = path.read_bytes()
    if container == "CAF":  # nothing may follow sound of unknown length
        whole = whole[: whole.index(b"data") + 16 + 2 * len(SOUND)]
    put(path, streamed(whole, container))
    after = read_int16(path)
    np.testing.assert_array_equal(after[: SAMPLES - 2], before[: SAMPLES - 2])
    assert abs(len(after) - len(before)) <= 2
    assert "read to its end" in info(path).note


def test_flac_of_unknown_length_is_counted(make: Callable[..., Path]) -> None:
    path = make("FLAC", "PCM_16")
    before, whole = read_int16(path), bytearray(path.read_bytes())
    whole[21] &= 0xF0
    whole[22:26] = bytes(4)
    put(path, bytes(whole))
    np.testing.assert_array_equal(read_int16(path), before)
    difference = read_int16(path, 1.0, 2.0).astype(int) - read_int16(make("WAV", "PCM_16"), 1.0, 2.0)
    assert np.abs(difference).max() <= 2
    assert f"announces 0 samples and {len(SOUND):,} follow" in info(path).note
    assert "does not end with a whole frame" in refused(put(path, bytes(whole[:-7_000])))


@pytest.mark.parametrize("container", ["FLAC", "OGG"])
def test_announced_lengths_are_held_against_the_file(make: Callable[..., Path], container: str) -> None:
    path = make(container, KINDS[container].split()[0])
    whole = bytearray(path.read_bytes())
    if container == "FLAC":
        whole[21:26] = (int.from_bytes(whole[21:26], "big") | (1 << 36) - 1).to_bytes(5, "big")
    else:
        last = bytes(whole).rindex(b"OggS")
        whole[last + 6 : last + 14] = (10**12).to_bytes(8, "little")
        page = bytes(whole[last:])
        whole[last + 22 : last + 26] = ogg._checksum(page[:22] + bytes(4) + page[26:]).to_bytes(4, "little")
    text = refused(put(path, bytes(whole)))
    assert ("68,719,476,735" if container == "FLAC" else "1,000,000,000,000") in text


def test_the_checksum_of_ogg_is_that_of_libogg(make: Callable[..., Path]) -> None:
    whole = make("OGG", "VORBIS").read_bytes()
    page = whole[: whole.index(b"OggS", 4)]
    assert ogg._checksum(page[:22] + bytes(4) + page[26:]) == struct.unpack("<I", page[22:26])[0]


def without_header(whole: bytes) -> bytes:
    """An MP3 without the frame that announces its length."""
    return whole[mpeg._frame(whole[:4]).length :]


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 1), (22_050, 2), (16_000, 1), (48_000, 2), (8_000, 1)])
def test_mp3_without_a_header_is_counted(make: Callable[..., Path], rate: int, channels: int) -> None:
    times = np.arange(5 * rate) / rate
    sound = 0.3 * np.sin(2 * np.pi * (200 * times + 60 * times**2))[:, None].repeat(channels, 1)
    path = make("MP3", "MPEG_LAYER_III", sound, rate)
    before = read_int16(path, stereo="mean")
    put(path, without_header(path.read_bytes()))
    after = read_int16(path, stereo="mean")
    assert 0 <= len(after) / 16_000 - 5 < 0.3  # with the encoder's padding, which the header would tell
    part = before[20_000:60_000].astype(float)
    lag = correlate(after.astype(float), part, "valid", "fft").argmax()
    assert 0 < lag - 20_000 < 0.2 * 16_000
    assert np.corrcoef(after[lag:][:40_000], part)[0, 1] > 0.98  # the lag is no whole number of samples
    assert "no header announces its length" in info(path).note
    assert "last frame is not whole" in refused(put(path, path.read_bytes()[:-20]))


def test_mp3_that_announces_more_or_less_than_it_holds(make: Callable[..., Path]) -> None:
    path = make("MP3", "MPEG_LAYER_III")
    whole = path.read_bytes()
    at = whole.index(b"Info" if b"Info" in whole[:200] else b"Xing") + 8
    frames = int.from_bytes(whole[at : at + 4], "big")
    for wrong in (frames // 3, 16_170_232):
        text = refused(put(path, whole[:at] + wrong.to_bytes(4, "big") + whole[at + 4 :]))
        assert f"{wrong:,}" in text
        assert f"{frames:,}" in text


def test_tags_before_and_behind(make: Callable[..., Path]) -> None:
    before = b"ID3\x04\x00\x00\x00\x00\x08\x00" + bytes(1_024)
    ape = b"APETAGEX" + struct.pack("<III", 2_000, 2_000, 1) + bytes(12) + b"y" * 2_000
    for container, subtype in (("MP3", "MPEG_LAYER_III"), ("FLAC", "PCM_16")):
        path = make(container, subtype)
        expected, whole = read_int16(path), path.read_bytes()
        behind = b"TAG" + b"z" * 125 if container == "FLAC" else ape + b"TAG" + b"z" * 125
        np.testing.assert_array_equal(read_int16(put(path, before + whole + behind)), expected)


@pytest.mark.parametrize("container", ["PAF", "VOC", "IRCAM", "MAT5", "HTK", "PVF", "AVR"])
def test_containers_that_nobody_checks_are_refused(make: Callable[..., Path], container: str) -> None:
    text = refused(make(container, "PCM_16"))
    assert f"({container})" in text
    assert "half a file is not told from a whole one" in text


@pytest.mark.parametrize("subtype", ["GSM610", "IMA_ADPCM", "MS_ADPCM"])
def test_segments_of_what_cannot_seek(make: Callable[..., Path], subtype: str) -> None:
    path = make("WAV", subtype, SOUND, 8_000)
    whole = read_int16(path)
    np.testing.assert_allclose(read_int16(path, 2.0, 4.0)[500:-500], whole[32_500:63_500], atol=2)


def test_floats_that_were_meant_as_integers(make: Callable[..., Path]) -> None:
    text = refused(make("WAV", "FLOAT", SOUND * 32_767))
    assert "lie beyond full scale, which is 1 for floats; its largest is 1310" in text
    loud = np.where(np.arange(len(SOUND)) % 200 == 0, 1.5, SOUND)  # half a percent
    assert len(read_int16(make("WAV", "FLOAT", loud))) == SAMPLES
    with pytest.raises(UserError, match=r"array would be clipped: \d+% of its samples"):
        list(Recording(SOUND * 32_767, RATE).blocks())


@pytest.mark.parametrize("share", [1.0, 0.95])
def test_channels_that_cancel_each_other(make: Callable[..., Path], share: float) -> None:
    path = make("WAV", "PCM_16", np.stack([SOUND, -share * SOUND], 1))
    for read in (lambda: read_int16(path, stereo="mean"), lambda: list(Recording(path).windows())):
        with pytest.raises(UserError, match=r"channels that cancel each other in their mean .* --stereo left"):
            read()
    assert np.abs(read_int16(path, stereo="left")).max() > 10_000
    for other in (np.roll(SOUND, 5_000), np.zeros_like(SOUND)):  # two speakers; one of two microphones
        assert len(read_int16(make("WAV", "PCM_16", np.stack([SOUND, other], 1)), stereo="mean")) == SAMPLES


def test_names_and_links_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to("gone.wav")
    with pytest.raises(UserError, match=r"link\.wav does not exist: it is a link to gone\.wav"):
        info(tmp_path / "link.wav")
    for name in ("x" * 5_000, "a\0b"):
        with pytest.raises(UserError, match=r"does not exist|cannot be read"):
            info(tmp_path / name)
    odd = tmp_path / "naïve Ωмега 音声 \udcff.wav"
    soundfile.write(io_path(odd), SOUND, RATE, format="WAV")
    assert len(read_int16(odd)) == SAMPLES
    raw = tmp_path / "take.raw"  # soundfile asks for the rate of what is called so
    raw.write_bytes(odd.read_bytes())
    assert len(read_int16(raw)) == SAMPLES


def io_path(path: Path) -> io.BufferedWriter:
    return path.open("wb")


def test_mended_bytes_stand_where_they_should(tmp_path: Path) -> None:
    path = put(tmp_path / "a", bytes(range(100)))
    contents = Contents(patches=((20, b"xy"), (99, b"z")), prefix=b"prefix", start=10)
    expected = b"prefix" + bytes(range(10, 20)) + b"xy" + bytes(range(22, 99)) + b"z"
    with path.open("rb") as stream:
        mended = Mended(stream, contents)
        assert mended.read() == expected
        for start in range(len(expected) + 1):
            for size in (1, 3, 30):
                mended.seek(start)
                assert mended.read(size) == expected[start : start + size]
        assert mended.seek(-1, io.SEEK_END) == len(expected) - 1


def test_nothing_is_allocated_on_a_headers_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(audio, "BLOCK_S", 1)
    original = soundfile.SoundFile.read
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda self, n, **how: asked.append(n) or original(self, n, **how))
    path = put(tmp_path / "a.wav", riff(PCM.tobytes(), 0xFFFFFFFF))
    assert len(read_int16(path)) == len(PCM)
    assert max(asked) <= 16_000


@pytest.mark.parametrize("rate", [1, 7, 0x7FFFFFF0])
def test_a_rate_that_no_sound_has_is_refused(tmp_path: Path, rate: int) -> None:
    assert f"announces {rate:,} Hz" in refused(put(tmp_path / "a.wav", riff(PCM.tobytes(), 2 * len(PCM), rate=rate)))
