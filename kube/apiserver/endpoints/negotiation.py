"""In which form an answer is wanted and a body comes: the Accept and Content-Type headers.

Source of the semantics: k8s.io/apiserver/pkg/endpoints/handlers/negotiation, and the pages "Kubernetes API Concepts"
(alternate representations) and RFC 9110, section 12.5.1. Protobuf is read and not written: a client that would rather have
it gets the next form that it accepts.
"""

from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from kube.apimachinery.errors import ApiError, not_acceptable, unsupported_media_type
from kube.apiserver.endpoints.requestinfo import Query

Media = Literal["json", "yaml", "protobuf"]

JSON: Final = "application/json"
YAML: Final = "application/yaml"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
MEDIA_TYPES: Final = (JSON, YAML)
"""What answers are written in."""
BODY_TYPES: Final = (JSON, YAML, PROTOBUF)
STREAM_TYPES: Final = (JSON,)
PATCH_TYPES: Final = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)

_MEDIA: Final[dict[str, Media]] = {JSON: "json", YAML: "yaml", PROTOBUF: "protobuf"}
_TRANSFORMS: Final = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
_META_VERSIONS: Final = ("v1", "v1beta1")

_BROWSERS: Final = ("curl", "Wget", "Mozilla/5.0")
"""User agents with a person in front, who get indented JSON unasked."""


class Representation(Struct, frozen=True):
    """`transform` is the kind of meta.k8s.io that is wanted in place of the object, of the given version; or empty."""

    media: Media = "json"
    transform: str = ""
    version: str = "v1"
    pretty: bool = False

    @property
    def content_type(self) -> str:
        return JSON if self.media == "json" else YAML

    @property
    def is_plain_json(self) -> bool:
        """Whether the shared bytes of an object are the answer as they are."""
        return self.media == "json" and not self.transform and not self.pretty


PLAIN: Final = Representation()


class _Clause(Struct, frozen=True):
    """One media range of an Accept header."""

    type: str
    subtype: str
    quality: float
    parameters: tuple[tuple[str, str], ...]

    def takes(self, media_type: str) -> bool:
        type_, _, subtype = media_type.partition("/")
        return self.type in (type_, "*") and self.subtype in (subtype, "*")


def negotiate(accept: str, *, streaming: bool = False, transforms: bool = True) -> Representation:
    """The form that the client likes best of those that can be had. Raises ApiError 406.

    A watch (`streaming`) is never YAML. Without `transforms` (a Status, a document) there are no tables.
    """
    if not accept:
        return PLAIN
    found = _negotiate(accept, streaming, transforms)
    if found is None:
        raise not_acceptable(STREAM_TYPES if streaming else MEDIA_TYPES)
    return found


def negotiate_error(accept: str) -> Representation:
    """The form of an error: JSON where the client accepts nothing that can be had."""
    found = _negotiate(accept, False, False) if accept else PLAIN
    return PLAIN if found is None else found


@lru_cache(maxsize=256)
def _negotiate(accept: str, streaming: bool, transforms: bool) -> Representation | None:
    for clause in parse_accept(accept):
        for media_type in STREAM_TYPES if streaming else MEDIA_TYPES:
            if clause.takes(media_type):
                found = _with_parameters(clause, media_type, transforms)
                if found is not None:
                    return found
    return None


def _with_parameters(clause: _Clause, media_type: str, transforms: bool) -> Representation | None:
    given = dict(clause.parameters)
    media = _MEDIA[media_type]
    pretty = given.get("pretty") == "1"
    if given.get("stream", "watch") != "watch":
        return None
    if "as" not in given or not transforms:
        return Representation(media, pretty=pretty) if "as" not in given else None
    version = given.get("v", "")
    if given["as"] not in _TRANSFORMS or given.get("g") != "meta.k8s.io" or version not in _META_VERSIONS:
        return None
    return Representation(media, given["as"], version, pretty)


def parse_accept(accept: str) -> list[_Clause]:
    """The media ranges by preference: quality first, then the more specific, then the order of the header."""
    clauses = []
    for text in accept.split(","):
        media_range, *parameters = (part.strip() for part in text.split(";"))
        type_, _, subtype = media_range.partition("/")
        if not type_:
            continue
        pairs = [_pair(parameter) for parameter in parameters if parameter]
        quality = next((_quality(value) for key, value in pairs if key == "q"), 1.0)
        kept = tuple(pair for pair in pairs if pair[0] != "q")
        if type_ == "*" and not subtype:
            subtype = "*"
        if quality > 0:
            clauses.append(_Clause(type_.lower(), subtype.lower(), quality, kept))
    return sorted(clauses, key=lambda clause: (-clause.quality, clause.type == "*", clause.subtype == "*"))


def _pair(parameter: str) -> tuple[str, str]:
    key, _, value = parameter.partition("=")
    return key.strip().lower(), value.strip().strip('"')


def _quality(text: str) -> float:
    """Unreadable qualities count as the highest, as upstream's parser has it."""
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 1.0


def wants_pretty(query: Query, user_agent: str) -> bool:
    """Whether JSON is to be indented: when asked for, or for a person at the other end."""
    asked = query.get("pretty")
    if asked and asked[0]:
        return asked[0] in ("1", "t", "T", "true", "TRUE", "True")
    return user_agent.startswith(_BROWSERS)


def with_pretty(form: Representation, query: Query, user_agent: str) -> Representation:
    """The form, indented if that is wanted besides."""
    if form.pretty or form.media != "json" or not wants_pretty(query, user_agent):
        return form
    return replace(form, pretty=True)


def body_media(content_type: str) -> Media:
    """The form of a body that is an object; JSON where the header is missing. Raises ApiError 415."""
    media_type = media_type_of(content_type)
    if not media_type:
        return "json"
    media = _MEDIA.get(media_type)
    if media is None:
        raise unsupported_media_type(BODY_TYPES)
    return media


def patch_type(content_type: str) -> str:
    """The kind of a patch. Raises ApiError 415."""
    media_type = media_type_of(content_type)
    if media_type not in PATCH_TYPES:
        raise unsupported_media_type(PATCH_TYPES)
    return media_type


def media_type_of(content_type: str) -> str:
    """Without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def no_list_is_metadata(list_wanted: bool, kind: str) -> ApiError:
    """406 for a PartialObjectMetadataList of what is no list, and the other way round."""
    if list_wanted:
        why = f"you requested PartialObjectMetadataList, but the requested object is not a list ({kind})"
    else:
        why = f"you requested PartialObjectMetadata, but the requested object is a list ({kind})"
    return ApiError(406, "NotAcceptable", why)
