"""The base of every generated API type, and the defaults that give each field its presence class.

Go tells absent from zero by the field's declaration. Here the same is told by how the default is
made: msgspec omits a field that *is* its default, and never omits one whose default comes from a
factory.

=================  ==========================================  =======================
Go declaration     attribute                                   encoded when zero
=================  ==========================================  =======================
pointer            ``T | None = None``                         no
omitempty value    ``str = ""``, ``tuple[T, ...] = ()``        no
omitempty map      ``Mapping[K, V] = EMPTY_MAP``               no
pointer to JSON    ``Raw = NO_RAW``                            no
value              ``str = always("")``                        yes
value struct       ``T = shared(T)``                           yes, as ``{}``
JSON value         ``Raw = always(NULL_RAW)``                  yes, as ``null``
=================  ==========================================  =======================
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
IntOrString = int | str

NO_RAW = msgspec.Raw()
"""The absent value of an optional ``Raw`` (msgspec knows no ``Raw | None``); compare by identity."""

NULL_RAW = msgspec.Raw(b"null")
"""The zero of a ``Raw`` that is always encoded."""

EMPTY_MAP: Mapping[Any, Any] = MappingProxyType({})


class ApiStruct(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, forbid_unknown_fields=True):
    """An immutable API type. Change one by ``msgspec.structs.replace``.

    ``gc=False`` is sound because an immutable tree of values has no reference cycles.
    Unknown fields fail the decode; ``kube.apimachinery.serializer`` then takes the path that names them.
    """


def always(value: Any) -> Any:
    """A default that is encoded even when the attribute has it."""
    return msgspec.field(default_factory=lambda: value)


def shared(cls: type[ApiStruct]) -> Any:
    """The default of a value struct: one zero instance for all holders, encoded as ``{}``."""
    zero = cls()
    return msgspec.field(default_factory=lambda: zero)
