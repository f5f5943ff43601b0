"""Players: equally loud, faded, never clipped."""

from __future__ import annotations

import base64
import hashlib
import io

import numpy as np
import pytest
import soundfile

from elor.explain.occlusion import starts
from elor.report.audio import CAP, TARGET, data_uri, flac, levels, loudness, playable, wav, weighted

RATE = 16_000
SINE = np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE)


def test_loudness_of_a_sine_is_its_rms_and_pauses_do_not_count() -> None:
    assert loudness(0.3 * SINE) == pytest.approx(0.3 / np.sqrt(2), rel=1e-3)
    with_pause = np.concatenate([0.3 * SINE, np.zeros(3 * RATE), 1e-4 * SINE])
    assert loudness(with_pause) == pytest.approx(0.3 / np.sqrt(2), rel=1e-3)
    assert loudness(np.zeros(100)) == 0.0
    assert loudness([]) == 0.0


def test_players_are_equally_loud_whatever_the_level() -> None:
    rng = np.random.default_rng(1)
    signals = [1e-3 * SINE, 0.9 * SINE, 0.2 * rng.normal(size=RATE), np.concatenate([SINE, np.zeros(RATE)])]
    for signal in signals:
        assert loudness(playable(signal)) == pytest.approx(TARGET, rel=0.02)  # fades take a little


def test_players_begin_and_end_in_silence() -> None:
    heard = playable(np.ones(RATE))
    assert heard[0] == 0.0
    assert heard[-1] == 0.0
    assert np.all(np.diff(heard[:160]) > 0)
    assert heard[RATE // 2] == pytest.approx(heard.max())


def test_a_peak_lowers_the_whole_and_is_not_clipped() -> None:
    clicks = np.tile(np.append(np.ones(1), np.zeros(399)), 40)  # crest factor 26 dB
    heard = playable(clicks)
    assert np.abs(heard).max() == pytest.approx(CAP)
    assert np.count_nonzero(heard) == 39  # the first lies in the fade's silent beginning
    inner = heard[400:-400]
    np.testing.assert_allclose(inner[inner > 0], CAP)


def test_silence_stays_silence() -> None:
    assert not playable(np.zeros(500)).any()
    assert playable(np.zeros(0)).shape == (0,)


def test_weighting_keeps_what_speaks_for_the_class_and_silences_the_rest() -> None:
    signal = np.ones(96_000)
    drops = np.zeros(len(starts(96_000)))
    drops[40] = 2.0
    drops[80] = -5.0
    heard = weighted(signal, drops)
    assert heard.argmax() == pytest.approx(40 * 800 + 800, abs=500)
    assert heard.max() == pytest.approx(1.0)
    assert not heard[:31_000].any()
    assert not heard[35_000:].any()
    assert not weighted(signal, -np.abs(drops)).any()
    short = weighted(signal[:480], [1.0])
    assert short.shape == (480,)
    assert short.any()


def test_the_wav_is_what_other_programs_read() -> None:
    values, rate = soundfile.read(io.BytesIO(wav([0.0, 0.5, -1.0, 2.0])))
    assert rate == RATE
    np.testing.assert_allclose(values, [0.0, 0.5, -1.0, 32767 / 32768])
    head, coded = data_uri(SINE).split(",")
    assert head == "data:audio/flac;base64"
    np.testing.assert_array_equal(
        soundfile.read(io.BytesIO(base64.b64decode(coded)), dtype="int16")[0], levels(playable(SINE))
    )
    info = soundfile.info(io.BytesIO(base64.b64decode(coded)))
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (RATE, 1, "PCM_16", 2 * RATE)


def test_a_flac_is_the_same_on_every_processor() -> None:
    """Noise, a tone and silence: the bytes are those of fixed predictors, of integers, by a digest that was kept."""
    rng = np.random.default_rng(3)
    mixed = np.concatenate([0.2 * SINE, rng.integers(-3000, 3000, RATE) / 32768, np.zeros(RATE)])
    coded = flac(mixed)
    assert len(coded) < 0.62 * len(wav(mixed))
    assert hashlib.sha256(coded).hexdigest()[:16] == "3fa7546f97e0cc63"
