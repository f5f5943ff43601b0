"""The headers of a corpus' sound files, read and judged all at once."""

from collections.abc import Callable, Sequence
from pathlib import Path

from elor import audio
from elor.audio import AudioInfo
from elor.corpora.faults import listed, plural
from elor.errors import UserError
from elor.progress import track

CHANNELS_FAULT = "channels where one is expected"
CHANNELS = "say which channel counts: corpus.stereo, or --stereo, is mean, left or right"


def inspect(root: Path, files: Sequence[str], objection: Callable[[AudioInfo], str]) -> dict[str, AudioInfo]:
    """Read the header of every file.

    Args:
        root: the folder that `files` are relative to.
        files: relative paths.
        objection: what is wrong with a readable file ("has 2 channels"); empty if nothing is.

    Returns:
        The headers by relative path.

    Raises:
        UserError: one for all the files that are missing, truncated, empty, unreadable or objected to.
    """
    headers: dict[str, AudioInfo] = {}
    faults: list[str] = []
    for file in track(files, "sound files", len(files), "file"):
        try:
            headers[file] = audio.info(root / file)
        except UserError as error:
            faults.append(str(error).rsplit("; ", 1)[0])  # the advice is given once, for all of them
            continue
        if fault := objection(headers[file]):
            faults.append(f"{root / file} {fault}")
    if faults:
        remedy = "mend them" + (f", or {CHANNELS}" if any(CHANNELS_FAULT in fault for fault in faults) else "")
        raise UserError(f"{len(faults):,} of {len(files):,} sound files cannot be used: {listed(faults)}; {remedy}.")
    return headers


def notes(headers: dict[str, AudioInfo]) -> list[str]:
    """What a reader of the corpus should know of sounds whose headers were read otherwise than they are written."""
    odd = [f"{file} ({header.note})" for file, header in headers.items() if header.note]
    return [f"{plural(len(odd), 'sound file')} with an unfinished header: {listed(odd)}"] if odd else []


def channels_fault(header: AudioInfo, stereo: str) -> str:
    """Object to more than one channel where `stereo` says that it is an error."""
    if header.channels == 1 or (stereo == "mean") or (stereo in ("left", "right") and header.channels == 2):
        return ""
    return f"has {header.channels} {CHANNELS_FAULT} (corpus.stereo is {stereo})"
