"""The chain of a call: authorization, admission, strategy, storage; the same for every verb."""

import pytest
from msgspec.structs import replace

from kube.api.types.apps_v1 import Deployment, DeploymentSpec
from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.autoscaling_v1 import Scale
from kube.api.types.core_v1 import ConfigMap, Container, PodSpec, PodTemplateSpec, Secret
from kube.apimachinery.errors import ApiError, forbidden
from kube.apimachinery.meta.v1 import DeleteOptions, LabelSelector, ObjectMeta, OwnerReference
from kube.apiserver.admission.chain import Chain
from kube.apiserver.endpoints.interface import (
    Attributes,
    Decision,
    ListResult,
    ObjectResult,
    StatusResult,
    Verdict,
)
from kube.apiserver.endpoints.verbs import Verbs
from kube.apiserver.registry.rest import Resources
from kube.apiserver.registry.strategy import Strategy
from kube.base.chance import Chance
from kube.client.interface import Options, Request
from kube.store.errors import NoLeaderError, RequestTimeoutError, TooManyRequestsError

USER = UserInfo(username="jane", groups=("dev",))


class Judge:
    """Remembers what it was asked; refuses some verbs."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.asked: list[Attributes] = []

    async def authorize(self, attributes):
        self.asked.append(attributes)
        if attributes.verb in self.refused:
            return Verdict(Decision.NO_OPINION, "because")
        return Verdict(Decision.ALLOW)


class Plugin:
    """Labels what is written, remembers everything, refuses what is named so."""

    name = "test"
    operations = frozenset({"CREATE", "UPDATE", "DELETE", "CONNECT"})
    resources = None

    def __init__(self) -> None:
        self.admitted: list = []
        self.validated: list = []

    async def admit(self, attributes):
        self.admitted.append(attributes)
        obj = attributes.object
        if obj is None or not hasattr(obj, "metadata"):
            return obj
        labels = {**obj.metadata.labels, "seen": attributes.operation}
        return replace(obj, metadata=replace(obj.metadata, labels=labels))

    async def validate(self, attributes):
        self.validated.append(attributes)
        held = attributes.object or attributes.old_object
        if getattr(getattr(held, "metadata", None), "name", "") == "refused":
            raise forbidden("configmaps", "refused", "no")


@pytest.fixture
def plugin():
    return Plugin()


@pytest.fixture
def admission(plugin):
    return Chain([plugin], [plugin])


@pytest.fixture
def judge():
    return Judge()


@pytest.fixture
async def verbs(server, judge, admission, clock):
    server.install("configmaps")
    verbs = Verbs(
        server.registry, judge, admission, clock=clock, chance=Chance(2), convert=lambda obj, _: obj
    )
    yield verbs
    await verbs.aclose()


@pytest.fixture
def call(verbs, server):
    async def do(verb, name="", *, plural="configmaps", group="", warnings=None, **more):
        namespace = more.pop("namespace", "default")
        request = Request(
            verb=verb, resource=server.row(plural, group), namespace=namespace, name=name, **more
        )
        return await verbs.call(request, USER, [] if warnings is None else warnings)

    return do


def config_map(name="a", **meta):
    return ConfigMap(metadata=ObjectMeta(name=name, **meta))


async def refused(awaitable) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await awaitable
    return caught.value


class TestAuthorization:
    async def test_what_is_asked(self, call, judge):
        options = Options(label_selector="a=b", field_selector="metadata.name=x")
        await call("list", options=options)
        assert judge.asked == [
            Attributes(
                user=USER,
                verb="list",
                namespace="default",
                api_version="v1",
                resource="configmaps",
                label_selector="a=b",
                field_selector="metadata.name=x",
            )
        ]

    async def test_a_namespace_is_in_itself(self, server, call, judge):
        server.install("namespaces")
        await refused(call("get", "kube-system", plural="namespaces", namespace=""))
        assert (judge.asked[0].namespace, judge.asked[0].name) == ("kube-system", "kube-system")

    async def test_a_refusal_comes_before_everything(self, call, judge, plugin):
        judge.refused = ("create",)
        error = await refused(call("create", body=config_map()))
        assert error.code == 403
        assert error.message == (
            'configmaps is forbidden: User "jane" cannot create resource "configmaps" in API group "" '
            'in the namespace "default": because'
        )
        assert not plugin.admitted

    async def test_a_watch_is_asked_for_too(self, verbs, server, judge, sink):
        judge.refused = ("watch",)
        request = Request(verb="watch", resource=server.row("configmaps"), namespace="default")
        assert (await refused(verbs.watch(request, USER, sink))).code == 403

    async def test_an_update_that_creates_needs_both(self, server, call, judge):
        class Creates(Strategy):
            allow_create_on_update = True

        server.install("configmaps", make=Creates)
        judge.refused = ("create",)
        assert (await refused(call("update", "a", body=config_map()))).code == 403
        judge.refused = ()
        result = await call("update", "a", body=config_map())
        assert result.created


class TestVerbs:
    async def test_create_get_update_delete(self, call):
        made = await call("create", body=config_map())
        assert isinstance(made, ObjectResult)
        assert made.created
        got = await call("get", "a")
        assert got.entry is made.entry or got.object == made.object
        changed = await call("update", "a", body=replace(got.object, data={"x": "y"}))
        assert changed.object.data == {"x": "y"}
        assert not changed.created
        gone = await call("delete", "a")
        assert isinstance(gone, StatusResult)
        assert gone.status.status == "Success"
        assert (await refused(call("get", "a"))).message == 'configmaps "a" not found'

    async def test_list_selects(self, call):
        for name in ("a", "b"):
            await call("create", body=config_map(name, labels={"name": name}))
        result = await call("list", options=Options(label_selector="name=b"))
        assert isinstance(result, ListResult)
        assert [entry.object.metadata.name for entry in result.entries] == ["b"]

    async def test_list_pages(self, call):
        for name in ("a", "b", "c"):
            await call("create", body=config_map(name))
        first = await call("list", options=Options(limit=2))
        rest = await call("list", options=Options(limit=2, continue_=first.continue_))
        assert (first.remaining, [entry.object.metadata.name for entry in rest.entries]) == (1, ["c"])

    async def test_deletecollection_selects(self, call):
        for name in ("a", "b"):
            await call("create", body=config_map(name, labels={"name": name}))
        await call("deletecollection", options=Options(label_selector="name=b"))
        assert [entry.object.metadata.name for entry in (await call("list")).entries] == ["a"]

    async def test_defaults_are_filled_in(self, server, call):
        server.install("secrets")
        result = await call("create", plural="secrets", body=Secret(metadata=ObjectMeta(name="s")))
        assert result.object.type == "Opaque"

    async def test_dry_run_stores_nothing(self, call):
        await call("create", body=config_map(), options=Options(dry_run=True))
        assert (await refused(call("get", "a"))).code == 404
        await call("create", body=config_map())
        await call("delete", "a", options=Options(delete=DeleteOptions(dry_run=("All",))))
        await call("delete", "a", options=Options(dry_run=True))
        assert (await call("get", "a")).object.metadata.name == "a"

    async def test_a_cascade_that_is_under_way_is_accepted(self, call):
        await call("create", body=config_map(finalizers=("x/y",)))
        options = Options(delete=DeleteOptions(orphan_dependents=False))
        assert (await call("delete", "a", options=options)).accepted
        assert not (await call("delete", "a")).accepted

    async def test_scale(self, server, call):
        server.install("deployments", "apps", make=Lenient)
        labels = {"a": "b"}
        spec = DeploymentSpec(
            selector=LabelSelector(match_labels=labels),
            template=PodTemplateSpec(
                metadata=ObjectMeta(labels=labels), spec=PodSpec(containers=(Container(name="c"),))
            ),
        )
        where = {"plural": "deployments", "group": "apps"}
        await call("create", body=Deployment(metadata=ObjectMeta(name="d"), spec=spec), **where)
        scale = (await call("get", "d", subresource="scale", **where)).object
        assert isinstance(scale, Scale)
        wanted = replace(scale, spec=replace(scale.spec, replicas=4))
        result = await call("update", "d", subresource="scale", body=wanted, **where)
        assert result.object.spec.replicas == 4
        assert (await call("get", "d", **where)).object.spec.replicas == 4


class Lenient(Strategy):
    def validate(self, ctx, obj):
        return []

    def validate_update(self, ctx, new, old):
        return []


class TestRefusals:
    @pytest.mark.parametrize("verb", ["get", "update", "delete", "patch"])
    async def test_a_name_is_needed(self, call, verb):
        error = await refused(call(verb, body=config_map()))
        assert (error.code, error.message) == (400, "name must be provided")

    @pytest.mark.parametrize(
        ("verb", "more"),
        [
            ("create", {"namespace": "", "body": config_map()}),
            ("deletecollection", {"namespace": ""}),
            ("deletecollection", {"plural": "namespaces", "namespace": ""}),
            ("create", {"name": "n", "plural": "namespaces", "subresource": "status"}),
            ("delete", {"name": "n", "plural": "namespaces", "subresource": "status"}),
            ("watch", {}),
        ],
        ids=[
            "no namespace",
            "all namespaces",
            "not of the kind",
            "create status",
            "delete status",
            "no call",
        ],
    )
    async def test_verbs_that_are_not_served(self, server, call, verb, more):
        server.install("namespaces")
        error = await refused(call(verb, **more))
        assert (error.code, error.reason) == (405, "MethodNotAllowed")
        assert error.message == "the server does not allow this method on the requested resource"

    @pytest.mark.parametrize("more", [{"plural": "pods"}, {"subresource": "nope"}], ids=["kind", "sub"])
    async def test_what_nothing_serves(self, call, more):
        error = await refused(call("get", "a", **more))
        assert (error.code, error.message) == (404, "the server could not find the requested resource")

    async def test_another_kind(self, call):
        error = await refused(call("create", body=Secret(metadata=ObjectMeta(name="a"))))
        assert error.code == 400
        assert "must be of type ConfigMap" in error.message

    @pytest.mark.parametrize(
        ("obj", "message"),
        [
            (config_map("b"), "the name of the object (b) does not match the name on the URL (a)"),
            (
                config_map("a", namespace="other"),
                "the namespace of the provided object does not match the namespace sent on the request",
            ),
        ],
        ids=["name", "namespace"],
    )
    async def test_an_update_of_something_else(self, call, obj, message):
        error = await refused(call("update", "a", body=obj))
        assert (error.code, error.message) == (400, message)

    async def test_an_unknown_field_label(self, call):
        error = await refused(call("list", options=Options(field_selector="data.x=1")))
        assert error.code == 400


class TestAdmission:
    async def test_create(self, call, plugin):
        result = await call("create", body=config_map("", generate_name="web-"))
        assert result.object.metadata.labels == {"seen": "CREATE"}
        (admitted,), (validated,) = plugin.admitted, plugin.validated
        assert (admitted.operation, admitted.name, admitted.object.metadata.namespace) == (
            "CREATE",
            "",
            "default",
        )
        assert validated.name == result.object.metadata.name
        assert validated.object.metadata.uid

    async def test_update_sees_what_is_stored(self, call, plugin):
        made = (await call("create", body=config_map())).object
        plugin.admitted.clear()
        await call("update", "a", body=replace(made, data={"x": "y"}))
        (attributes,) = plugin.admitted
        assert (attributes.operation, attributes.name) == ("UPDATE", "a")
        assert attributes.old_object == made
        assert attributes.object.data == {"x": "y"}

    async def test_delete_sees_what_is_stored(self, call, plugin):
        made = (await call("create", body=config_map())).object
        plugin.validated.clear()
        await call("delete", "a", options=Options(delete=DeleteOptions(grace_period_seconds=3)))
        (attributes,) = plugin.validated
        assert (attributes.operation, attributes.object, attributes.old_object) == ("DELETE", None, made)
        assert attributes.options.grace_period_seconds == 3

    async def test_deletecollection_asks_for_each(self, call, plugin):
        for name in ("a", "b"):
            await call("create", body=config_map(name))
        plugin.validated.clear()
        await call("deletecollection")
        assert [attributes.name for attributes in plugin.validated] == ["a", "b"]

    async def test_a_refusal_keeps_things_as_they_are(self, call):
        assert (await refused(call("create", body=config_map("refused")))).code == 403
        assert not (await call("list")).entries

    async def test_owners_are_kept_once(self, call):
        owner = OwnerReference(api_version="v1", kind="Pod", name="p", uid="1")
        warnings: list[str] = []
        body = config_map(owner_references=(owner, owner))
        result = await call("create", body=body, warnings=warnings)
        assert result.object.metadata.owner_references == (owner,)
        assert len(warnings) == 1

    async def test_a_deprecated_resource_says_what_to_use_instead(self, call, server):
        server.install("endpoints")
        warnings: list[str] = []
        await call("list", plural="endpoints", warnings=warnings)
        assert warnings == ["v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"]


class TestConnect:
    class Streams:
        async def connect(self, ctx, name, options, path):
            return (ctx.namespace, name, options, path)

    async def test_a_stream_is_authorized_and_admitted(self, server, verbs, judge, plugin):
        pods = server.install("pods")
        server.registry.install(
            Resources(
                resource=pods.resource,
                rest=pods,
                subresources={"exec": self.Streams(), "log": self.Streams()},
                strategy=pods.strategy,
            )
        )
        request = Request(
            verb="create",
            resource=pods.resource,
            namespace="default",
            name="p",
            subresource="exec",
        )
        found = await verbs.connect(request, USER, {"command": "sh"})
        assert found == ("default", "p", {"command": "sh"}, "")
        assert (judge.asked[-1].verb, judge.asked[-1].subresource) == ("create", "exec")
        assert plugin.validated[-1].operation == "CONNECT"
        log = replace(request, verb="get", subresource="log")
        assert await verbs.connect(log, USER, None)
        assert plugin.validated[-1].subresource == "exec"


class TestStoreErrors:
    @pytest.mark.parametrize(
        ("error", "code", "reason", "retry"),
        [
            (TooManyRequestsError(), 429, "TooManyRequests", 1),
            (NoLeaderError(), 500, "ServerTimeout", 2),
            (RequestTimeoutError(), 500, "", 0),
        ],
        ids=["full", "no leader", "time-out"],
    )
    async def test_what_the_client_is_told(
        self, server, call, monkeypatch, store, error, code, reason, retry
    ):
        async def fails(*_, **__):
            raise error

        monkeypatch.setattr(store, "optimistic_put", fails)
        told = await refused(call("create", body=config_map()))
        assert (told.code, told.reason, told.retry_after_seconds) == (code, reason, retry)


class TestVersions:
    """A served version that is not stored is converted on the way in and out, once for all watchers."""

    @pytest.fixture
    async def hpa(self, server, judge, clock):
        def convert(obj, cls):
            labels = {**obj.metadata.labels, "converted": cls.__module__.rpartition("_")[2]}
            return cls(metadata=replace(obj.metadata, labels=labels))

        server.install("horizontalpodautoscalers", "autoscaling", make=Lenient, version="v2")
        verbs = Verbs(server.registry, judge, Chain(), clock=clock, chance=Chance(2), convert=convert)
        yield verbs
        await verbs.aclose()

    async def test_both_ways(self, server, hpa, sink):
        rows = {
            version: server.row("horizontalpodautoscalers", "autoscaling", version)
            for version in ("v1", "v2")
        }

        def request(verb, version, **more):
            return Request(verb=verb, resource=rows[version], namespace="default", **more)

        body = rows["v1"].type(metadata=ObjectMeta(name="h"))
        made = await hpa.call(request("create", "v1", body=body), USER, [])
        assert isinstance(made.object, rows["v1"].type)
        assert made.entry.object is made.object
        stored = await hpa.call(request("get", "v2", name="h"), USER, [])
        assert isinstance(stored.object, rows["v2"].type)
        listed = await hpa.call(request("list", "v1"), USER, [])
        assert isinstance(listed.entries[0].object, rows["v1"].type)
        await hpa.watch(request("watch", "v1"), USER, sink)
        (event,) = sink.events
        assert isinstance(event.entry.object, rows["v1"].type)
        assert b'"apiVersion":"autoscaling/v1"' in event.frame
        gone = await hpa.call(request("delete", "v1", name="h"), USER, [])
        assert isinstance(gone, StatusResult)
        assert [event.type for event in sink.events] == ["ADDED", "DELETED"]
