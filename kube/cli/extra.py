"""What a command needs beyond the package itself."""

from kube.cli.errors import CommandError
from kube.store.etcdpb.extra import MESSAGES, MissingExtraError, require_etcd_extra


def require_etcd(modules: tuple[str, ...] = MESSAGES) -> None:
    """``modules``: those of the extra that are needed. Raises CommandError with the command that installs what is missing."""
    try:
        require_etcd_extra(modules)
    except MissingExtraError as error:
        raise CommandError(str(error)) from None
