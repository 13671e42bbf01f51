"""Structured log lines over the standard library's `kube.*` loggers.

A library configures nobody's logging: the `kube` logger has a NullHandler, structlog's global configuration is neither
read nor written, and every line is an ordinary `logging.LogRecord` whose message is complete in itself and which also has
its parts as `record.event` and `record.fields`. `configure` is for programs that own their process.
"""

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import IO, Any, Final

from kube.base.cause import CURRENT

ROOT: Final = "kube"

logging.getLogger(ROOT).addHandler(logging.NullHandler())


class Logger:
    """structlog's calls (`bind`, `info("event", key=value)`, …) on a standard logger.

    A line below the level costs one comparison, and structlog (60 ms to import, for it brings rich) is imported by the
    first line that is written.
    """

    __slots__ = ("_context", "_logger", "_structured")

    def __init__(self, logger: logging.Logger, context: Mapping[str, Any]) -> None:
        self._logger = logger
        self._context = context
        self._structured: Any = None

    def bind(self, **fields: Any) -> "Logger":
        """A logger that adds `fields` to every line."""
        return Logger(self._logger, {**self._context, **fields})

    def debug(self, event: str, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.DEBUG):
            self._write("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.INFO):
            self._write("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.WARNING):
            self._write("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """`exc_info=exception` adds its traceback, here as in the other methods."""
        if self._logger.isEnabledFor(logging.ERROR):
            self._write("error", event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """An error, with the traceback of the exception that is being handled."""
        if self._logger.isEnabledFor(logging.ERROR):
            self._write("error", event, {"exc_info": True, **fields})

    def is_enabled_for(self, level: int) -> bool:
        return self._logger.isEnabledFor(level)

    def _write(self, method: str, event: str, fields: dict[str, Any]) -> None:
        if self._structured is None:
            import structlog  # noqa: PLC0415  # see the class

            self._structured = structlog.wrap_logger(
                self._logger,
                processors=_PROCESSORS,
                wrapper_class=structlog.BoundLoggerBase,
                context_class=dict,
                **self._context,
            )
        self._structured._proxy_to_logger(method, event, **fields)  # noqa: SLF001  # structlog's way to name the method


def get_logger(name: str) -> Logger:
    """The logger `kube.NAME` (`name` may be a module's `__name__`). Bind it once, at the owner's construction.

    The cause of what runs is added to every line as `cause`.
    """
    full_name = name if f"{name}.".startswith(f"{ROOT}.") else f"{ROOT}.{name}"
    return Logger(logging.getLogger(full_name), {})


def configure(stream: IO[str] | None = None, level: int | str = logging.INFO, *, json: bool = False) -> None:
    """Write the lines of `kube.*` to `stream` (standard error by default), in place of what was configured before.

    For the process's owner (`kube up`), never for an embedded cluster. Undone by `unconfigure`.
    """
    import structlog  # noqa: F401, PLC0415  # while files can be opened: the first line may be that they can't

    unconfigure()
    handler = _OwnHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(_JSONFormatter() if json else _TextFormatter())
    root = logging.getLogger(ROOT)
    root.addHandler(handler)
    root.setLevel(level)
    root.propagate = False


def unconfigure() -> None:
    """Leave the loggers as they were at import."""
    root = logging.getLogger(ROOT)
    for handler in [handler for handler in root.handlers if isinstance(handler, _OwnHandler)]:
        root.removeHandler(handler)
    root.setLevel(logging.NOTSET)
    root.propagate = True


class _OwnHandler(logging.StreamHandler[IO[str]]):
    """Told apart from the handlers that a host added."""


def _add_cause(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    cause = CURRENT.get()
    if cause is not None:
        event.setdefault("cause", str(cause))
    return event


def _to_record(_: Any, __: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    """Turn the event into the arguments of the standard logger's method."""
    message = str(event.pop("event", ""))
    arguments = {key: event.pop(key) for key in ("exc_info", "stack_info") if key in event}
    fields = dict(event)
    text = " ".join((message, *(f"{key}={_quote(value)}" for key, value in fields.items())))
    return (text,), {"extra": {"event": message, "fields": fields}, "stacklevel": _FRAMES, **arguments}


def _quote(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c in text for c in ' "=\n\r\t') else text


_PROCESSORS: Final = (_add_cause, _to_record)

_FRAMES: Final = 4
"""From the standard logger up to who wrote the line: structlog's proxy, `_write`, the method, the caller."""


class _TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname).1s %(name)s: %(message)s")


class _JSONFormatter(logging.Formatter):
    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "ts": round(record.created, 6),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": getattr(record, "event", None) or record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)
