"""YAML bodies to JSON, as sigs.k8s.io/yaml converts them.

PyYAML is imported with the first document: it takes 10 ms, and most programs never see one.
"""


class YamlError(ValueError):
    """The bytes are no YAML document that has a JSON form; the message is worded as go-yaml's."""


def yaml_to_json(data: bytes, repeated: list[str] | None = None) -> bytes:
    """The JSON of the one document in `data`. Raises YamlError.

    Of keys that repeat the last counts; the complaint about them is appended to `repeated`, where a list is given.
    """
    from kube.apimachinery.yaml_document import convert  # noqa: PLC0415  # see above

    return convert(data, repeated)
