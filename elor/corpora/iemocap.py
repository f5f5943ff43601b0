"""The IEMOCAP release (Busso et al. 2008): its layout and the grammar of its annotations.

Labels come from `SessionN/dialog/EmoEvaluation/Ses*.txt`, top level only: the folder `Attribute` below it holds the
same ratings on a reversed scale, and five folders hold files of the same names. A speaker is the session and the
letter of the *turn*; the letter in a dialogue's name says who wore the motion-capture markers. IEMOCAP writes
activation, this project arousal; here it is translated.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from elor.audio import SAMPLE_RATE, AudioInfo
from elor.corpora import iemocap_counts, texts
from elor.corpora.faults import SHOWN, listed, plural
from elor.corpora.headers import channels_fault, inspect, notes
from elor.corpora.schema import RATING_COLUMNS, UTTERANCE_COLUMNS, Tables, check, counts, typed
from elor.errors import UserError

LOW, HIGH = 1.0, 5.0
"""The range of the release's ratings. Anything outside is a missing rating (`val 6; act 6; dom ;`), never clipped."""

SESSIONS = tuple(f"Session{number}" for number in range(1, 6))

LENGTH_TOLERANCE = 2
"""Samples by which a turn's sound may differ from its annotated duration."""

_DIALOGUE = r"(?P<session>Ses0[1-5])[FM]_(?P<kind>impro|script)\d\d(?:_\d)?[a-z]?"
DIALOGUE = re.compile(_DIALOGUE)
TURN = re.compile(rf"(?P<dialogue>{_DIALOGUE})_(?P<letter>[FM])\d\d\d")
HEADER = re.compile(
    r"\[(?P<start>\d+(?:\.\d+)?) - (?P<end>\d+(?:\.\d+)?)\]\t(?P<turn>\w+)\t(?P<emotion>\w+)\t\[[^\]]*\]"
)
_NUMBER = r"(-?\d+(?:\.\d+)?)?"
RATING = re.compile(rf"A-([EFM])(\d+):\tval\s*{_NUMBER}\s*;\s*act\s*{_NUMBER}\s*;\s*dom\s*{_NUMBER}\s*;\t\(.*\)")
SCENARIOS = {"impro": "improvised", "script": "scripted"}


def check_range(low: float, high: float) -> None:
    """Refuse another range than the release's.

    Raises:
        UserError: if `low` and `high` are not its ends.
    """
    if (low, high) != (LOW, HIGH):
        raise UserError(f"The range {low:g}..{high:g} is not IEMOCAP's; set corpus.low to 1 and corpus.high to 5.")


@dataclass(frozen=True)
class Rating:
    """One `A-` line; None where the rater gave nothing on 1..5."""

    rater: str
    kind: str
    valence: float | None
    arousal: float | None
    dominance: float | None


@dataclass
class Turn:
    """One annotated turn and its ratings."""

    name: str
    session: str
    dialogue: str
    scenario: str
    gender: str
    emotion: str
    seconds: float
    ratings: list[Rating]

    @property
    def speaker(self) -> str:
        """Session and letter of the turn, such as `Ses03M`."""
        return self.session + self.gender

    @property
    def file(self) -> str:
        """Where the turn's sound lies below the root."""
        return f"Session{self.session[-1]}/sentences/wav/{self.dialogue}/{self.name}.wav"


def find_root(path: Path) -> Path | None:
    """The folder that holds `Session1` .. `Session5`: the given one, or the first one up to two levels below it.

    A folder with all five is preferred to one with some.
    """
    children = _folders(path)
    below = [path, *children, *(folder for child in children for folder in _folders(child))]
    for wanted in (all, any):
        for folder in below:
            if wanted((folder / session).is_dir() for session in SESSIONS):
                return folder
    return None


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.glob("*") if child.is_dir() and not child.name.startswith("."))


def is_session(path: Path) -> bool:
    """Whether a folder is one session of the release, where its root was meant."""
    return (path / "dialog").is_dir() or (path / "sentences").is_dir()


def parse(content: bytes, where: str) -> list[Turn]:
    """Read one annotation file.

    Args:
        content: the file's bytes, see `elor.corpora.texts.lines`.
        where: the file's path below the root, `.../<dialogue>.txt`, for messages and to check the turns' names.

    Returns:
        The turns in the file's order.

    Raises:
        UserError: for a file that is no text, a line that fits no pattern, a turn of another dialogue, a turn or a
            rater that occurs twice; names file and line.
    """
    dialogue = Path(where).stem
    turns: dict[str, Turn] = {}
    current: Turn | None = None
    for number, raw in enumerate(texts.lines(content, where), start=1):
        line = raw.rstrip()
        place = f"line {number} of {where}"
        if not line or line.startswith(("%", "C-")):  # the file's heading; a categorical vote
            continue
        if line.startswith("["):
            current = _turn(line, dialogue, place)
            if current.name in turns:
                raise UserError(f"{place} annotates {current.name} a second time; keep one of the blocks.")
            turns[current.name] = current
        else:
            rating = _rating(line, place)
            if current is None:
                raise UserError(f"{place} is a rating before any turn: {line[:80]!r}; restore the file.")
            if any(rating.rater == other.rater for other in current.ratings):
                raise UserError(f"{place} is a second rating of {current.name} by {rating.rater}; keep one of them.")
            current.ratings.append(rating)
    return list(turns.values())


