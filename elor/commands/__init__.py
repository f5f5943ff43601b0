"""The `elor` command: one module per verb, imported here; what a verb needs beyond that it imports when it runs."""

import sys
from contextlib import suppress
from importlib.metadata import version
from inspect import cleandoc
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from elor import arithmetic
from elor.commands.check import check
from elor.commands.claims import claims
from elor.commands.corpus import corpus
from elor.commands.explain import explain
from elor.commands.export import export
from elor.commands.predict import predict
from elor.commands.results import results
from elor.commands.runs import runs
from elor.commands.score import score
from elor.commands.selfcheck import selfcheck
from elor.errors import UserError, told
from elor.params import load_start


class Verbs(TyperGroup):
    """A group of commands in which a user's mistake ends in one sentence and exit status 1, without traceback."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        for command in (found, *getattr(found, "commands", {}).values()):
            if command is not None and command.help:
                command.help = _flowing(command.help)
        return found

    def invoke(self, ctx: Any) -> Any:
        try:
            found = super().invoke(ctx)
            if "torch" in sys.modules:
                for doubt in arithmetic.doubts():
                    print(f"Numbers may differ from those of other machines: {doubt}.", file=sys.stderr)
            return found
        except UserError as error:
            print(f"elor {ctx.invoked_subcommand}: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
        except OSError as error:  # a name too long, a folder that is a file, no permission
            if error.filename is None:
                raise
            print(f"elor {ctx.invoked_subcommand}: {told(error)}", file=sys.stderr)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Speech emotion networks on raw audio: what they reach, and what they hear.",
    epilog="Exit status: 0 done, 1 a mistake that one sentence names, 2 wrong usage. NO_COLOR=1 turns colours off.",
)


def _flowing(text: str) -> str:
    """A docstring whose paragraphs fill the terminal; those that begin with a backspace keep their lines (Click)."""
    parts = cleandoc(text).split("\n\n")
    return "\n\n".join(part if "\b" in part else " ".join(part.split()) for part in parts)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"elor {version('elor')}")
        raise typer.Exit


@app.callback()
def main(
    show: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before the verb, and the arithmetic of the workspace, if this is one."""
    with suppress(UserError):  # a verb that reads params.yaml says what is wrong with it
        arithmetic.hold(load_start().arithmetic)
    if overruled := arithmetic.overruled():
        print(overruled, file=sys.stderr)


app.command()(check)
app.command()(claims)
app.add_typer(corpus)
app.command()(explain)
app.command()(export)
app.command()(predict)
app.command()(results)
app.command()(runs)
app.command()(score)
app.command()(selfcheck)
