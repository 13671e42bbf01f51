"""Roles' bindings, certificates, admission, flow control and aggregation."""

from typing import Final

from kube.api.printers.columns import AGE, NAME, NONE, UNSET, Cells, Printers, age, column
from kube.api.printers.duration import human
from kube.api.types.admissionregistration_v1 import (
    MutatingAdmissionPolicy,
    MutatingAdmissionPolicyBinding,
    MutatingWebhookConfiguration,
    ParamKind,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingWebhookConfiguration,
)
from kube.api.types.apiregistration_v1 import APIService
from kube.api.types.certificates_v1 import CertificateSigningRequest, ClusterTrustBundle
from kube.api.types.flowcontrol_v1 import FlowSchema, PriorityLevelConfiguration
from kube.api.types.rbac_v1 import ClusterRoleBinding, RoleBinding
from kube.apimachinery.labels import format_label_selector

PRINTERS: Final = Printers()

_BINDING: Final = (
    NAME,
    column("Role", "Kind and name of the role that is granted."),
    AGE,
    column("Users", "Users that have the role.", wide=True),
    column("Groups", "Groups that have the role.", wide=True),
    column("ServiceAccounts", "Service accounts that have the role.", wide=True),
)


@PRINTERS.whole("rbac.authorization.k8s.io", "ClusterRoleBinding", *_BINDING)
@PRINTERS.whole("rbac.authorization.k8s.io", "RoleBinding", *_BINDING)
def role_binding(obj: RoleBinding | ClusterRoleBinding, now: float) -> Cells:
    named: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in obj.subjects:
        if subject.kind in named:
            qualified = subject.kind == "ServiceAccount" and subject.namespace
            named[subject.kind].append(f"{subject.namespace}/{subject.name}" if qualified else subject.name)
    return (
        obj.metadata.name,
        f"{obj.role_ref.kind}/{obj.role_ref.name}",
        age(obj, now),
        *(", ".join(names) for names in named.values()),
    )


_WEBHOOKS: Final = column("Webhooks", "Number of webhooks.", "integer")


@PRINTERS.between("admissionregistration.k8s.io", "MutatingWebhookConfiguration", _WEBHOOKS)
@PRINTERS.between("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", _WEBHOOKS)
def webhook_configuration(
    obj: MutatingWebhookConfiguration | ValidatingWebhookConfiguration, _: float
) -> Cells:
    return (len(obj.webhooks),)


_PARAM_KIND: Final = column("ParamKind", "The kind of the objects that parameterize the policy.")


def _param_kind(kind: ParamKind | None) -> str:
    return UNSET if kind is None else f"{kind.api_version}/{kind.kind}"


@PRINTERS.between(
    "admissionregistration.k8s.io",
    "ValidatingAdmissionPolicy",
    column("Validations", "Number of rules.", "integer"),
    _PARAM_KIND,
)
def validating_admission_policy(obj: ValidatingAdmissionPolicy, _: float) -> Cells:
    return (len(obj.spec.validations), _param_kind(obj.spec.param_kind))


@PRINTERS.between(
    "admissionregistration.k8s.io",
    "MutatingAdmissionPolicy",
    column("Mutations", "Number of mutations.", "integer"),
    _PARAM_KIND,
)
def mutating_admission_policy(obj: MutatingAdmissionPolicy, _: float) -> Cells:
    return (len(obj.spec.mutations), _param_kind(obj.spec.param_kind))


_POLICY: Final = (
    column("PolicyName", "The policy that is bound."),
    column("ParamRef", "The object with the parameters."),
)


@PRINTERS.between("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding", *_POLICY)
@PRINTERS.between("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding", *_POLICY)
def admission_policy_binding(
    obj: MutatingAdmissionPolicyBinding | ValidatingAdmissionPolicyBinding, _: float
) -> Cells:
    reference = obj.spec.param_ref
    text = UNSET
    if reference is not None and reference.name:
        text = f"{reference.namespace or '*'}/{reference.name}"
    elif reference is not None and reference.selector is not None:
        text = format_label_selector(reference.selector)
    return (obj.spec.policy_name, text)


def _request_state(obj: CertificateSigningRequest) -> str:
    types = {condition.type for condition in obj.status.conditions}
    state = "Denied" if "Denied" in types else "Approved" if "Approved" in types else "Pending"
    if "Failed" in types:
        state += ",Failed"
    return f"{state},Issued" if obj.status.certificate else state


@PRINTERS.whole(
    "certificates.k8s.io",
    "CertificateSigningRequest",
    NAME,
    AGE,
    column("SignerName", "Who is to sign."),
    column("Requestor", "Who asked."),
    column("RequestedDuration", "How long the certificate shall be valid."),
    column("Condition", "How far the request has come."),
)
def certificate_signing_request(obj: CertificateSigningRequest, now: float) -> Cells:
    seconds = obj.spec.expiration_seconds
    return (
        obj.metadata.name,
        age(obj, now),
        obj.spec.signer_name or NONE,
        obj.spec.username,
        NONE if seconds is None else human(seconds),
        _request_state(obj),
    )


@PRINTERS.whole(
    "certificates.k8s.io", "ClusterTrustBundle", NAME, column("SignerName", "The signer that is trusted.")
)
def cluster_trust_bundle(obj: ClusterTrustBundle, _: float) -> Cells:
    return (obj.metadata.name, obj.spec.signer_name or NONE)


@PRINTERS.whole(
    "flowcontrol.apiserver.k8s.io",
    "FlowSchema",
    NAME,
    column("PriorityLevel", "The priority level of its requests."),
    column("MatchingPrecedence", "Its place among the schemas that match."),
    column("DistinguisherMethod", "What tells one flow from another."),
    AGE,
    column("MissingPL", "Whether the priority level does not exist."),
)
def flow_schema(obj: FlowSchema, now: float) -> Cells:
    method = obj.spec.distinguisher_method
    dangling = [condition.status for condition in obj.status.conditions if condition.type == "Dangling"]
    return (
        obj.metadata.name,
        obj.spec.priority_level_configuration.name,
        obj.spec.matching_precedence,
        NONE if method is None else method.type,
        age(obj, now),
        dangling[0] if dangling else "?",
    )


@PRINTERS.between(
    "flowcontrol.apiserver.k8s.io",
    "PriorityLevelConfiguration",
    column("Type", "Limited or Exempt."),
    column("NominalConcurrencyShares", "Its share of the server's seats."),
    column("Queues", "Number of queues."),
    column("HandSize", "Queues that a flow may use."),
    column("QueueLengthLimit", "Requests that may wait in one queue."),
)
def priority_level_configuration(obj: PriorityLevelConfiguration, _: float) -> Cells:
    limited = obj.spec.limited
    queuing = limited.limit_response.queuing if limited is not None else None
    shares = limited.nominal_concurrency_shares if limited is not None else None
    return (
        obj.spec.type,
        NONE if shares is None else shares,
        *((queuing.queues, queuing.hand_size, queuing.queue_length_limit) if queuing else (NONE, NONE, NONE)),
    )


@PRINTERS.between(
    "apiregistration.k8s.io",
    "APIService",
    column("Service", "The service that answers for the group version, or Local."),
    column("Available", "Whether it answers."),
)
def api_service(obj: APIService, _: float) -> Cells:
    service = obj.spec.service
    available = "Unknown"
    for condition in obj.status.conditions:
        if condition.type == "Available":
            detailed = condition.status != "True" and condition.reason
            available = f"{condition.status} ({condition.reason})" if detailed else condition.status
            break
    return (f"{service.namespace}/{service.name}" if service else "Local", available)
