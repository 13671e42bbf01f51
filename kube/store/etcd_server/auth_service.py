"""etcd's Auth service of a store that has no users: authentication is off, and can't be turned on.

Who may connect is decided by TLS client certificates. Each method answers what etcd does when there is no user and no role;
what would make one is not implemented.
"""

from functools import partial
from typing import Any, ClassVar, Final, NoReturn

from kube.store.errors import Code
from kube.store.etcd_server.calls import Endpoint
from kube.store.etcd_server.service import Service
from kube.store.etcd_server.status import RpcError
from kube.store.etcdpb import messages

_NO_USERS: Final = (
    Code.UNIMPLEMENTED,
    "etcdserver: users and roles are not supported: restrict clients by certificate",
)
_NO_USER: Final = (Code.FAILED_PRECONDITION, "etcdserver: user name not found")
_NO_ROLE: Final = (Code.FAILED_PRECONDITION, "etcdserver: role name not found")
_REFUSED: Final = {
    "AuthEnable": (Code.FAILED_PRECONDITION, "etcdserver: root user does not exist"),
    "Authenticate": (Code.FAILED_PRECONDITION, "etcdserver: authentication is not enabled"),
    "UserAdd": _NO_USERS,
    "UserGet": _NO_USER,
    "UserDelete": _NO_USER,
    "UserChangePassword": _NO_USER,
    "UserGrantRole": _NO_USER,
    "UserRevokeRole": _NO_USER,
    "RoleAdd": _NO_USERS,
    "RoleGet": _NO_ROLE,
    "RoleDelete": _NO_ROLE,
    "RoleGrantPermission": _NO_ROLE,
    "RoleRevokePermission": _NO_ROLE,
}


class AuthService(Service):
    name = "etcdserverpb.Auth"
    serves: ClassVar = {
        "AuthStatus": "status",
        "AuthDisable": "disable",
        "UserList": "users",
        "RoleList": "roles",
        **dict.fromkeys(_REFUSED, "refuse"),
    }

    def endpoints(self) -> dict[str, Endpoint]:
        found = super().endpoints()
        for method, answer in _REFUSED.items():
            path = f"/{self.name}/{method}"
            found[path] = Endpoint(
                path, found[path].request, partial(self.refuse, answer), is_streaming=False
            )
        return found

    async def refuse(self, answer: tuple[Code, str], request: Any) -> NoReturn:  # noqa: ARG002  # every method's signature
        raise RpcError(*answer)

    async def status(self, request: messages.AuthStatusRequest) -> messages.AuthStatusResponse:  # noqa: ARG002  # as above
        return messages.AuthStatusResponse(header=await self.current_header(), enabled=False, authRevision=1)

    async def disable(self, request: messages.AuthDisableRequest) -> messages.AuthDisableResponse:  # noqa: ARG002  # as above
        return messages.AuthDisableResponse(header=await self.current_header())

    async def users(self, request: messages.AuthUserListRequest) -> messages.AuthUserListResponse:  # noqa: ARG002  # as above
        return messages.AuthUserListResponse(header=await self.current_header())

    async def roles(self, request: messages.AuthRoleListRequest) -> messages.AuthRoleListResponse:  # noqa: ARG002  # as above
        return messages.AuthRoleListResponse(header=await self.current_header())
