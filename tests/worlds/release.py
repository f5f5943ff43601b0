"""An invented miniature of the IEMOCAP release that has every irregularity of the real one.

Nothing in it is IEMOCAP's: turns, ratings and remarks are made up, the sound is noise.
"""

from __future__ import annotations

import wave
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X\xff\xfe"
HEADING = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"


@dataclass(frozen=True)
class Turn:
    """A block of an annotation file: `lines` are its `C-` and `A-` lines."""

    name: str
    seconds: float
    emotion: str
    lines: Sequence[str]


def rating(rater: str, val: object, act: object, dom: object, remark: str = "") -> str:
    """An `A-` line; None for a dominance that was not given."""
    return f"A-{rater}:\tval {val}; act {act}; dom {'' if dom is None else f' {dom}'};\t({remark})"


PLACEHOLDER = "val 6; act 6; dom ;"

IMPRO05A = (
    Turn(
        "Ses03M_impro05a_F000",
        9.0,
        "hap",
        (
            "C-E1:\tHappiness;\t()",
            "C-E2:\tHappiness; Excited;\t()",
            "C-F2:\t; ;\t()",
            rating("E1", 4, 3, 3),
            rating("E2", 5, 4, 2),
            rating("F2", 1, 1, 1),
        ),
    ),
    Turn(
        "Ses03M_impro05a_F001",
        2.5,
        "xxx",
        (
            "C-E1:\t;\t()",
            "C-E2:\tNeutral state;\t(soft, or tired; unsure?)",
            "C-E4:\tNeutral state;\t()",
            f"A-E1:\t{PLACEHOLDER}\t()",
            rating("E2", 3, 2, 3, "soft, or tired; unsure?"),
        ),
    ),
    Turn(
        "Ses03M_impro05a_M000",
        4.25,
        "neu",
        (
            "C-E1:\tNeutral state;\t()",
            "C-E2:\tOther;\t()",
            "C-E3:\tSadness;\t()",
            rating("E1", 3, 3, 3),
            f"A-E2:\t{PLACEHOLDER}\t()",
            rating("E3", 2, 2, 4),
        ),
    ),
    Turn(
        "Ses03M_impro05a_M001",
        10.0,
        "exc",
        (
            "C-E1:\tExcited;\t()",
            "C-E2:\tExcited;\t()",
            "C-E3:\tHappiness;\t()",
            rating("E2", 4, 5, None),
            rating("E1", 4, 4, 4),
        ),
    ),
)
"""Nine seconds that make one slice, with the actress of session 2 beside evaluator 2; an `xxx` turn with a remark and
another's placeholder; a placeholder of E-2; ten seconds with a dominance missing alone."""


def plain(dialogue: str, evaluators: Sequence[str] = ("E1", "E2")) -> tuple[Turn, ...]:
    """A woman's and a man's turn without anything special."""
    return tuple(
        Turn(
            f"{dialogue}_{letter}00{number}",
            1.0 + number / 4,
            "ang",
            ("C-E1:\tAnger;\t()", *(rating(rater, 2, 4, 4) for rater in evaluators)),
        )
        for number, letter in enumerate("FM")
    )


DIALOGUES = {
    "Ses01F_impro01": plain("Ses01F_impro01", ("E3", "E4")),  # not rated by E-2
    "Ses02F_script01_1": plain("Ses02F_script01_1"),  # written with CRLF and a byte order mark
    "Ses03M_impro05a": IMPRO05A,
    "Ses04M_script02_2": plain("Ses04M_script02_2", ("E2", "E5", "E6", "M3")),
    "Ses05M_script01_1b": plain("Ses05M_script01_1b"),
}

E2_LABELS = {  # valence, arousal on 0..4 by E-2, by hand
    "Ses02F_script01_1_F000": (1, 3),
    "Ses02F_script01_1_M001": (1, 3),
    "Ses03M_impro05a_F000": (4, 3),
    "Ses03M_impro05a_F001": (2, 1),
    "Ses03M_impro05a_M001": (3, 4),
    "Ses04M_script02_2_F000": (1, 3),
    "Ses04M_script02_2_M001": (1, 3),
    "Ses05M_script01_1b_F000": (1, 3),
    "Ses05M_script01_1b_M001": (1, 3),
}


def annotation(turns: Sequence[Turn]) -> str:
    """The text of an annotation file. The averages in the turns' headers are wrong on purpose: nobody may use them."""
    blocks = []
    for number, turn in enumerate(turns):
        start = 3.1415 + 40 * number
        header = f"[{start:.4f} - {start + turn.seconds:.4f}]\t{turn.name}\t{turn.emotion}\t[5.5000, 5.5000, 0.5000]"
        blocks.append("\n".join((header, *turn.lines)) + "\n")
    return f"{HEADING}\n\n" + "\n".join(blocks) + "\n"


def reversed_annotation(turns: Sequence[Turn]) -> str:
    """What a file of `Attribute/` does: the same lines with other values."""
    return annotation([Turn(turn.name, turn.seconds, turn.emotion, (rating("E2", 1, 1, 1),)) for turn in turns])


def write_sound(path: Path, samples: int, rate: int = 16_000, channels: int = 1, width: int = 2) -> None:
    """Write noise that depends on the file's name alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(zlib.crc32(path.name.encode())).integers(0, 256, samples * channels * width)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(channels)
        stream.setsampwidth(width)
        stream.setframerate(rate)
        stream.writeframes(noise.astype(np.uint8).tobytes())


def sound_of(root: Path, turn: str) -> Path:
    """Where the release keeps a turn's sound."""
    return root / f"Session{turn[4]}" / "sentences/wav" / turn.rsplit("_", 1)[0] / f"{turn}.wav"


def annotation_of(root: Path, dialogue: str) -> Path:
    """Where the release keeps a dialogue's annotation."""
    return root / f"Session{dialogue[4]}" / "dialog/EmoEvaluation" / f"{dialogue}.txt"


def write_dialogue(root: Path, dialogue: str, turns: Sequence[Turn], newline: str = "\n", mark: bytes = b"") -> None:
    """Write annotation and sound of one dialogue, and its namesakes that must not be read."""
    path = annotation_of(root, dialogue)
    files = {
        path: mark + annotation(turns).replace("\n", newline).encode(),
        path.parent / f"Attribute/{dialogue}_atr.txt": reversed_annotation(turns).encode(),
        path.parent / f"Categorical/{dialogue}_cat.txt": b"Anger\n",
        path.parent / f"Self-evaluation/{dialogue}.txt": b"not an annotation\n",
        path.parent.parent / f"transcriptions/{dialogue}.txt": b"la la\r\n",
        path.parent.parent / f"wav/{dialogue}.wav": b"stereo",
        path.parent.parent / f"avi/{dialogue}.avi": b"video",
        path.parent / f"._{dialogue}.txt": APPLE_DOUBLE,
        path.parent / ".DS_Store": APPLE_DOUBLE,
    }
    for file, content in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    for turn in turns:
        write_sound(sound_of(root, turn.name), round(turn.seconds * 16_000))
        sound_of(root, f"{dialogue}_F000").with_name(f"._{turn.name}.wav").write_bytes(APPLE_DOUBLE)


def build(root: Path) -> Path:
    """Write the miniature release; returns its root."""
    for dialogue, turns in DIALOGUES.items():
        crlf = dialogue.startswith("Ses02")
        write_dialogue(root, dialogue, turns, "\r\n" if crlf else "\n", b"\xef\xbb\xbf" if crlf else b"")
    return root
