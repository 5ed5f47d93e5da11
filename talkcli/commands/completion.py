"""`talk completion`: the script by which a shell completes what is typed."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

ASKED = "_TALK_COMPLETE"  # the variable in which a shell says what it wants to know
# zsh loads a file of its fpath when Tab is first pressed, and expects to be answered at once
ZSH_ANSWER = """
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _talk_completion "$@"
fi
"""


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="Whose script to print.")],
) -> None:
    """Print the script by which a shell completes commands, options and their values.

    bash, in ~/.bashrc: eval "$(talk completion bash)"

    zsh, in ~/.zshrc after compinit: eval "$(talk completion zsh)"

    fish, once: talk completion fish > ~/.config/fish/completions/talk.fish
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # public, but in no __all__

    script = get_completion_script(prog_name="talk", complete_var=ASKED, shell=shell)
    typer.echo(script + (ZSH_ANSWER if shell == "zsh" else ""))
