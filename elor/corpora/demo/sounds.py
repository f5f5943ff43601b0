"""The sounds of the demonstration corpus: ten vowels and twelve consonants, as the synthesiser needs them.

Vowels are the ten of Peterson and Barney, "Control methods used in a study of the vowels" (1952), averages of male
speakers; the upper two formants are those of a neutral tract of 17.5 cm. Consonants are described by the loci at which
the formants of a neighbouring vowel begin (Klatt, "Software for a cascade/parallel formant synthesizer", 1980, rounded)
and by the noise that they make.
"""

from dataclasses import dataclass

import numpy as np

VOWELS = np.array(
    [
        (270, 2290, 3010),  # beet
        (390, 1990, 2550),  # bit
        (530, 1840, 2480),  # bet
        (660, 1720, 2410),  # bat
        (520, 1190, 2390),  # but
        (730, 1090, 2440),  # hot
        (570, 840, 2410),  # bought
        (440, 1020, 2240),  # book
        (300, 870, 2240),  # boot
        (490, 1350, 1690),  # bird
    ],
    dtype=float,
)
"""Shape (10, 3): the first three formants in Hz."""

VOWEL_NAMES = ("beet", "bit", "bet", "bat", "but", "hot", "bought", "book", "boot", "bird")

UPPER_FORMANTS = np.array([3500.0, 4500.0])
BANDWIDTHS = np.array([70.0, 90.0, 140.0, 200.0, 260.0])


@dataclass(frozen=True)
class Consonant:
    """A consonant before a vowel.

    Attributes:
        locus: three formants in Hz where the transition to the vowel begins.
        voicing: amplitude of the voice while it lasts, 0 for voiceless, on the vowel's scale.
        noise: amplitude of its noise, on the same scale.
        centre_hz, width_hz: centre and bandwidth of the noise.
        stop: whether the noise is a burst at the release, after a silent closure.
    """

    locus: tuple[float, float, float]
    voicing: float
    noise: float
    centre_hz: float
    width_hz: float
    stop: bool = False


CONSONANTS = (
    Consonant((300, 900, 2200), 0.0, 0.10, 1200, 1500, stop=True),  # p
    Consonant((300, 1750, 2650), 0.0, 0.14, 4200, 2000, stop=True),  # t
    Consonant((300, 1950, 2500), 0.0, 0.14, 2200, 900, stop=True),  # k
    Consonant((220, 900, 2100), 0.15, 0.06, 1000, 1500, stop=True),  # b
    Consonant((220, 1700, 2600), 0.15, 0.08, 3800, 2000, stop=True),  # d
    Consonant((220, 1950, 2450), 0.15, 0.08, 2000, 900, stop=True),  # g
    Consonant((320, 1500, 2550), 0.0, 0.13, 5600, 1800),  # s
    Consonant((320, 1800, 2500), 0.0, 0.13, 3300, 1400),  # sh
    Consonant((320, 1100, 2200), 0.0, 0.06, 4500, 4000),  # f
    Consonant((260, 1100, 2250), 0.35, 0.0, 1000, 1000),  # m
    Consonant((260, 1600, 2500), 0.35, 0.0, 1000, 1000),  # n
    Consonant((340, 1150, 2700), 0.45, 0.0, 1000, 1000),  # l
)

CONSONANT_NAMES = ("p", "t", "k", "b", "d", "g", "s", "sh", "f", "m", "n", "l")
