"""The OpenAPI document as the rows of a page for people."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import json
from markdown_it import MarkdownIt
from markupsafe import Markup

from web.openapi import Json

_MARKDOWN = MarkdownIt("commonmark", {"html": False})
_WORDS = {"integer": "whole number", "boolean": "true or false", "array": "list", "object": "object", "null": "null"}
_BOUNDS = {"string": ("minLength", "maxLength", " characters"), "array": ("minItems", "maxItems", " of them")}


@dataclass(frozen=True, slots=True)
class Field:
    """A value that is sent or replied."""

    name: str
    kind: Markup  # what it may be
    required: bool
    about: Markup


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of an address."""

    id: str
    method: str
    path: str
    summary: str
    about: Markup
    fields: list[Field]  # parameters of the address
    body: Markup | None  # what the body may be, where there is one
    reply: Markup  # what comes back when all went well
    problems: list[str]  # the statuses of what comes back otherwise
    example: str  # a command that asks this very server


@dataclass(frozen=True, slots=True)
class Record:
    """An object with named fields."""

    name: str
    about: Markup
    fields: list[Field]


def operations_of(document: Json, root: str) -> list[Operation]:
    """Return the operations of an OpenAPI document in its order.

    Args:
        root: address of the server, with a slash at the end, for the examples.
    """
    return [
        Operation(
            id=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            about=marked_up(operation["description"]),
            fields=[
                Field(p["name"], _kind(document, p["schema"]), p["required"], marked_up(p["description"]))
                for p in operation.get("parameters", ())
            ],
            body=_kind(document, _schema_of(operation["requestBody"])) if "requestBody" in operation else None,
            reply=_kind(document, _schema_of(operation["responses"]["200"])),
            problems=[status for status in operation["responses"] if status != "200"],
            example=_example(root.rstrip("/") + path, operation),
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def records_of(document: Json) -> list[Record]:
    """Return the objects of an OpenAPI document in its order."""
    schemas = document["components"]["schemas"]
    return [
        Record(name, marked_up(schema["description"]), _fields(document, schema))
        for name, schema in schemas.items()
        if schema["type"] == "object"
    ]


def marked_up(text: str) -> Markup:
    """Return a description, which may hold inline Markdown, as HTML."""
    return Markup(_MARKDOWN.renderInline(text))  # noqa: S704 - HTML in it is escaped


def _fields(document: Json, record: Json, prefix: str = "") -> list[Field]:
    """Return the fields of an object; those of an object without a name follow the field that holds it."""
    found = []
    for name, schema in record["properties"].items():
        resolved = _resolved(document, schema)
        about = "" if resolved is not schema and "properties" in resolved else resolved.get("description", "")
        found.append(Field(prefix + name, _kind(document, schema), name in record["required"], marked_up(about)))
        inner = next((s for s in (schema, *schema.get("anyOf", ())) if "properties" in s), schema.get("items", schema))
        if "properties" in inner:
            found += _fields(document, inner, f"{prefix}{name}{'[]' if 'items' in schema else ''}.")
    return found


def _schema_of(content: Json) -> Json:
    schema: Json = next(iter(content["content"].values()))["schema"]
    return schema


def _kind(document: Json, schema: Json) -> Markup:
    """Return in words what a value may be; records are linked."""
    if "$ref" in schema:
        name, found = schema["$ref"].rpartition("/")[2], _resolved(document, schema)
        return Markup('<a href="#{0}">{0}</a>').format(name) if "properties" in found else _kind(document, found)
    if "anyOf" in schema:
        return Markup(" or ").join(_kind(document, choice) for choice in schema["anyOf"])
    if "const" in schema:
        return _codes([schema["const"]])
    if "enum" in schema:
        return _codes(schema["enum"])
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    words = [Markup(_WORDS.get(kind, kind)) for kind in types]  # noqa: S704 - our own words
    if "items" in schema and "properties" not in schema["items"]:
        words[0] += Markup(" of ") + _kind(document, schema["items"])
    return Markup(" or ").join([words[0] + _bounds(schema, types[0]), *words[1:]])


def _bounds(schema: Json, kind: str) -> str:
    lowest, highest, unit = _BOUNDS.get(kind, ("minimum", "maximum", ""))
    low, high = schema.get(lowest, 0), schema.get(highest)
    if high is None:
        return ""
    return f", {low:,}–{high:,}{unit}" if low != high else f", {high:,}{unit}"


def _codes(values: Iterable[Any]) -> Markup:
    return Markup(" or ").join(Markup("<code>{}</code>").format(value) for value in values)


def _resolved(document: Json, schema: Json) -> Json:
    """Return what a reference within the document leads to."""
    found = document
    for name in schema.get("$ref", "").split("/")[1:]:
        found = found[name]
    return found if "$ref" in schema else schema


def _example(address: str, operation: Json) -> str:
    """Return a curl command with the examples of all that is required."""
    options = ['--oauth2-bearer "$TOKEN"'] if "security" in operation else []
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]["example"]
        options.append(f"--json {shlex.quote(json.dumps(body))}")
    encoded = []
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            address = address.replace(f"{{{parameter['name']}}}", parameter["example"])
        elif parameter["required"]:
            encoded.append(f"--data-urlencode {shlex.quote(parameter['name'] + '=' + parameter['example'])}")
    return " \\\n  ".join([f"curl {'--get ' if encoded else ''}{shlex.quote(address)}", *options, *encoded])
