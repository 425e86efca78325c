#!/usr/bin/env python3
"""Makes schema.txt and protobuf.txt out of the facts about the Kubernetes API.

Usage: generate.py schema FACTS_FOLDER > schema.txt
       generate.py protobuf FACTS_FOLDER > protobuf.txt
The folder holds schema.json, apply-topology.json and protobuf.json. README.md describes the formats written here.
"""

import json
import pathlib
import sys

SCALARS = {
    ("string", None): "s",
    ("string", "byte"): "y",
    ("integer", "int32"): "i",
    ("integer", "int64"): "l",
    ("boolean", None): "b",
    ("number", "double"): "d",
}

# Definitions whose JSON is not an object with the listed fields.
SHAPES = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intstr",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "microtime",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "object",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch": "object",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "object",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "any",
}


def type_text(fact, index):
    if "ref" in fact:
        return "@%d" % index[fact["ref"]]
    if fact["type"] == "array":
        return "[" + type_text(fact["items"], index)
    if fact["type"] == "object":
        return "{" + type_text(fact["values"], index)
    return SCALARS[fact["type"], fact.get("format")]


def field_line(name, fact, required, default, index):
    parts = [name, type_text(fact, index)]
    if required:
        parts.append("!")
    if "listType" in fact:
        parts.append("list=" + fact["listType"])
    if "listMapKeys" in fact:
        parts.append("keys=" + ",".join(fact["listMapKeys"]))
    if "mapType" in fact:
        parts.append("map=" + fact["mapType"])
    if "patchStrategy" in fact:
        parts.append("patch=" + fact["patchStrategy"])
    if "patchMergeKey" in fact:
        parts.append("merge=" + fact["patchMergeKey"])
    if default is not None:
        parts.append("default=" + json.dumps(default, separators=(",", ":")))
    return "\t".join(parts)


def union_text(union):
    members = ",".join("%s:%s" % pair for pair in sorted(union["fields-to-discriminateBy"].items()))
    return "union=%s;%s" % (union.get("discriminator", ""), members)


def definition_line(name, fact):
    parts = ["=" + name]
    if name in SHAPES:
        parts.append("shape=" + SHAPES[name])
    elif "fields" not in fact and fact.get("type") != "object":
        sys.exit("no shape is known for " + name)
    if "mapType" in fact:
        parts.append("map=" + fact["mapType"])
    parts += [union_text(union) for union in fact.get("unions", [])]
    parts += ["gvk=" + "/".join(gvk) for gvk in fact.get("gvk", [])]
    return "\t".join(parts)


def write_schema(folder):
    schema = json.loads((folder / "schema.json").read_text())
    topology = json.loads((folder / "apply-topology.json").read_text())
    names = sorted(schema)
    index = {name: i for i, name in enumerate(names)}
    for name in names:
        fact = schema[name]
        print(definition_line(name, fact))
        fields = fact.get("fields", {})
        required = set(fact.get("required", []))
        if required - set(fields):
            sys.exit("%s requires fields it does not have" % name)
        for field in sorted(fields, key=str.encode):
            default = topology.get(name, {}).get(field, {}).get("default")
            print(field_line(field, fields[field], field in required, default, index))


# Protobuf.

META = "apimachinery.pkg.apis.meta.v1."

# Messages that no definition of the schema names, with their kinds.
EXTRA_KINDS = {
    "api.admission.v1.AdmissionReview": ["admission.k8s.io/v1/AdmissionReview"],
    "api.apidiscovery.v2.APIGroupDiscoveryList": ["apidiscovery.k8s.io/v2/APIGroupDiscoveryList"],
    "api.apidiscovery.v2beta1.APIGroupDiscoveryList": ["apidiscovery.k8s.io/v2beta1/APIGroupDiscoveryList"],
    "api.core.v1.List": ["/v1/List"],
    "api.core.v1.RangeAllocation": ["/v1/RangeAllocation"],
    "api.core.v1.SerializedReference": ["/v1/SerializedReference"],
    META + "PartialObjectMetadata": ["meta.k8s.io/v1/PartialObjectMetadata", "meta.k8s.io/v1beta1/PartialObjectMetadata"],
    META + "PartialObjectMetadataList": ["meta.k8s.io/v1/PartialObjectMetadataList"],
    "apimachinery.pkg.apis.meta.v1beta1.PartialObjectMetadataList": ["meta.k8s.io/v1beta1/PartialObjectMetadataList"],
}

# Kinds that every group and version has; discovery even names some of them without a version.
COMMON_KINDS = [
    "APIGroup",
    "APIGroupList",
    "APIResourceList",
    "APIVersions",
    "CreateOptions",
    "DeleteOptions",
    "GetOptions",
    "ListOptions",
    "PatchOptions",
    "Status",
    "UpdateOptions",
    "WatchEvent",
]

MESSAGE_SHAPES = {
    "apimachinery.pkg.api.resource.Quantity": "quantity",
    "apimachinery.pkg.util.intstr.IntOrString": "intstr",
    META + "Time": "time",
    META + "MicroTime": "microtime",
    META + "FieldsV1": "raw",
    "apimachinery.pkg.runtime.RawExtension": "raw",
    META + "Verbs": "items",
    "api.authentication.v1.ExtraValue": "items",
    "api.authorization.v1.ExtraValue": "items",
    "api.certificates.v1.ExtraValue": "items",
    "apiextensions_apiserver.pkg.apis.apiextensions.v1.JSON": "raw",
    "apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "orarray",
    "apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "orbool",
    "apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "orstrings",
}

