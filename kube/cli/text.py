"""The types of flags that are text, and of those that are the address of this machine."""

from typing import Any, Final

import click


class _Text(click.types.StringParamType):
    """What the shell gives that is no UTF-8 has no place in a message, a log or a file of ours. (Paths are bytes, and may.)"""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text: str = super().convert(value, param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail(f"{text!r} is not UTF-8", param, ctx)
        return text


class _Host(_Text):
    """A name comes as DNS and certificates have it (RFC 3490)."""

    name = "host"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = super().convert(value, param, ctx)
        try:
            return text.encode("idna").decode()
        except UnicodeError:
            self.fail(f"{text!r} is neither an address nor a name that a host can have", param, ctx)


TEXT: Final = _Text()
HOST: Final = _Host()


def with_checked_texts(command: click.Command) -> click.Command:
    """The command itself; its options and arguments of click's own type for text, and those of its subcommands, are ``TEXT`` now."""
    for parameter in command.params:
        if parameter.type is click.STRING:
            parameter.type = TEXT
    if isinstance(command, click.Group):
        for each in command.commands.values():
            with_checked_texts(each)
    return command
