"""A number, or a percentage of one. Semantics: GetScaledValueFromIntOrPercent of apimachinery's util/intstr."""


def scaled_value(value: int | str, whole: int, *, round_up: bool) -> int:
    """``value`` itself, or its percentage of ``whole``. Raises ValueError for a text that is no percentage."""
    if isinstance(value, int):
        return value
    percent = int(value.removesuffix("%"))
    return -(-whole * percent // 100) if round_up else whole * percent // 100
