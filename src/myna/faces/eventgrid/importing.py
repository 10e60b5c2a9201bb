"""The vendor's JSON -> a Namespace: files as its documentation, command line and templates write them, unchanged.

    namespace.json                        {"clients": …, "clientGroups": …, "topicSpaces": …, "permissionBindings": …},
                                          each an object by name or a list; or {"value": […]}, {"resources": […]}, a
                                          plain list of resources that carry a "type"; or a deployment template, whose
                                          `expressions` are worked out
    folder/clientGroups/sensors.json      {"properties": {…}}, the kind and name taken from the path

A resource has its fields under "properties", or flat as the vendor's command line prints them. What a newcomer gets
wrong: the name within a template is the whole path, "myns/sensors"; only the last part counts.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from myna.faces.eventgrid.clients import (
    KEY,
    MAXIMUM_ATTRIBUTES,
    MAXIMUM_NAME,
    Attribute,
    Client,
    read_attribute,
)
from myna.faces.eventgrid.configuration import Configuration, read_configuration
from myna.faces.eventgrid.expressions import is_template, resolve_template
from myna.faces.eventgrid.namespace import ALL_CLIENTS, PUBLISHER, SUBSCRIBER, Binding, Namespace
from myna.faces.eventgrid.queries import BadQuery, Question, parse_query
from myna.faces.eventgrid.templates import BadTemplate, Template, parse_template

KINDS: Final = ("clients", "clientGroups", "topicSpaces", "permissionBindings")
CONFIGURATION: Final = "topicSpacesConfiguration"
VENDOR: Final = "microsoft."  # with what types of templates begin
OURS: Final = "microsoft.eventgrid/namespaces"
IGNORED: Final = frozenset(
    {"caCertificates", "namespaces", "topics", "eventSubscriptions", "privateEndpointConnections"}
)
SCHEMES: Final = frozenset(
    {
        "SubjectMatchesAuthenticationName",
        "DnsMatchesAuthenticationName",
        "UriMatchesAuthenticationName",
        "IpMatchesAuthenticationName",
        "EmailMatchesAuthenticationName",
        "ThumbprintMatch",
    }
)
MOST_TEMPLATES: Final = 10  # of a topic space, the vendor's limit

_CLIENT_NAME: Final = re.compile(r"[A-Za-z0-9:._-]{1,128}", re.ASCII)
_GROUP_NAME: Final = re.compile(r"[A-Za-z0-9-]{3,50}", re.ASCII)

Json = Mapping[str, Any]


class BadNamespace(ValueError):
    """Everything that is wrong, a line each."""


class Resource(NamedTuple):
    kind: str
    name: str
    properties: Json
    place: str


def load_namespace(path: Path) -> Namespace:
    """A file, or a folder with a folder per kind. Raises BadNamespace or OSError."""
    resources = list(_read_folder(path)) if path.is_dir() else list(_read_file(path))
    return build_namespace(resources)


def parse_document(text: bytes, place: str = "namespace.json") -> list[Resource]:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise BadNamespace(f"{place}: not JSON: {error}") from None
    if is_template(value):
        value = resolve_template(value)
    return list(_resources(value, "", place))


def build_namespace(resources: list[Resource]) -> Namespace:
    builder = _Builder()
    for resource in resources:
        builder.add(resource)
    return builder.build()


def list_files(path: Path) -> list[Path]:
    """What the namespace is made of, for whoever watches it."""
    return sorted(path.glob("*/*.json")) + sorted(path.glob("*.json")) if path.is_dir() else [path]


def _read_file(path: Path) -> Iterator[Resource]:
    yield from parse_document(path.read_bytes(), str(path))


def _read_folder(path: Path) -> Iterator[Resource]:
    for file in sorted(path.glob("*.json")):
        yield from _read_file(file)
    for kind in KINDS:
        for file in sorted((path / kind).glob("*.json")):
            try:
                value = msgspec.json.decode(file.read_bytes())
            except msgspec.DecodeError as error:
                raise BadNamespace(f"{file}: not JSON: {error}") from None
            if not isinstance(value, dict):
                raise BadNamespace(f"{file}: expected an object")
            yield _resource(kind, value, value.get("name") or file.stem, str(file))


def _resources(value: object, kind: str, place: str) -> Iterator[Resource]:
    """Every resource of a document, however it is grouped."""
    if isinstance(value, list):
        for index, element in enumerate(value):
            if not isinstance(element, dict):
                raise BadNamespace(f"{place}[{index}]: expected an object")
            yield from _one_of_list(element, kind, f"{place}[{index}]")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in KINDS and isinstance(inner, dict) and not _is_listing(inner):
                for name, one in inner.items():
                    if not isinstance(one, dict):
                        raise BadNamespace(f"{place}.{key}.{name}: expected an object")
                    yield _resource(key, one, name, f"{place}.{key}.{name}")
            elif key in KINDS:
                yield from _resources(inner, key, f"{place}.{key}")
            elif key == CONFIGURATION:
                yield _resource(CONFIGURATION, {"properties": inner}, "", f"{place}.{key}")
            elif key in ("value", "resources"):
                yield from _resources(inner, kind, f"{place}.{key}")
    else:
        raise BadNamespace(f"{place}: expected an object or a list")


def _is_listing(value: Json) -> bool:
    return isinstance(value.get("value"), list)


def _one_of_list(element: Json, kind: str, place: str) -> Iterator[Resource]:
    type = str(element.get("type", ""))
    if type.lower().startswith(VENDOR) and not type.lower().startswith(OURS):
        return  # templates hold all sorts of things
    found = type.rsplit("/", 1)[-1] or kind
    name = str(element.get("name", ""))
    if found in KINDS and name.startswith("["):
        raise BadNamespace(f"{place}: the name {name[:200]} cannot be worked out; give its parameters a default value")
    name = name.rsplit("/", 1)[-1]
    if found in KINDS:
        yield _resource(found, element, name, place)
    elif found == "namespaces":
        configuration = element.get("properties", element).get(CONFIGURATION)
        if configuration:
            yield _resource(CONFIGURATION, {"properties": configuration}, name, f"{place}.{CONFIGURATION}")
    elif found not in IGNORED:
        raise BadNamespace(f"{place}: {found or 'a resource without a type'} is none of {', '.join(KINDS)}")
    if isinstance(element.get("resources"), list):  # nested, as templates may be
        yield from _resources(element["resources"], "", f"{place}.resources")


def _resource(kind: str, value: Json, name: object, place: str) -> Resource:
    properties = value.get("properties", value)
    if not isinstance(properties, dict) or not isinstance(name, str):
        raise BadNamespace(f"{place}: expected an object with properties")
    return Resource(kind, name.rsplit("/", 1)[-1], properties, place)


class _Builder:
    def __init__(self) -> None:
        self._problems: list[str] = []
        self._clients: dict[str, Client] = {}
        self._groups: dict[str, Question] = {}
        self._spaces: dict[str, tuple[Template, ...]] = {}
        self._bindings: list[tuple[str, Binding]] = []
        self._configuration = Configuration()

    def add(self, resource: Resource) -> None:
        try:
            if resource.kind == "clients":
                self._add_client(resource)
            elif resource.kind == "clientGroups":
                self._add_group(resource)
            elif resource.kind == CONFIGURATION:
                self._configuration = read_configuration(resource.properties)
            elif resource.kind == "topicSpaces":
                self._add_space(resource)
            else:
                self._add_binding(resource)
        except ValueError as error:
            self._problems.append(f"{resource.place}: {error}")

    def build(self) -> Namespace:
        for place, binding in self._bindings:
            if binding.group != ALL_CLIENTS and binding.group not in self._groups:
                self._problems.append(f"{place}: there is no client group {binding.group!r}")
            if binding.topic_space not in self._spaces:
                self._problems.append(f"{place}: there is no topic space {binding.topic_space!r}")
        if self._problems:
            raise BadNamespace("\n".join(self._problems))
        bindings = tuple(one for _, one in self._bindings)
        return Namespace(self._clients, self._groups, self._spaces, bindings, self._configuration)

    def _add_client(self, resource: Resource) -> None:
        properties = resource.properties
        if not _CLIENT_NAME.fullmatch(resource.name):
            raise ValueError(f"{resource.name!r} is no name for a client: 1 to 128 of letters, digits and - : . _")
        name = _text(properties, "authenticationName", resource.name)
        if not 1 <= len(name) <= MAXIMUM_NAME:
            raise ValueError(f"an authentication name has 1 to {MAXIMUM_NAME} characters")
        if name.casefold() in self._clients:
            raise ValueError(f"the authentication name {name!r} is taken; case makes no difference")
        certificate = properties.get("clientCertificateAuthentication") or {}
        scheme, thumbprints = _read_certificate(certificate)
        state = _text(properties, "state", "Enabled")
        if state not in ("Enabled", "Disabled"):
            raise ValueError(f"state is Enabled or Disabled, not {state!r}")
        attributes = _read_attributes(properties.get("attributes"))
        self._clients[name.casefold()] = Client(name, attributes, state == "Enabled", scheme, thumbprints)

    def _add_group(self, resource: Resource) -> None:
        if resource.name == ALL_CLIENTS:
            return  # listings hold it; it is built in
        if not _GROUP_NAME.fullmatch(resource.name):
            raise ValueError(f"{resource.name!r} is no name for a group: 3 to 50 letters, digits and hyphens")
        try:
            self._groups[resource.name] = parse_query(_text(resource.properties, "query"))
        except BadQuery as error:
            raise ValueError(str(error)) from None

    def _add_space(self, resource: Resource) -> None:
        templates = resource.properties.get("topicTemplates")
        if not isinstance(templates, list) or not all(isinstance(one, str) for one in templates):
            raise ValueError("topicTemplates must be a list of strings")
        if len(templates) > MOST_TEMPLATES:
            raise ValueError(f"a topic space has at most {MOST_TEMPLATES} templates")
        try:
            self._spaces[resource.name] = tuple(parse_template(one) for one in templates)
        except BadTemplate as error:
            raise ValueError(str(error)) from None

    def _add_binding(self, resource: Resource) -> None:
        permission = _text(resource.properties, "permission")
        if permission not in (PUBLISHER, SUBSCRIBER):
            raise ValueError(f"permission is {PUBLISHER} or {SUBSCRIBER}, not {permission!r}")
        group = _text(resource.properties, "clientGroupName")
        space = _text(resource.properties, "topicSpaceName")
        self._bindings.append((resource.place, Binding(group, space, permission)))


def _text(properties: Json, key: str, default: str | None = None) -> str:
    value = properties.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a string")
    return value


def _read_attributes(value: object) -> dict[str, Attribute]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("attributes must be an object")
    found: dict[str, Attribute] = {}
    size = 0
    for key, held in value.items():
        attribute = read_attribute(held)
        if attribute is None or not KEY.fullmatch(key):
            raise ValueError(f"the attribute {key!r} must be a string, a 32-bit integer or a list of strings")
        found[key] = attribute
        elements = attribute if isinstance(attribute, tuple) else (str(attribute),)
        size += len(key.encode()) + sum(len(element.encode()) for element in elements)
    if size >= MAXIMUM_ATTRIBUTES:
        raise ValueError(f"the attributes take {size} bytes; less than {MAXIMUM_ATTRIBUTES} are allowed")
    return found


def _read_certificate(value: object) -> tuple[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not value:
        return "", ()
    scheme = value.get("validationScheme", "")
    if scheme not in SCHEMES:
        raise ValueError(f"validationScheme is one of {', '.join(sorted(SCHEMES))}")
    thumbprints = value.get("allowedThumbprints") or []
    if not isinstance(thumbprints, list) or not all(isinstance(one, str) for one in thumbprints):
        raise ValueError("allowedThumbprints must be a list of strings")
    if (scheme == "ThumbprintMatch") != (1 <= len(thumbprints) <= 2):
        raise ValueError("allowedThumbprints, one or two, go with ThumbprintMatch and nothing else")
    return scheme, tuple(one.replace(":", "").upper() for one in thumbprints)
