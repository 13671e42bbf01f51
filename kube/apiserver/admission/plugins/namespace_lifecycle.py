"""NamespaceLifecycle: nothing is made in a namespace that is missing or going, and three namespaces never go.

Source of the semantics: k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle.
"""

from typing import Any, Final

from msgspec.structs import replace

from kube.apimachinery.errors import CAUSE_NAMESPACE_TERMINATING, ApiError, forbidden, not_found
from kube.apimachinery.meta.v1 import StatusCause, StatusDetails
from kube.apiserver.admission.interface import Attributes, Operation
from kube.apiserver.admission.plugins.lookup import Lookup, Name, Stores, refusal

IMMORTAL: Final = frozenset(("default", "kube-system", "kube-public"))
_REVIEW: Final = ("authorization.k8s.io", "localsubjectaccessreviews")
"""Says nothing about whether a namespace exists."""


class NamespaceLifecycle:
    name = "NamespaceLifecycle"
    operations: frozenset[Operation] = frozenset(("CREATE", "UPDATE", "DELETE"))
    resources: frozenset[Name] | None = None

    def __init__(self, stores: Stores) -> None:
        self._namespaces = Lookup(stores["", "namespaces"])

    async def admit(self, attributes: Attributes) -> Any:
        namespace, resource = attributes.namespace, attributes.resource
        if not namespace:
            if (
                attributes.operation == "DELETE"
                and attributes.name in IMMORTAL
                and (resource.group, resource.plural) == ("", "namespaces")
            ):
                raise forbidden("namespaces", attributes.name, "this namespace may not be deleted")
            return attributes.object
        if attributes.operation == "DELETE" or (resource.group, resource.plural) == _REVIEW:
            return attributes.object
        found = await self._namespaces.get("", namespace) or await self._namespaces.get_live("", namespace)
        if found is None:
            raise not_found("namespaces", namespace)
        if attributes.operation == "CREATE" and found.status.phase == "Terminating":
            raise _terminating(attributes)
        return attributes.object


def _terminating(attributes: Attributes) -> ApiError:
    namespace = attributes.namespace
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    error = refusal(attributes, why)
    cause = StatusCause(
        reason=CAUSE_NAMESPACE_TERMINATING,
        message=f"namespace {namespace} is being terminated",
        field="metadata.namespace",
    )
    details = replace(error.details or StatusDetails(), causes=(cause,))
    return ApiError(error.code, error.reason, error.message, details)
