"""grpcio and protobuf come with an extra: whoever needs them asks here, and is told how to get them."""

from importlib import import_module
from typing import Final

MESSAGES: Final = ("google.protobuf",)
"""What a server needs."""
MESSAGES_AND_CLIENT: Final = ("google.protobuf", "grpc.aio")


class MissingExtraError(ImportError):
    """What is wanted speaks etcd's gRPC API, and the packages for that are not installed."""

    def __init__(self, module: str) -> None:
        super().__init__(
            f"etcd's gRPC API needs {module.partition('.')[0]}: pip install 'kube-actors[etcd]'", name=module
        )


def require_etcd_extra(modules: tuple[str, ...] = MESSAGES_AND_CLIENT) -> None:
    """Raises MissingExtraError with the command that installs what is missing."""
    for module in modules:
        try:
            import_module(module)
        except ImportError:
            raise MissingExtraError("protobuf" if module.startswith("google") else "grpcio") from None
