"""Names of definitions, as clients know them: ``io.k8s.api.core.v1.Pod``."""

from typing import Final

META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1"
_PREFIXES: Final = {
    "meta": "io.k8s.apimachinery.pkg.apis.meta",
    "apiextensions": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
    "apiregistration": "io.k8s.kube-aggregator.pkg.apis.apiregistration",
}
TYPES_MODULE: Final = "kube.api.types."


def definition_name(package: str, name: str) -> str:
    """``core/v1`` and ``Pod`` are ``io.k8s.api.core.v1.Pod``."""
    folder, _, version = package.partition("/")
    return f"{_PREFIXES.get(folder, f'io.k8s.api.{folder}')}.{version}.{name}"


def custom_definition_name(group: str, version: str, kind: str) -> str:
    """``example.com``, ``v1`` and ``Widget`` are ``com.example.v1.Widget``."""
    return ".".join([*reversed(group.split(".")), version, kind])


def package_of(reference: str) -> str:
    """The package of the field table that a resource's ``module:Name`` is from; empty for custom resources."""
    module = reference.partition(":")[0]
    if not module.startswith(TYPES_MODULE):
        return ""
    folder, _, version = module.removeprefix(TYPES_MODULE).rpartition("_")
    return f"{folder}/{version}"


def group_words(group: str) -> tuple[str, ...]:
    """The words that stand for a group in operation ids and tags: ``rbac.authorization.k8s.io`` is two."""
    if not group:
        return ("core",)
    if group.endswith(".k8s.io"):
        return tuple(group.removesuffix(".k8s.io").split("."))
    return tuple(reversed(group.split(".")))


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def operation_group(group: str, version: str) -> str:
    """``CoreV1``, ``RbacAuthorizationV1``, ``AutoscalingV2``."""
    return "".join(map(upper_first, (*group_words(group), version)))


def tag(group: str, version: str) -> str:
    """``core_v1``, ``rbacAuthorization_v1``."""
    first, *rest = group_words(group)
    name = first + "".join(map(upper_first, rest))
    return f"{name}_{version}" if version else name
