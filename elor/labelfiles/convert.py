"""From another corpus' label file to the one table that describes any corpus."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from elor.errors import UserError
from elor.labelfiles import Kind, Unknown, columns, msp_improv, msp_podcast
from elor.labelfiles.labels import Labels
from elor.labelfiles.manifest import Written, write


def import_labels(
    labels: Path,
    kind: Kind,
    output: Path = Path("manifest.csv"),
    audio: Path | None = None,
    speakers: Path | None = None,
    consensus: bool = False,
    names: Mapping[str, str] | None = None,
    scale: tuple[float, float] = (1.0, 5.0),
    reverse: Sequence[str] = (),
    partitions: Sequence[str] = (),
    unknown_speakers: Unknown = "leave-out",
    partial: bool = False,
) -> tuple[Labels, Written]:
    """Write a manifest from a label file; the sound files stay where they are.

    Args:
        labels: the label file.
        kind: its format; `elor corpus import --help` describes them.
        output: the manifest.
        audio: folder below which the sound files lie; None: that of the label file.
        speakers: msp-podcast: the consensus table that names them.
        consensus: msp-improv: averages instead of raters.
        names: csv: their columns' names by ours.
        scale: csv: lowest and highest rating.
        reverse: csv: dimensions whose low end means much.
        partitions: keep only these; none: all.
        unknown_speakers: whether segments whose speaker is not known are left out, or are one person's.
        partial: go on without sound files that are missing.

    Returns:
        What was read, with its scale, and what was written, with notes on what was changed or left out.

    Raises:
        UserError: if the file is not of this kind, an argument belongs to another kind, sound files are missing, or
            nothing is left.
    """
    of_csv = {"column": bool(names), "low": scale[0] != 1.0, "high": scale[1] != 5.0, "reverse": bool(reverse)}
    given = {"msp-improv": {"consensus": consensus}, "msp-podcast": {"speakers": speakers is not None}, "csv": of_csv}
    for other, arguments in given.items():
        if other != kind and (idle := [name for name, is_given in arguments.items() if is_given]):
            raise UserError(
                f"{', '.join(idle)}: for files of kind {other} alone, and this one is {kind}; leave it out."
            )
    if output.resolve() == labels.resolve():
        raise UserError(f"{output} is the label file itself; give another file by --output.")
    if kind == "msp-improv":
        found = msp_improv.read(labels, consensus)
    elif kind == "msp-podcast":
        found = msp_podcast.read(labels, speakers)
    else:
        found = columns.read(labels, dict(names or {}), *scale, list(reverse))
    return found, write(found, audio or labels.parent, output, partitions, unknown_speakers, partial)
