"""The label file of MSP-IMPROV (Busso et al. 2017), `Evalution.txt` (sic): one block per turn.

A block is a line of the consensus, then one per rater:

    UTD-IMPROV-S01A-F01-P-FM01.avi; N; A:2.400000; V:3.200000; D:2.800000 ; N:4.000000;
    someone; Neutral; Neutral,Concerned; A:3.000000; V:3.000000; D:NaN; N:4.000000;

Activation runs from 1 (very active) to 5 (very calm): it is turned round here. Valence and dominance run upwards. The
sound of `UTD-IMPROV-<turn>.avi` is `MSP-IMPROV-<turn>.wav`.

The actor in a turn's name (`F01`) is whom the scenario was written for; both actors of the session speak in it. Who
speaks is the first letter of the last part (`FM01`: the woman, to the man). Where both must agree, in the target
sentences (`T`, `R`), that is checked.
"""

import re
from pathlib import Path

from elor.corpora.faults import listed, plural
from elor.errors import UserError
from elor.labelfiles.labels import Labels, Rating, checked, lines_of, merged, refuse, reverse, scores

LOW, HIGH = 1.0, 5.0
REVERSED = ("arousal",)
NOTE = "activation, released from 1 (active) to 5 (calm), was turned round; a turn is its own speaker's"

SCENARIOS = {"P": "natural", "S": "improvised", "T": "target improvised", "R": "target read"}
EMOTIONS = {"A": "angry", "H": "happy", "S": "sad", "N": "neutral", "O": "other", "X": "xxx"}

_SCORES = r"A:(?P<arousal>[^;]*);\s*V:(?P<valence>[^;]*);\s*D:(?P<dominance>[^;]*);\s*N:[^;]*;"
_TURN = re.compile(
    rf"UTD-IMPROV-(?P<turn>S\d\d[AHSN]-(?P<target>[FM])(?P<session>\d\d)-(?P<scenario>[PRST])-(?P<letters>[FM]{{2}})\d+)"
    rf"\.avi;\s*(?P<emotion>\w)\s*;\s*{_SCORES}"
)
_RATER = re.compile(rf"(?P<rater>[^;]+);[^;]*;.*;\s*{_SCORES}")


def read(path: Path, consensus: bool = False) -> Labels:
    """Read the label file.

    Args:
        path: the file.
        consensus: read the corpus' own averages instead of each rater's values.

    Returns:
        Ratings on 1..5, low to high; the speaker is letter and session, such as `F01`.

    Raises:
        UserError: for lines that fit neither pattern, values off the range, and target sentences that are not spoken
            by their actor; names the lines.
    """
    turn: re.Match[str] | None = None
    strange, found, targets = [], [], {}
    for line, text in enumerate(map(str.strip, lines_of(path)), start=1):
        if not text:
            turn = None
        elif match := _TURN.fullmatch(text):
            turn = match
            targets[f"MSP-IMPROV-{turn['turn']}"] = turn
            if consensus:
                found.append(_rating((path, line), turn, match, ""))
        elif turn is not None and (match := _RATER.fullmatch(text)):
            if not consensus:
                found.append(_rating((path, line), turn, match, match["rater"].strip()))
        else:
            strange.append(f"{line}")
    if strange:
        raise UserError(
            f"{path}: {plural(len(strange), 'line')} of no pattern of MSP-IMPROV (line {listed(strange)}); "
            "correct them, or give another --kind."
        )
    labels = checked(Labels(path, tuple(reverse(found, REVERSED, LOW, HIGH)), LOW, HIGH, (NOTE,)))
    refuse(
        labels,
        lambda rating: (turn := targets[rating.file])["scenario"] in "TR" and turn["letters"][0] != turn["target"],
        "of a target sentence bears another letter than its actor",
        "the letters do not say who speaks; correct the names",
    )
    return merged(labels)


def _rating(where: tuple[Path, int], turn: re.Match[str], values: re.Match[str], rater: str) -> Rating:
    path, line = where
    gender = turn["letters"][0]
    return Rating(
        line,
        f"MSP-IMPROV-{turn['turn']}",
        gender + turn["session"],
        rater,
        *scores(values.groupdict(), f"Line {line} of {path}"),
        emotion=EMOTIONS.get(turn["emotion"], turn["emotion"]),
        gender=gender,
        session=f"session{int(turn['session'])}",
        scenario=SCENARIOS[turn["scenario"]],
    )
