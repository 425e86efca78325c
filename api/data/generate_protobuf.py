#!/usr/bin/env python3
"""Makes protobuf.txt out of the facts about the Kubernetes API.

Usage: generate_protobuf.py FACTS_FOLDER [GO_TYPES_FOLDER...] > protobuf.txt
FACTS_FOLDER holds protobuf.json and schema.json. The Go folders hold published Kubernetes API types, of which only one fact
is taken: whether a scalar field is a pointer, so that a zero on the wire means something. README.md describes the format.
"""

import json
import pathlib
import re
import sys

SCALARS = {"string": "s", "bytes": "y", "int32": "i", "int64": "l", "bool": "b", "double": "d"}
# Messages whose JSON has a form of its own.
SHAPES = {
    "apimachinery.pkg.api.resource.Quantity": "quantity",
    "apimachinery.pkg.util.intstr.IntOrString": "intstr",
    "apimachinery.pkg.apis.meta.v1.Time": "time",
    "apimachinery.pkg.apis.meta.v1.MicroTime": "microtime",
    "apimachinery.pkg.apis.meta.v1.Duration": "duration",
    "apimachinery.pkg.apis.meta.v1.FieldsV1": "raw",
    "apimachinery.pkg.runtime.RawExtension": "raw",
    "apiextensions_apiserver.pkg.apis.apiextensions.v1.JSON": "raw",
    "apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "oneof",
    "apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "oneof",
    "apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "oneof",
}
# Strings that are pointers although nothing at hand says so.
POINTERS = {"storageClassName", "volumeAttributesClassName", "ingressClassName"}
NAMES = {"ref": "$ref", "schema": "$schema"}


def load_pointers(folders):
    """(package-ish, struct, json name) -> True for a pointer, False for a value that is left out when zero, None for one that is kept."""
    facts = {}
    struct = re.compile(r"^type (\w+) struct \{$")
    field = re.compile(r"^\t(\w+)\s+(\*?)([\w.\[\]]+)\s+`.*?json:\"([\w$-]*)((?:,\w+)*)\"")
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("types*.go")):
            package = ".".join(path.parent.parts[-2:])
            name = None
            for line in path.read_text().splitlines():
                if match := struct.match(line):
                    name = match.group(1)
                elif line == "}":
                    name = None
                elif name and (match := field.match(line)):
                    pointer, key, options = match.group(2) == "*", match.group(4), match.group(5)
                    facts[package, name, key] = True if pointer else (False if "omitempty" in options else None)
    return facts


def json_name(message, name, schema, known):
    if message.endswith(".JSONSchemaProps") and name in NAMES:
        return NAMES[name]
    if name in schema or not schema:
        return name
    folded = {key.lower(): key for key in schema}
    kebab = re.sub(r"([A-Z])", lambda m: "-" + m.group(1).lower(), name)
    for candidate in (kebab, folded.get(name.lower())):
        if candidate in schema:
            return candidate
    return name


def definition(message):
    return "io.k8s." + message.replace("_", "-", 1) if message.startswith(("apiextensions_", "kube_")) else "io.k8s." + message


def main():
    folder = pathlib.Path(sys.argv[1])
    messages = json.loads((folder / "protobuf.json").read_text())
    schemas = json.loads((folder / "schema.json").read_text())
    pointers = load_pointers(sys.argv[2:])
    wanted = collect(messages, schemas)
    index = {name: number for number, name in enumerate(wanted)}
    for message in wanted:
        shape = SHAPES.get(message) or ("items" if is_list(messages[message]) else None)
        print("=" + definition(message) + ("\tshape=" + shape if shape else ""))
        schema = schemas.get(definition(message), {})
        fields = schema.get("fields", schema)
        for name, (number, kind) in sorted(messages[message].items(), key=lambda item: item[1][0]):
            print("\t".join(line(message, name, number, kind, fields, messages, index, pointers)))


def is_list(fields):
    """A message that stands for a list of strings (protobuf has no lists of lists)."""
    return fields == {"items": [1, "repeated string"]}


def resolve(message, kind, messages):
    """The full name of a message type, or None."""
    kind = kind.lstrip(".")
    if kind in messages:
        return kind
    local = message.rsplit(".", 1)[0] + "." + kind
    return local if local in messages else None


def parts(kind):
    """repeat prefix, item type"""
    if kind.startswith("repeated "):
        return "[", kind[len("repeated "):]
    if match := re.match(r"map<string,\s*(.*)>$", kind):
        return "{", match.group(1)
    return "", kind


def collect(messages, schemas):
    """Messages reachable from definitions with a schema."""
    pending = sorted(m for m in messages if definition(m) in schemas)
    seen = set(pending)
    while pending:
        message = pending.pop()
        for _, kind in messages[message].values():
            _, item = parts(kind)
            if item not in SCALARS and (found := resolve(message, item, messages)) and found not in seen:
                seen.add(found)
                pending.append(found)
    return sorted(seen)


def line(message, name, number, kind, schema, messages, index, pointers):
    prefix, item = parts(kind)
    if item in SCALARS:
        text = prefix + SCALARS[item]
    else:
        text = prefix + "@%d" % index[resolve(message, item, messages)]
    key = json_name(message, name, schema, messages)
    if schema and key not in schema and key not in ("apiVersion", "kind") and not prefix and "@" in text:
        text = ">" + text
    out = [str(number), key, text]
    if not prefix and item in SCALARS:
        version, struct = message.rsplit(".", 2)[-2:]
        package = ".".join(message.rsplit(".", 3)[-3:-1])
        fact = pointers.get((package, struct, key), "unknown")
        if fact == "unknown":
            fact = item not in ("string", "bytes") or key in POINTERS
        if fact is False:
            out.append("z")
    return out


main()
