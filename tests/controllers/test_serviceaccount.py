"""Each namespace has its default service account and the root certificates, whatever anyone deletes or writes."""

from functools import partial

import pytest
from msgspec.structs import replace
from running import held, namespace, start

from kube.api.types.core_v1 import ConfigMap, ServiceAccount
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.controllers.root_ca_certificate_publisher import (
    ANNOTATION,
    CONFIG_MAP,
    DESCRIPTION,
    RootCACertificatePublisher,
    in_line,
)
from kube.controllers.serviceaccount import ServiceAccountController


async def test_a_default_service_account_is_made_and_made_again(cluster):
    await start(cluster, serviceaccount=ServiceAccountController)
    find = held(cluster, ServiceAccount, "default")
    first = await cluster.until(find)
    await cluster.client.delete(ServiceAccount, "default", namespace="default")

    async def another():
        found = await find()
        return found is not None and found.metadata.uid != first.metadata.uid

    await cluster.until(another)
    await namespace(cluster, "later")
    await cluster.until(held(cluster, ServiceAccount, "default", "later"))


async def test_the_root_certificates_are_published_and_kept_in_line(cluster):
    await start(cluster, root_ca_cert_publisher=partial(RootCACertificatePublisher, root_ca="PEM"))
    find = held(cluster, ConfigMap, CONFIG_MAP)
    published = await cluster.until(find)
    assert published.data == {"ca.crt": "PEM"}
    assert published.metadata.annotations == {ANNOTATION: DESCRIPTION}

    await cluster.client.update(replace(published, data={"ca.crt": "forged"}))

    async def mended():
        return (await find()).data == {"ca.crt": "PEM"}

    await cluster.until(mended)
    await cluster.client.delete(ConfigMap, CONFIG_MAP, namespace="default")
    await cluster.until(find)


@pytest.mark.parametrize(
    ("annotations", "data", "stays"),
    [
        pytest.param({ANNOTATION: "mine"}, {"ca.crt": "PEM"}, True, id="another description is fine"),
        pytest.param({}, {"ca.crt": "PEM"}, False, id="no description"),
        pytest.param({ANNOTATION: "mine"}, {"ca.crt": "PEM", "more": ""}, False, id="more than asked for"),
    ],
)
def test_what_is_in_line(annotations, data, stays):
    config_map = ConfigMap(metadata=ObjectMeta(name=CONFIG_MAP, annotations=annotations), data=data)
    wanted = in_line(config_map, "PEM")
    assert (wanted is config_map) is stays
    assert wanted.data == {"ca.crt": "PEM"}
    assert in_line(wanted, "PEM") is wanted
