class ViolationError(AssertionError):
    """A promise of the store was broken. ``promise`` names it, ``detail`` says where and how."""

    def __init__(self, promise: str, detail: str) -> None:
        super().__init__(f"{promise}: {detail}")
        self.promise = promise
        self.detail = detail
