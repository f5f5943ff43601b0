"""`elor corpus make`, `import`, `rename`, `vectors`: a corpus from nothing, from label files, nameless, as vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elor.commands.printing import setting
from elor.errors import UserError
from elor.labelfiles import Kind, Unknown

if TYPE_CHECKING:
    from elor.labelfiles.labels import Labels

corpus = typer.Typer(
    name="corpus",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Make the demonstration corpus, or a manifest from another corpus' label files.",
)


@corpus.command()
def make(
    folder: Annotated[Path, typer.Argument(help="Where to write it; made if need be.")],
    utterances: Annotated[int, typer.Option(min=20, help="Turns; 420 are half an hour of sound and 60 MB.")] = 420,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other turns, moods and syllables.")] = 1,
    recipe: Annotated[Path, typer.Option(help="What is planted, by whom, and how it is rated.")] = Path(
        "data/demo.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace a corpus that stands there.")] = False,
) -> None:
    """Write the demonstration corpus: pseudo-speech with planted emotion, in IEMOCAP's layout.

    Beside the folder release/ stand truth.csv (every planted value) and
    segments.csv (where speech and pauses are). The same recipe, size and seed
    give the same bytes.

    Examples:

    \b
        elor corpus make /tmp/toy --utterances 60
        elor corpus make /tmp/other --seed 2
        dvc exp run -S corpus.path=/tmp/other
    """
    from elor.corpora.making import make_corpus
    from elor.shipped import RECIPE, at_hand

    report = make_corpus(folder, utterances, seed, at_hand(recipe, Path("data/demo.yaml"), RECIPE), force)
    typer.echo(
        f"{folder}: {report['utterances']:,} utterances by {report['speakers']} speakers, {report['minutes']:.1f} min, "
        f"{report['ratings']:,} ratings.\nUse it: dvc exp run "
        f"{setting('corpus.path', folder.absolute())}"
    )


@corpus.command("import")
def import_(
    labels: Annotated[Path, typer.Argument(help="The label file.", show_default=False)],
    kind: Annotated[Kind, typer.Option(help="Its format.", show_default=False)],
    output: Annotated[Path, typer.Option(help="The manifest to write.")] = Path("manifest.csv"),
    audio: Annotated[Path | None, typer.Option(help="Folder of the sound files; else that of the label file.")] = None,
    speakers: Annotated[Path | None, typer.Option(help="msp-podcast: the consensus table that names them.")] = None,
    consensus: Annotated[bool, typer.Option("--consensus", help="msp-improv: averages instead of raters.")] = False,
    column: Annotated[list[str] | None, typer.Option(metavar="OURS=THEIRS", help="csv: a column's name.")] = None,
    low: Annotated[float, typer.Option(help="csv: lowest rating of the scale.")] = 1.0,
    high: Annotated[float, typer.Option(help="csv: highest rating.")] = 5.0,
    reverse: Annotated[list[str] | None, typer.Option(help="csv: a dimension whose low end means much.")] = None,
    partition: Annotated[list[str] | None, typer.Option(help="Keep this partition only; may be repeated.")] = None,
    unknown_speakers: Annotated[
        Unknown, typer.Option(help="Leave their segments out, or treat them as one person.")
    ] = "leave-out",
    partial: Annotated[bool, typer.Option("--partial", help="Go on without sound files that are missing.")] = False,
) -> None:
    """Write a manifest, the one CSV that describes any corpus, from another corpus' label file.

    \b
        msp-improv   Evalution.txt: activation, which runs downwards there,
                     is turned round; who speaks is read from the turn
        msp-podcast  labels_consensus.csv, labels_detailed.csv or labels.txt,
                     1 .. 7; partitions Train, Development, Test1, ...
        csv          any table; --column, --low, --high, --reverse describe it.
                     Ours are file speaker valence arousal, and if you have
                     them dominance rater emotion gender session scenario
                     partition start end utterance language text

    Sound files are found below --audio, .wav and .flac by their name alone,
    and stay where they are. What was changed or left out is printed.

    Examples:

    \b
        elor corpus import MSP-IMPROV/Evalution.txt --kind msp-improv
        elor corpus import Labels/labels_consensus.csv --kind msp-podcast \\
            --audio Audios --partition Test1
        elor corpus import mine.csv --kind csv --column arousal=activation \\
            --reverse arousal --low 1 --high 9
    """
    from elor.labelfiles.convert import import_labels

    found, written = import_labels(
        labels,
        kind,
        output,
        audio,
        speakers,
        consensus,
        _columns(column or []),
        (low, high),
        reverse or (),
        partition or (),
        unknown_speakers,
        partial,
    )
    typer.echo(
        f"{output}: {written.rows:,} ratings of {written.segments:,} segments by {written.speakers:,} speakers, on "
        f"{found.low:g} .. {found.high:g}, low to high."
    )
    for note in written.notes:
        typer.echo(f"- {note}")
    where = setting("corpus.path", output.absolute())  # dvc exp run --temp and --queue work in another folder
    typer.echo(f"Use it: dvc exp run {where}{_settings(found, written.raters)}")


@corpus.command()
def rename(
    table: Annotated[Path, typer.Argument(help="A manifest CSV.", show_default=False)],
    output: Annotated[Path, typer.Option(help="The manifest without names.", show_default=False)],
) -> None:
    """Write a manifest whose speakers, raters and utterances have pseudonyms, and the key beside it.

    metrics/ and plots/ belong to git, and name speakers and raters. Run from
    the manifest without names, and keep the key where the names are.

    Examples:

    \b
        elor corpus rename my/table.csv --output my/nameless.csv
        dvc exp run -S corpus.path=my/nameless.csv
    """
    from elor.labelfiles.pseudonyms import rename as write

    made = write(table, output)
    typer.echo(
        f"{output}: {made.speakers:,} speakers, {made.raters:,} other raters, {made.utterances:,} utterances under "
        f"pseudonyms; the key is {made.key}: keep it out of git.\nUse it: dvc exp run {setting('corpus.path', output)}"
    )


@corpus.command()
def vectors(
    factory: Annotated[str, typer.Argument(help="package.module:factory of a torch module.", show_default=False)],
    output: Annotated[Path, typer.Option(help="The table to write (.npz).", show_default=False)],
    layer: Annotated[
        int | None, typer.Option(min=1, help="The output of this transformer layer; else the last.", show_default=False)
    ] = None,
    data: Annotated[Path, typer.Option(help="Where dvc repro put slices.npy and slices.csv.")] = Path("data"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Let a pretrained network hear every slice, and write its vectors as a table for features.table.

    The network takes (1, samples) at 16 kHz and returns (1, frames, width), as
    torchaudio's wav2vec 2.0, HuBERT and WavLM do; the mean over the frames is
    the slice's vector. --layer needs their method extract_features.

    Examples:

    \b
        elor corpus vectors torchaudio.pipelines:WAVLM_BASE.get_model \\
            --layer 9 --output vectors/wavlm.npz
        dvc exp run -S features.table=vectors/wavlm.npz
    """
    from elor.device import local
    from elor.explain.any_network.factory import network_of
    from elor.features.embedding import embedded, write_table
    from elor.features.packed import opened
    from elor.features.slices import SLICE_SAMPLES
    from elor.tables import read_table

    if output.suffix != ".npz":
        raise UserError(f"--output {output} is no .npz file; give another name.")
    slices, audio = read_table(data / "slices.csv"), opened(data / "slices.npy", (SLICE_SAMPLES,), "int16")
    found = embedded(network_of(factory), audio, slices, layer, str(local(device, "--device")))
    write_table(output, slices, found)
    typer.echo(
        f"{output}: {len(found):,} vectors of {found.shape[1]:,} numbers.\n"
        f"Use it: dvc exp run {setting('features.table', output.absolute())}"
    )


def _columns(column: list[str]) -> dict[str, str]:
    """Their columns' names by ours."""
    pairs = [text.partition("=") for text in column]
    if wrong := [f"{ours}{sign}{theirs}" for ours, sign, theirs in pairs if not (ours and theirs)]:
        raise UserError(f"--column {wrong[0]} is no pair; write OURS=THEIRS, for instance arousal=activation.")
    return {ours: theirs for ours, _, theirs in pairs}


def _settings(labels: Labels, raters: int) -> str:
    """What params.yaml must be told beside the path."""
    scale = (
        ""
        if (labels.low, labels.high) == (1.0, 5.0)
        else f" -S corpus.low={labels.low:g} -S corpus.high={labels.high:g}"
    )
    return scale + (" -S labels.rater=mean" if raters > 1 else "")
