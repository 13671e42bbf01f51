"""Namespaces: their marks, and how they go."""

import pytest
from msgspec.structs import replace

from kube.api.types.core_v1 import Namespace, NamespaceSpec, NamespaceStatus
from kube.apimachinery.errors import ApiError, is_not_found
from kube.apimachinery.meta.v1 import ObjectMeta, Preconditions


@pytest.fixture
async def namespace(bare_api):
    return await bare_api.create(Namespace(metadata=ObjectMeta(name="team")))


async def finalize(api, name="team", *finalizers):
    held = await api.get(Namespace, name)
    return await api.update(replace(held, spec=NamespaceSpec(finalizers=finalizers)), subresource="finalize")


async def test_a_new_namespace(namespace):
    assert namespace.status.phase == "Active"
    assert namespace.spec.finalizers == ("kubernetes",)
    assert namespace.metadata.labels == {"kubernetes.io/metadata.name": "team"}


async def test_a_generated_name_is_in_the_label_too(bare_api):
    made = await bare_api.create(Namespace(metadata=ObjectMeta(generate_name="team-")))
    assert made.metadata.labels["kubernetes.io/metadata.name"] == made.metadata.name


async def test_an_update_changes_neither_finalizers_nor_the_label(bare_api, namespace):
    changed = replace(
        namespace,
        metadata=replace(namespace.metadata, labels={"a": "b"}),
        spec=NamespaceSpec(),
        status=NamespaceStatus(phase="Terminating"),
    )
    held = await bare_api.update(changed)
    assert held.metadata.labels == {"a": "b", "kubernetes.io/metadata.name": "team"}
    assert (held.spec, held.status) == (namespace.spec, namespace.status)


async def test_deletion_waits_for_the_finalizer(bare_api, namespace):
    answer = await bare_api.delete(Namespace, "team")
    assert answer.status.phase == "Terminating"
    assert answer.metadata.deletion_timestamp is not None
    again = await bare_api.delete(Namespace, "team")
    assert again.metadata.uid == namespace.metadata.uid
    await finalize(bare_api)
    with pytest.raises(ApiError) as gone:
        await bare_api.get(Namespace, "team")
    assert is_not_found(gone.value)


async def test_a_namespace_that_is_not_deleted_stays_without_finalizers(bare_api, namespace):
    held = await finalize(bare_api)
    assert held.spec.finalizers == ()
    await bare_api.delete(Namespace, "team")
    assert (await bare_api.get(Namespace, "team")).status.phase == "Terminating"
    await bare_api.delete(Namespace, "team")
    assert await bare_api.call("list", Namespace) == []


async def test_finalizers_of_its_metadata_hold_it_as_well(bare_api, namespace):
    await bare_api.update(
        replace(namespace, metadata=replace(namespace.metadata, finalizers=("example.com/hold",)))
    )
    await bare_api.delete(Namespace, "team")
    await finalize(bare_api)
    held = await bare_api.get(Namespace, "team")
    assert held.spec.finalizers == ()
    await bare_api.update(replace(held, metadata=replace(held.metadata, finalizers=())))
    assert await bare_api.call("list", Namespace) == []


async def test_the_status_of_a_deleted_namespace_is_terminating(bare_api, namespace):
    await bare_api.delete(Namespace, "team")
    held = await bare_api.get(Namespace, "team")
    wrong = replace(held, status=NamespaceStatus(phase="Active"))
    with pytest.raises(ApiError, match="may only be 'Terminating'"):
        await bare_api.update(wrong, subresource="status")


async def test_deletion_of_another_namespace_of_that_name(bare_api, namespace):
    with pytest.raises(ApiError, match="Precondition failed: UID in precondition: other") as refused:
        await bare_api.delete(Namespace, "team", preconditions=Preconditions(uid="other"))
    assert refused.value.code == 409


async def test_a_dry_deletion_leaves_it_active(bare_api, namespace):
    await bare_api.delete(Namespace, "team", dry_run=("All",))
    assert (await bare_api.get(Namespace, "team")).status.phase == "Active"