WIRE_SCALARS = {"string": "s", "bytes": "y", "int32": "i", "int64": "l", "bool": "b", "double": "d"}


def split_type(text):
    """Returns the sign of the cardinality and the type: "", "[" (list) or "{" (map)."""
    if text.startswith("repeated "):
        return "[", text.removeprefix("repeated ")
    if text.startswith("map<string,"):
        return "{", text.removeprefix("map<string,").removesuffix(">")
    return "", text


def resolve(messages, name, text):
    """Returns the full name of a message that a field of `name` refers to."""
    text = text.lstrip(".")
    full = text if text in messages else name.rsplit(".", 1)[0] + "." + text
    if full not in messages:
        sys.exit("%s refers to %s" % (name, text))
    return full


def references(messages, name):
    for _, text in messages[name].values():
        _, item = split_type(text)
        if item not in WIRE_SCALARS:
            yield resolve(messages, name, item)


def definition_of(schema, name):
    return schema.get("io.k8s." + name.replace("_", "-"), {})


def reachable(schema, messages):
    common = {META + kind for kind in COMMON_KINDS}
    todo = [name for name in messages if definition_of(schema, name) or name in EXTRA_KINDS or name in common]
    found = set()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += references(messages, name)
    return sorted(found)


def plain(name):
    """Names of protobuf and JSON are equal in this form: `xKubernetesMapType` and `x-kubernetes-map-type`."""
    return name.replace("$", "").replace("-", "").lower()


def is_inlined(definition, field, sign, item):
    """Tells whether the fields of a message stand among those of its parent in JSON: the schema does not list it."""
    fields = definition.get("fields")
    return bool(fields) and not sign and item not in WIRE_SCALARS and plain(field) not in {plain(f) for f in fields}


def pointers():
    """Reads pointers.txt: (message or version.message, field) → whether it is a pointer."""
    known = {}
    for line in (pathlib.Path(__file__).parent / "pointers.txt").read_text().splitlines():
        name, fields = line.split("\t")
        known.update({(name, field[1:]): field[0] == "*" for field in fields.split()})
    return known


def is_pointer(known, name, field, item, required, inlined):
    group, version, kind = name.rsplit(".", 2)
    group = group.rsplit(".", 1)[-1]
    for key in ("%s.%s.%s" % (group, version, kind), "%s.%s" % (group, kind)):
        if (key, field) in known:
            return known[key, field]
    if item == "string" or required or inlined:
        return False
    if item in WIRE_SCALARS:
        return field != "observedGeneration"
    return field not in ("metadata", "spec", "status")


def message_lines(schema, messages, index, known, parents, name):
    definition = definition_of(schema, name)
    kinds = ["/".join(gvk) for gvk in definition.get("gvk", [])] + EXTRA_KINDS.get(name, [])
    short = name.rsplit(".", 1)[1]
    parts = ["=" + name.replace("_", "-")]
    if name in MESSAGE_SHAPES:
        parts.append("shape=" + MESSAGE_SHAPES[name])
    if short in COMMON_KINDS and name.startswith(META):
        parts.append("common=" + short)
    else:
        parts += ["gvk=" + kind for kind in kinds]
    lines = ["\t".join(parts)]
    # The names of an inlined message are in the schema of its parents.
    surrounding = [definition] + [definition_of(schema, parent) for parent in parents.get(name, [])]
    names = {plain(f): f for d in surrounding for f in d.get("fields", {})}
    needed = {plain(f) for d in surrounding for f in d.get("required", [])}
    for field, (number, text) in sorted(messages[name].items(), key=lambda item: item[1][0]):
        sign, item = split_type(text)
        inlined = is_inlined(definition, field, sign, item)
        required = plain(field) in needed
        if definition.get("fields") and plain(field) not in names and not inlined:
            sys.exit("%s.%s has no name in JSON" % (name, field))
        kind = WIRE_SCALARS.get(item) or "@%d" % index[resolve(messages, name, item)]
        flags = "^" if inlined else ""
        if not sign and item != "bytes" and is_pointer(known, name, field, item, required, inlined):
            flags += "*"
        if required:
            flags += "!"
        lines.append("\t".join([str(number), names.get(plain(field), field), sign + kind, flags]).rstrip())
    return lines


def write_protobuf(folder):
    schema = json.loads((folder / "schema.json").read_text())
    messages = json.loads((folder / "protobuf.json").read_text())
    names = reachable(schema, messages)
    index = {name: i for i, name in enumerate(names)}
    parents = {}
    for name in names:
        for field, (_, text) in messages[name].items():
            sign, item = split_type(text)
            if is_inlined(definition_of(schema, name), field, sign, item):
                parents.setdefault(resolve(messages, name, item), []).append(name)
    known = pointers()
    for name in names:
        print("\n".join(message_lines(schema, messages, index, known, parents, name)))


if __name__ == "__main__":
    writers = {"schema": write_schema, "protobuf": write_protobuf}
    if len(sys.argv) != 3 or sys.argv[1] not in writers:
        sys.exit(__doc__)
    writers[sys.argv[1]](pathlib.Path(sys.argv[2]))
