"""What admission plug-ins see and do (k8s.io/apiserver/pkg/admission)."""

from typing import Any, Literal, Protocol

import msgspec

from kube.api.resources import Resource
from kube.api.types.authentication_v1 import UserInfo

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """One write on its way to storage.

    ``object`` is the new state (None for DELETE), ``old_object`` exactly what is stored (None for CREATE); both of the
    type that the request is about: a subresource's object (Binding, Scale) where it has one. A patch is an UPDATE, a
    deletecollection one DELETE for each object.
    ``options`` are the DeleteOptions for DELETE, else the request's ``Options``; for CONNECT the query is ``object``. ``name`` may be "" for a CREATE.
    """

    operation: Operation
    resource: Resource
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    object: Any = None
    old_object: Any = None
    user: UserInfo
    dry_run: bool = False
    options: Any = None
    warnings: list[str] = msgspec.field(default_factory=list)

    def warn(self, text: str) -> None:
        """A warning for the client: once each, in order."""
        if text not in self.warnings:
            self.warnings.append(text)


class Plugin(Protocol):
    """``operations`` that the plug-in wants to see; ``resources`` restricts it to pairs of group and plural, None: all."""

    name: str
    operations: frozenset[Operation]
    resources: frozenset[tuple[str, str]] | None


class Mutator(Plugin, Protocol):
    async def admit(self, attributes: Attributes) -> Any:
        """The object to go on with (``attributes.object`` if nothing is to change). Raises ApiError to refuse."""
        ...


class Validator(Plugin, Protocol):
    async def validate(self, attributes: Attributes) -> None:
        """Raises ApiError to refuse."""
        ...