def _turn(line: str, dialogue: str, place: str) -> Turn:
    header = HEADER.fullmatch(line)
    name = TURN.fullmatch(header["turn"]) if header else None
    if header is None or name is None or float(header["end"]) <= float(header["start"]):
        raise UserError(f"{place} is not a turn as IEMOCAP writes them: {line[:80]!r}; restore the file.")
    if name["dialogue"] != dialogue:
        raise UserError(f"{place} annotates {name[0]}, a turn of another dialogue; restore the file.")
    seconds = float(header["end"]) - float(header["start"])
    return Turn(
        name[0], name["session"], dialogue, SCENARIOS[name["kind"]], name["letter"], header["emotion"], seconds, []
    )


def _rating(line: str, place: str) -> Rating:
    found = RATING.fullmatch(line)
    if found is None:
        raise UserError(f"{place} fits no pattern of IEMOCAP's annotations: {line[:80]!r}; restore the file.")
    who, number, *values = found.groups()
    kind = "evaluator" if who == "E" else "self"  # A-F2 is the actress of session 2 on herself, not evaluator 2
    return Rating(f"{who}-{number}", kind, *(_on_scale(value) for value in values))


def _on_scale(value: str | None) -> float | None:
    return None if value is None or not LOW <= float(value) <= HIGH else float(value)


