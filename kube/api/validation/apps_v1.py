"""The rules of the apps kinds, by type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types import apps_v1
from kube.api.validation import daemon_set, deployment, stateful_set
from kube.api.validation.rules import Rules

RULES: Final[Mapping[type, Rules]] = {
    apps_v1.ControllerRevision: Rules(
        stateful_set.validate_controller_revision, stateful_set.validate_controller_revision_update
    ),
    apps_v1.DaemonSet: Rules(
        daemon_set.validate_daemon_set,
        daemon_set.validate_daemon_set_update,
        {"status": daemon_set.validate_daemon_set_status_update},
    ),
    apps_v1.Deployment: Rules(
        deployment.validate_deployment,
        deployment.validate_deployment_update,
        {"status": deployment.validate_deployment_status_update},
    ),
    apps_v1.ReplicaSet: Rules(
        deployment.validate_replica_set,
        deployment.validate_replica_set_update,
        {"status": deployment.validate_replica_set_status_update},
    ),
    apps_v1.StatefulSet: Rules(
        stateful_set.validate_stateful_set,
        stateful_set.validate_stateful_set_update,
        {"status": stateful_set.validate_stateful_set_status_update},
    ),
}
