"""Written by kube.store.etcdpb.generator: what the classes of messages.py have."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from google.protobuf.internal.containers import (
    RepeatedCompositeFieldContainer,
    RepeatedScalarFieldContainer,
)
from google.protobuf.message import Message

class KeyValue(Message):
    key: bytes
    create_revision: int
    mod_revision: int
    version: int
    value: bytes
    lease: int
    def __init__(
        self,
        *,
        key: bytes = ...,
        create_revision: int = ...,
        mod_revision: int = ...,
        version: int = ...,
        value: bytes = ...,
        lease: int = ...,
    ) -> None: ...

class Event(Message):
    PUT: int
    DELETE: int
    type: int
    @property
    def kv(self) -> KeyValue: ...
    @property
    def prev_kv(self) -> KeyValue: ...
    def __init__(
        self,
        *,
        type: int = ...,
        kv: KeyValue | Mapping[str, Any] | None = ...,
        prev_kv: KeyValue | Mapping[str, Any] | None = ...,
    ) -> None: ...

class UserAddOptions(Message):
    no_password: bool
    def __init__(
        self,
        *,
        no_password: bool = ...,
    ) -> None: ...

class User(Message):
    name: bytes
    password: bytes
    @property
    def roles(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def options(self) -> UserAddOptions: ...
    def __init__(
        self,
        *,
        name: bytes = ...,
        password: bytes = ...,
        roles: Iterable[str] = ...,
        options: UserAddOptions | Mapping[str, Any] | None = ...,
    ) -> None: ...

class Permission(Message):
    READ: int
    WRITE: int
    READWRITE: int
    permType: int
    key: bytes
    range_end: bytes
    def __init__(
        self,
        *,
        permType: int = ...,
        key: bytes = ...,
        range_end: bytes = ...,
    ) -> None: ...

class Role(Message):
    name: bytes
    @property
    def keyPermission(self) -> RepeatedCompositeFieldContainer[Permission]: ...
    def __init__(
        self,
        *,
        name: bytes = ...,
        keyPermission: Iterable[Permission | Mapping[str, Any]] = ...,
    ) -> None: ...

class ResponseHeader(Message):
    cluster_id: int
    member_id: int
    revision: int
    raft_term: int
    def __init__(
        self,
        *,
        cluster_id: int = ...,
        member_id: int = ...,
        revision: int = ...,
        raft_term: int = ...,
    ) -> None: ...

class RangeRequest(Message):
    NONE: int
    ASCEND: int
    DESCEND: int
    KEY: int
    VERSION: int
    CREATE: int
    MOD: int
    VALUE: int
    key: bytes
    range_end: bytes
    limit: int
    revision: int
    sort_order: int
    sort_target: int
    serializable: bool
    keys_only: bool
    count_only: bool
    min_mod_revision: int
    max_mod_revision: int
    min_create_revision: int
    max_create_revision: int
    def __init__(
        self,
        *,
        key: bytes = ...,
        range_end: bytes = ...,
        limit: int = ...,
        revision: int = ...,
        sort_order: int = ...,
        sort_target: int = ...,
        serializable: bool = ...,
        keys_only: bool = ...,
        count_only: bool = ...,
        min_mod_revision: int = ...,
        max_mod_revision: int = ...,
        min_create_revision: int = ...,
        max_create_revision: int = ...,
    ) -> None: ...

class RangeResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def kvs(self) -> RepeatedCompositeFieldContainer[KeyValue]: ...
    more: bool
    count: int
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        kvs: Iterable[KeyValue | Mapping[str, Any]] = ...,
        more: bool = ...,
        count: int = ...,
    ) -> None: ...

class PutRequest(Message):
    key: bytes
    value: bytes
    lease: int
    prev_kv: bool
    ignore_value: bool
    ignore_lease: bool
    def __init__(
        self,
        *,
        key: bytes = ...,
        value: bytes = ...,
        lease: int = ...,
        prev_kv: bool = ...,
        ignore_value: bool = ...,
        ignore_lease: bool = ...,
    ) -> None: ...

class PutResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def prev_kv(self) -> KeyValue: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        prev_kv: KeyValue | Mapping[str, Any] | None = ...,
    ) -> None: ...

class DeleteRangeRequest(Message):
    key: bytes
    range_end: bytes
    prev_kv: bool
    def __init__(
        self,
        *,
        key: bytes = ...,
        range_end: bytes = ...,
        prev_kv: bool = ...,
    ) -> None: ...

class DeleteRangeResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    deleted: int
    @property
    def prev_kvs(self) -> RepeatedCompositeFieldContainer[KeyValue]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        deleted: int = ...,
        prev_kvs: Iterable[KeyValue | Mapping[str, Any]] = ...,
    ) -> None: ...

class RequestOp(Message):
    @property
    def request_range(self) -> RangeRequest: ...
    @property
    def request_put(self) -> PutRequest: ...
    @property
    def request_delete_range(self) -> DeleteRangeRequest: ...
    @property
    def request_txn(self) -> TxnRequest: ...
    def __init__(
        self,
        *,
        request_range: RangeRequest | Mapping[str, Any] | None = ...,
        request_put: PutRequest | Mapping[str, Any] | None = ...,
        request_delete_range: DeleteRangeRequest | Mapping[str, Any] | None = ...,
        request_txn: TxnRequest | Mapping[str, Any] | None = ...,
    ) -> None: ...
    def WhichOneof(
        self, oneof_group: Literal["request", b"request"]
    ) -> (
        Literal[
            "request_range",
            "request_put",
            "request_delete_range",
            "request_txn",
        ]
        | None
    ): ...

class ResponseOp(Message):
    @property
    def response_range(self) -> RangeResponse: ...
    @property
    def response_put(self) -> PutResponse: ...
    @property
    def response_delete_range(self) -> DeleteRangeResponse: ...
    @property
    def response_txn(self) -> TxnResponse: ...
    def __init__(
        self,
        *,
        response_range: RangeResponse | Mapping[str, Any] | None = ...,
        response_put: PutResponse | Mapping[str, Any] | None = ...,
        response_delete_range: DeleteRangeResponse | Mapping[str, Any] | None = ...,
        response_txn: TxnResponse | Mapping[str, Any] | None = ...,
    ) -> None: ...
    def WhichOneof(
        self, oneof_group: Literal["response", b"response"]
    ) -> (
        Literal[
            "response_range",
            "response_put",
            "response_delete_range",
            "response_txn",
        ]
        | None
    ): ...

class Compare(Message):
    EQUAL: int
    GREATER: int
    LESS: int
    NOT_EQUAL: int
    VERSION: int
    CREATE: int
    MOD: int
    VALUE: int
    LEASE: int
    result: int
    target: int
    key: bytes
    version: int
    create_revision: int
    mod_revision: int
    value: bytes
    lease: int
    range_end: bytes
    def __init__(
        self,
        *,
        result: int = ...,
        target: int = ...,
        key: bytes = ...,
        version: int = ...,
        create_revision: int = ...,
        mod_revision: int = ...,
        value: bytes = ...,
        lease: int = ...,
        range_end: bytes = ...,
    ) -> None: ...
    def WhichOneof(
        self, oneof_group: Literal["target_union", b"target_union"]
    ) -> (
        Literal[
            "version",
            "create_revision",
            "mod_revision",
            "value",
            "lease",
        ]
        | None
    ): ...

class TxnRequest(Message):
    @property
    def compare(self) -> RepeatedCompositeFieldContainer[Compare]: ...
    @property
    def success(self) -> RepeatedCompositeFieldContainer[RequestOp]: ...
    @property
    def failure(self) -> RepeatedCompositeFieldContainer[RequestOp]: ...
    def __init__(
        self,
        *,
        compare: Iterable[Compare | Mapping[str, Any]] = ...,
        success: Iterable[RequestOp | Mapping[str, Any]] = ...,
        failure: Iterable[RequestOp | Mapping[str, Any]] = ...,
    ) -> None: ...

class TxnResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    succeeded: bool
    @property
    def responses(self) -> RepeatedCompositeFieldContainer[ResponseOp]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        succeeded: bool = ...,
        responses: Iterable[ResponseOp | Mapping[str, Any]] = ...,
    ) -> None: ...

class CompactionRequest(Message):
    revision: int
    physical: bool
    def __init__(
        self,
        *,
        revision: int = ...,
        physical: bool = ...,
    ) -> None: ...

class CompactionResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class HashRequest(Message): ...

class HashKVRequest(Message):
    revision: int
    def __init__(
        self,
        *,
        revision: int = ...,
    ) -> None: ...

class HashKVResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    hash: int
    compact_revision: int
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        hash: int = ...,
        compact_revision: int = ...,
    ) -> None: ...

class HashResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    hash: int
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        hash: int = ...,
    ) -> None: ...

class SnapshotRequest(Message): ...

class SnapshotResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    remaining_bytes: int
    blob: bytes
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        remaining_bytes: int = ...,
        blob: bytes = ...,
    ) -> None: ...

class WatchRequest(Message):
    @property
    def create_request(self) -> WatchCreateRequest: ...
    @property
    def cancel_request(self) -> WatchCancelRequest: ...
    @property
    def progress_request(self) -> WatchProgressRequest: ...
    def __init__(
        self,
        *,
        create_request: WatchCreateRequest | Mapping[str, Any] | None = ...,
        cancel_request: WatchCancelRequest | Mapping[str, Any] | None = ...,
        progress_request: WatchProgressRequest | Mapping[str, Any] | None = ...,
    ) -> None: ...
    def WhichOneof(
        self, oneof_group: Literal["request_union", b"request_union"]
    ) -> (
        Literal[
            "create_request",
            "cancel_request",
            "progress_request",
        ]
        | None
    ): ...

class WatchCreateRequest(Message):
    NOPUT: int
    NODELETE: int
    key: bytes
    range_end: bytes
    start_revision: int
    progress_notify: bool
    @property
    def filters(self) -> RepeatedScalarFieldContainer[int]: ...
    prev_kv: bool
    watch_id: int
    fragment: bool
    def __init__(
        self,
        *,
        key: bytes = ...,
        range_end: bytes = ...,
        start_revision: int = ...,
        progress_notify: bool = ...,
        filters: Iterable[int] = ...,
        prev_kv: bool = ...,
        watch_id: int = ...,
        fragment: bool = ...,
    ) -> None: ...

class WatchCancelRequest(Message):
    watch_id: int
    def __init__(
        self,
        *,
        watch_id: int = ...,
    ) -> None: ...

class WatchProgressRequest(Message): ...

class WatchResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    watch_id: int
    created: bool
    canceled: bool
    compact_revision: int
    cancel_reason: str
    fragment: bool
    @property
    def events(self) -> RepeatedCompositeFieldContainer[Event]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        watch_id: int = ...,
        created: bool = ...,
        canceled: bool = ...,
        compact_revision: int = ...,
        cancel_reason: str = ...,
        fragment: bool = ...,
        events: Iterable[Event | Mapping[str, Any]] = ...,
    ) -> None: ...

class LeaseGrantRequest(Message):
    TTL: int
    ID: int
    def __init__(
        self,
        *,
        TTL: int = ...,
        ID: int = ...,
    ) -> None: ...

class LeaseGrantResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    ID: int
    TTL: int
    error: str
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        ID: int = ...,
        TTL: int = ...,
        error: str = ...,
    ) -> None: ...

class LeaseRevokeRequest(Message):
    ID: int
    def __init__(
        self,
        *,
        ID: int = ...,
    ) -> None: ...

class LeaseRevokeResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class LeaseCheckpoint(Message):
    ID: int
    remaining_TTL: int
    def __init__(
        self,
        *,
        ID: int = ...,
        remaining_TTL: int = ...,
    ) -> None: ...

class LeaseCheckpointRequest(Message):
    @property
    def checkpoints(self) -> RepeatedCompositeFieldContainer[LeaseCheckpoint]: ...
    def __init__(
        self,
        *,
        checkpoints: Iterable[LeaseCheckpoint | Mapping[str, Any]] = ...,
    ) -> None: ...

class LeaseCheckpointResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class LeaseKeepAliveRequest(Message):
    ID: int
    def __init__(
        self,
        *,
        ID: int = ...,
    ) -> None: ...

class LeaseKeepAliveResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    ID: int
    TTL: int
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        ID: int = ...,
        TTL: int = ...,
    ) -> None: ...

class LeaseTimeToLiveRequest(Message):
    ID: int
    keys: bool
    def __init__(
        self,
        *,
        ID: int = ...,
        keys: bool = ...,
    ) -> None: ...

class LeaseTimeToLiveResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    ID: int
    TTL: int
    grantedTTL: int
    @property
    def keys(self) -> RepeatedScalarFieldContainer[bytes]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        ID: int = ...,
        TTL: int = ...,
        grantedTTL: int = ...,
        keys: Iterable[bytes] = ...,
    ) -> None: ...

class LeaseLeasesRequest(Message): ...

class LeaseStatus(Message):
    ID: int
    def __init__(
        self,
        *,
        ID: int = ...,
    ) -> None: ...

class LeaseLeasesResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def leases(self) -> RepeatedCompositeFieldContainer[LeaseStatus]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        leases: Iterable[LeaseStatus | Mapping[str, Any]] = ...,
    ) -> None: ...

class Member(Message):
    ID: int
    name: str
    @property
    def peerURLs(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def clientURLs(self) -> RepeatedScalarFieldContainer[str]: ...
    isLearner: bool
    def __init__(
        self,
        *,
        ID: int = ...,
        name: str = ...,
        peerURLs: Iterable[str] = ...,
        clientURLs: Iterable[str] = ...,
        isLearner: bool = ...,
    ) -> None: ...

class MemberAddRequest(Message):
    @property
    def peerURLs(self) -> RepeatedScalarFieldContainer[str]: ...
    isLearner: bool
    def __init__(
        self,
        *,
        peerURLs: Iterable[str] = ...,
        isLearner: bool = ...,
    ) -> None: ...

class MemberAddResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def member(self) -> Member: ...
    @property
    def members(self) -> RepeatedCompositeFieldContainer[Member]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        member: Member | Mapping[str, Any] | None = ...,
        members: Iterable[Member | Mapping[str, Any]] = ...,
    ) -> None: ...

class MemberRemoveRequest(Message):
    ID: int
    def __init__(
        self,
        *,
        ID: int = ...,
    ) -> None: ...

class MemberRemoveResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def members(self) -> RepeatedCompositeFieldContainer[Member]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        members: Iterable[Member | Mapping[str, Any]] = ...,
    ) -> None: ...

class MemberUpdateRequest(Message):
    ID: int
    @property
    def peerURLs(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        ID: int = ...,
        peerURLs: Iterable[str] = ...,
    ) -> None: ...

class MemberUpdateResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def members(self) -> RepeatedCompositeFieldContainer[Member]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        members: Iterable[Member | Mapping[str, Any]] = ...,
    ) -> None: ...

class MemberListRequest(Message):
    linearizable: bool
    def __init__(
        self,
        *,
        linearizable: bool = ...,
    ) -> None: ...

class MemberListResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def members(self) -> RepeatedCompositeFieldContainer[Member]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        members: Iterable[Member | Mapping[str, Any]] = ...,
    ) -> None: ...

class MemberPromoteRequest(Message):
    ID: int
    def __init__(
        self,
        *,
        ID: int = ...,
    ) -> None: ...

class MemberPromoteResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def members(self) -> RepeatedCompositeFieldContainer[Member]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        members: Iterable[Member | Mapping[str, Any]] = ...,
    ) -> None: ...

class DefragmentRequest(Message): ...

class DefragmentResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class MoveLeaderRequest(Message):
    targetID: int
    def __init__(
        self,
        *,
        targetID: int = ...,
    ) -> None: ...

class MoveLeaderResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class AlarmRequest(Message):
    GET: int
    ACTIVATE: int
    DEACTIVATE: int
    action: int
    memberID: int
    alarm: int
    def __init__(
        self,
        *,
        action: int = ...,
        memberID: int = ...,
        alarm: int = ...,
    ) -> None: ...

class AlarmMember(Message):
    memberID: int
    alarm: int
    def __init__(
        self,
        *,
        memberID: int = ...,
        alarm: int = ...,
    ) -> None: ...

class AlarmResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def alarms(self) -> RepeatedCompositeFieldContainer[AlarmMember]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        alarms: Iterable[AlarmMember | Mapping[str, Any]] = ...,
    ) -> None: ...

class DowngradeRequest(Message):
    VALIDATE: int
    ENABLE: int
    CANCEL: int
    action: int
    version: str
    def __init__(
        self,
        *,
        action: int = ...,
        version: str = ...,
    ) -> None: ...

class DowngradeResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    version: str
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        version: str = ...,
    ) -> None: ...

class StatusRequest(Message): ...

class StatusResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    version: str
    dbSize: int
    leader: int
    raftIndex: int
    raftTerm: int
    raftAppliedIndex: int
    @property
    def errors(self) -> RepeatedScalarFieldContainer[str]: ...
    dbSizeInUse: int
    isLearner: bool
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        version: str = ...,
        dbSize: int = ...,
        leader: int = ...,
        raftIndex: int = ...,
        raftTerm: int = ...,
        raftAppliedIndex: int = ...,
        errors: Iterable[str] = ...,
        dbSizeInUse: int = ...,
        isLearner: bool = ...,
    ) -> None: ...

class AuthEnableRequest(Message): ...

class AuthDisableRequest(Message): ...

class AuthStatusRequest(Message): ...

class AuthenticateRequest(Message):
    name: str
    password: str
    def __init__(
        self,
        *,
        name: str = ...,
        password: str = ...,
    ) -> None: ...

class AuthUserAddRequest(Message):
    name: str
    password: str
    @property
    def options(self) -> UserAddOptions: ...
    hashedPassword: str
    def __init__(
        self,
        *,
        name: str = ...,
        password: str = ...,
        options: UserAddOptions | Mapping[str, Any] | None = ...,
        hashedPassword: str = ...,
    ) -> None: ...

class AuthUserGetRequest(Message):
    name: str
    def __init__(
        self,
        *,
        name: str = ...,
    ) -> None: ...

class AuthUserDeleteRequest(Message):
    name: str
    def __init__(
        self,
        *,
        name: str = ...,
    ) -> None: ...

class AuthUserChangePasswordRequest(Message):
    name: str
    password: str
    hashedPassword: str
    def __init__(
        self,
        *,
        name: str = ...,
        password: str = ...,
        hashedPassword: str = ...,
    ) -> None: ...

class AuthUserGrantRoleRequest(Message):
    user: str
    role: str
    def __init__(
        self,
        *,
        user: str = ...,
        role: str = ...,
    ) -> None: ...

class AuthUserRevokeRoleRequest(Message):
    name: str
    role: str
    def __init__(
        self,
        *,
        name: str = ...,
        role: str = ...,
    ) -> None: ...

class AuthRoleAddRequest(Message):
    name: str
    def __init__(
        self,
        *,
        name: str = ...,
    ) -> None: ...

class AuthRoleGetRequest(Message):
    role: str
    def __init__(
        self,
        *,
        role: str = ...,
    ) -> None: ...

class AuthUserListRequest(Message): ...

class AuthRoleListRequest(Message): ...

class AuthRoleDeleteRequest(Message):
    role: str
    def __init__(
        self,
        *,
        role: str = ...,
    ) -> None: ...

class AuthRoleGrantPermissionRequest(Message):
    name: str
    @property
    def perm(self) -> Permission: ...
    def __init__(
        self,
        *,
        name: str = ...,
        perm: Permission | Mapping[str, Any] | None = ...,
    ) -> None: ...

class AuthRoleRevokePermissionRequest(Message):
    role: str
    key: bytes
    range_end: bytes
    def __init__(
        self,
        *,
        role: str = ...,
        key: bytes = ...,
        range_end: bytes = ...,
    ) -> None: ...

class AuthEnableResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class AuthDisableResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class AuthStatusResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    enabled: bool
    authRevision: int
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        enabled: bool = ...,
        authRevision: int = ...,
    ) -> None: ...

class AuthenticateResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    token: str
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        token: str = ...,
    ) -> None: ...

class AuthUserAddResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class AuthUserGetResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def roles(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        roles: Iterable[str] = ...,
    ) -> None: ...

class AuthUserDeleteResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class AuthUserChangePasswordResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class AuthUserGrantRoleResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class AuthUserRevokeRoleResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class AuthRoleAddResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class AuthRoleGetResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def perm(self) -> RepeatedCompositeFieldContainer[Permission]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        perm: Iterable[Permission | Mapping[str, Any]] = ...,
    ) -> None: ...

class AuthRoleListResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def roles(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        roles: Iterable[str] = ...,
    ) -> None: ...

class AuthUserListResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def users(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        users: Iterable[str] = ...,
    ) -> None: ...

class AuthRoleDeleteResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class AuthRoleGrantPermissionResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class AuthRoleRevokePermissionResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class LockRequest(Message):
    name: bytes
    lease: int
    def __init__(
        self,
        *,
        name: bytes = ...,
        lease: int = ...,
    ) -> None: ...

class LockResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    key: bytes
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        key: bytes = ...,
    ) -> None: ...

class UnlockRequest(Message):
    key: bytes
    def __init__(
        self,
        *,
        key: bytes = ...,
    ) -> None: ...

class UnlockResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class CampaignRequest(Message):
    name: bytes
    lease: int
    value: bytes
    def __init__(
        self,
        *,
        name: bytes = ...,
        lease: int = ...,
        value: bytes = ...,
    ) -> None: ...

class CampaignResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def leader(self) -> LeaderKey: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        leader: LeaderKey | Mapping[str, Any] | None = ...,
    ) -> None: ...

class LeaderKey(Message):
    name: bytes
    key: bytes
    rev: int
    lease: int
    def __init__(
        self,
        *,
        name: bytes = ...,
        key: bytes = ...,
        rev: int = ...,
        lease: int = ...,
    ) -> None: ...

class LeaderRequest(Message):
    name: bytes
    def __init__(
        self,
        *,
        name: bytes = ...,
    ) -> None: ...

class LeaderResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def kv(self) -> KeyValue: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
        kv: KeyValue | Mapping[str, Any] | None = ...,
    ) -> None: ...

class ResignRequest(Message):
    @property
    def leader(self) -> LeaderKey: ...
    def __init__(
        self,
        *,
        leader: LeaderKey | Mapping[str, Any] | None = ...,
    ) -> None: ...

class ResignResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class ProclaimRequest(Message):
    @property
    def leader(self) -> LeaderKey: ...
    value: bytes
    def __init__(
        self,
        *,
        leader: LeaderKey | Mapping[str, Any] | None = ...,
        value: bytes = ...,
    ) -> None: ...

class ProclaimResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | Mapping[str, Any] | None = ...,
    ) -> None: ...

class HealthCheckRequest(Message):
    service: str
    def __init__(
        self,
        *,
        service: str = ...,
    ) -> None: ...

class HealthCheckResponse(Message):
    UNKNOWN: int
    SERVING: int
    NOT_SERVING: int
    SERVICE_UNKNOWN: int
    status: int
    def __init__(
        self,
        *,
        status: int = ...,
    ) -> None: ...
