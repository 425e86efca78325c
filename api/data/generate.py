#!/usr/bin/env python3
"""Makes schema.txt out of the facts about the Kubernetes API.

Usage: generate.py FACTS_FOLDER > schema.txt
The folder holds schema.json and apply-topology.json. README.md describes the format written here.
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


def main(folder):
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


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
