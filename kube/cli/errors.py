"""How a command refuses: one clear line on standard error, and exit code 1."""

import click


class CommandError(click.ClickException):
    """The message says what is wrong and, where that is known, what to do."""

    exit_code = 1
