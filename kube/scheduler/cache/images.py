"""The images that nodes have: for each name its size and the rows that report it.

Source of the semantics: pkg/scheduler/backend/cache (imageStates): an image's size is the one first reported.
"""

from collections.abc import Sequence

from kube.api.types.core_v1 import ContainerImage


class ImageState:
    __slots__ = ("rows", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.rows: dict[int, None] = {}


class ImageStates:
    __slots__ = ("_states",)

    def __init__(self) -> None:
        self._states: dict[str, ImageState] = {}

    def get(self, name: str) -> ImageState | None:
        return self._states.get(name)

    def put(self, row: int, old: Sequence[ContainerImage], new: Sequence[ContainerImage]) -> None:
        states = self._states
        kept = {name for image in new for name in image.names}
        for image in old:
            for name in image.names:
                if name not in kept and name in states:
                    states[name].rows.pop(row, None)
                    if not states[name].rows:
                        del states[name]
        for image in new:
            for name in image.names:
                state = states.get(name)
                if state is None:
                    state = states[name] = ImageState(image.size_bytes)
                state.rows[row] = None
