"""Defaults of FlowSchemas and PriorityLevelConfigurations.

Source of the semantics: pkg/apis/flowcontrol/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.flowcontrol_v1 import (
    FlowSchema,
    LimitedPriorityLevelConfiguration,
    PriorityLevelConfiguration,
    QueuingConfiguration,
)

MATCHING_PRECEDENCE: Final = 1000
CONCURRENCY_SHARES: Final = 30
QUEUES: Final = 64
HAND_SIZE: Final = 8
QUEUE_LENGTH_LIMIT: Final = 50


def default_flow_schema(schema: FlowSchema) -> FlowSchema:
    if schema.spec.matching_precedence:
        return schema
    return replace(schema, spec=replace(schema.spec, matching_precedence=MATCHING_PRECEDENCE))


def default_priority_level(level: PriorityLevelConfiguration) -> PriorityLevelConfiguration:
    spec = level.spec
    changes: dict[str, Any] = {}
    exempt, limited = spec.exempt, spec.limited
    if exempt is not None and (exempt.nominal_concurrency_shares is None or exempt.lendable_percent is None):
        changes["exempt"] = replace(
            exempt,
            nominal_concurrency_shares=exempt.nominal_concurrency_shares or 0,
            lendable_percent=exempt.lendable_percent or 0,
        )
    if limited is not None and (filled := _default_limited(limited)) is not limited:
        changes["limited"] = filled
    return replace(level, spec=replace(spec, **changes)) if changes else level


def _default_limited(limited: LimitedPriorityLevelConfiguration) -> LimitedPriorityLevelConfiguration:
    changes: dict[str, Any] = {}
    if limited.nominal_concurrency_shares is None:
        changes["nominal_concurrency_shares"] = CONCURRENCY_SHARES
    if limited.lendable_percent is None:
        changes["lendable_percent"] = 0
    queuing = limited.limit_response.queuing
    if queuing is not None and (filled := _default_queuing(queuing)) is not queuing:
        changes["limit_response"] = replace(limited.limit_response, queuing=filled)
    return replace(limited, **changes) if changes else limited


def _default_queuing(queuing: QueuingConfiguration) -> QueuingConfiguration:
    if queuing.queues and queuing.hand_size and queuing.queue_length_limit:
        return queuing
    return QueuingConfiguration(
        queues=queuing.queues or QUEUES,
        hand_size=queuing.hand_size or HAND_SIZE,
        queue_length_limit=queuing.queue_length_limit or QUEUE_LENGTH_LIMIT,
    )


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {
    FlowSchema: default_flow_schema,
    PriorityLevelConfiguration: default_priority_level,
}