@dataclass(frozen=True)
class Iemocap:
    """A release, or what there is of one.

    Attributes:
        root: the folder that holds `Session1` .. `Session5`.
        partial: go on without what is missing.
        stereo: what to do with a two-channel turn; the release has none, so that it normally is an error.
        words: read the transcriptions too.
    """

    root: Path
    partial: bool = False
    stereo: str = "error"
    words: bool = False
    kind = "iemocap"

    def files(self) -> list[str]:
        """The annotation files and the sounds of the annotated turns, and the transcriptions where they are asked for.

        Raises:
            UserError: one for all that is missing, unless `partial`.
        """
        self._refuse_gaps()
        return sorted([*self._annotations, *(turn.file for turn in self._present), *self._transcriptions])

    def read(self) -> Tables:
        """Read annotations and sound headers.

        Raises:
            UserError: one for all that is missing, unless `partial`; one for all sounds that are not 16 kHz,
                16 bit and mono, or are truncated or empty; and as `parse`.
        """
        self._refuse_gaps()
        turns = sorted(self._present, key=lambda turn: turn.name)
        if not turns:
            raise UserError(f"{self.root} holds no annotated turn with its sound; check the copy.")
        headers = inspect(self.root, [turn.file for turn in turns], self._objection)
        utterances = typed((_utterance(turn, headers[turn.file].frames) for turn in turns), UTTERANCE_COLUMNS)
        rows = ({"utterance": turn.name} | vars(rating) for turn in turns for rating in turn.ratings)
        ratings = typed(rows, RATING_COLUMNS)
        report = counts(utterances, ratings) | {
            "source": self.kind,
            "dialogues": len(self._annotations),
            "left_out": {"turns_without_sound": len(self._turns) - len(turns)},
            "deviations": [*self._deviations(turns, headers), *notes(headers)],
        }
        if iemocap_counts.looks_complete(len(self._annotations)):
            report["deviations"] += iemocap_counts.deviations(utterances, ratings)
        return check(Tables(utterances, ratings, report))

    def texts(self) -> dict[str, str]:
        """What was said in each turn that has its sound.

        Raises:
            UserError: for a turn without transcription, or the other way round, unless `partial`; and as
                `elor.corpora.texts.parse`.
        """
        found: dict[str, str] = {}
        files: dict[str, str] = {}
        for where in self._transcriptions:
            own = texts.parse((self.root / where).read_bytes(), where)
            if twice := sorted(set(own) & set(found)):
                raise UserError(f"{where} transcribes {twice[0]}, as {files[twice[0]]} does; keep one of the lines.")
            found |= own
            files |= dict.fromkeys(own, where)
        every = texts.paired(found, (turn.name for turn in self._turns), files, self.partial)
        return {turn.name: every[turn.name] for turn in self._present}

    @cached_property
    def _transcriptions(self) -> list[str]:
        """The transcriptions, also of dialogues without annotation, by their paths below the root; none where they are
        not read."""
        folders = [self.root / session / "dialog/transcriptions" for session in SESSIONS if self.words]
        paths = [path for folder in folders for path in sorted(folder.glob("Ses*.txt")) if path.is_file()]
        return [path.relative_to(self.root).as_posix() for path in paths]

    @cached_property
    def _annotations(self) -> dict[str, list[Turn]]:
        """The turns of each annotation file, by its path below the root."""
        found = {}
        for session in SESSIONS:
            for path in sorted((self.root / session / "dialog/EmoEvaluation").glob("Ses*.txt")):
                where = path.relative_to(self.root).as_posix()
                name = DIALOGUE.fullmatch(path.stem)
                if name is None or name["session"][-1] != session[-1]:
                    raise UserError(f"{path} is not named after a dialogue of {session}; take it out of that folder.")
                found[where] = parse(path.read_bytes(), where)
        return found

    @cached_property
    def _turns(self) -> list[Turn]:
        return [turn for turns in self._annotations.values() for turn in turns]

    @cached_property
    def _sounds(self) -> dict[str, set[str]]:
        """The names of the wavs in each `SessionN/sentences/wav/<dialogue>`, by its path below the root."""
        return {
            folder.relative_to(self.root).as_posix(): {path.name for path in folder.glob("Ses*.wav")}
            for session in SESSIONS
            for folder in (self.root / session / "sentences/wav").glob("Ses*")
            if folder.is_dir()
        }

    @cached_property
    def _present(self) -> list[Turn]:
        return [turn for turn in self._turns if f"{turn.name}.wav" in self._sounds.get(_folder(turn), ())]

    @cached_property
    def _gaps(self) -> list[str]:
        """What is missing, by the topmost path that is: sessions, annotations, folders of sounds, single sounds."""
        sessions = [session for session in SESSIONS if not (self.root / session).is_dir()]
        texts = []
        for session in set(SESSIONS) - set(sessions):
            folder = f"{session}/dialog/EmoEvaluation"
            if not any(name.startswith(folder) for name in self._annotations):
                texts.append(f"{folder}/Ses*.txt")
        for folder in self._sounds:
            session, dialogue = folder.split("/")[0], folder.split("/")[-1]
            text = f"{session}/dialog/EmoEvaluation/{dialogue}.txt"
            if text not in self._annotations and f"{session}/dialog/EmoEvaluation/Ses*.txt" not in texts:
                texts.append(text)
        texts += self._lost_dialogues() if iemocap_counts.looks_complete(len(self._annotations)) else []
        return [*sessions, *sorted(texts), *self._silent()]

    def _lost_dialogues(self) -> Iterator[str]:
        """Dialogues of which neither annotation nor sound is left: only the release's counts can tell."""
        for session, expected in iemocap_counts.DIALOGUES.items():
            folder = f"Session{session[-1]}/"
            found = {Path(name).stem for name in self._annotations if name.startswith(folder)}
            found |= {name.split("/")[-1] for name in self._sounds if name.startswith(folder)}
            if found and len(found) < expected:
                yield f"{plural(expected - len(found), 'dialogue')} of {folder[:-1]}"

    def _silent(self) -> list[str]:
        """Annotated turns without sound; a whole folder that is missing stands for its turns."""
        present = {turn.name for turn in self._present}
        absent: dict[str, int] = {}
        for turn in self._turns:
            if turn.name not in present:
                folder = _folder(turn)
                name = turn.file if folder in self._sounds else f"{folder}/*.wav"
                absent[name] = absent.get(name, 0) + 1
        return [
            f"{name} ({plural(count, 'turn')})" if name.endswith("*.wav") else name for name, count in absent.items()
        ]

    def _refuse_gaps(self) -> None:
        if self._gaps and not self.partial:
            raise UserError(
                f"{self.root} is incomplete; missing are {listed(self._gaps)}; "
                "restore them, or set corpus.partial to true to go on without them."
            )

    def _objection(self, header: AudioInfo) -> str:
        if header.rate != SAMPLE_RATE or header.subtype != "PCM_16":
            return f"is {header.rate} Hz {header.subtype}, where the release has 16000 Hz PCM_16"
        return channels_fault(header, self.stereo)

    def _deviations(self, turns: list[Turn], headers: dict[str, AudioInfo]) -> Iterator[str]:
        """How this copy differs from a sound one, sentence by sentence."""
        if self._gaps:
            more = f" and {len(self._gaps) - SHOWN:,} more" if len(self._gaps) > SHOWN else ""
            yield f"missing: {', '.join(self._gaps[:SHOWN])}{more}"
        known = {f"{turn.name}.wav" for turn in self._turns}
        if strays := sum(len(names - known) for names in self._sounds.values()):
            yield f"{plural(strays, 'sound')} of no annotated turn, not read"
        lengths = (abs(headers[turn.file].frames - turn.seconds * SAMPLE_RATE) for turn in turns)
        if odd := sum(length > LENGTH_TOLERANCE for length in lengths):
            yield f"{plural(odd, 'sound')} of another length than annotated, by more than {LENGTH_TOLERANCE} samples"


def _folder(turn: Turn) -> str:
    return turn.file.rsplit("/", 1)[0]


def _utterance(turn: Turn, samples: int) -> dict[str, Any]:
    return {
        "utterance": turn.name,
        "file": turn.file,
        "session": turn.session,
        "dialogue": turn.dialogue,
        "scenario": turn.scenario,
        "speaker": turn.speaker,
        "gender": turn.gender,
        "samples": samples,
        "emotion": turn.emotion,
    }
