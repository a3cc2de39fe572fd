# SPDX-License-Identifier: Apache-2.0
"""The fields that the schemas mark as names of other objects, and the least objects that hold one of them."""
import yaml
from harness import ROOT

TYPES = {}
for _file in sorted((ROOT / "schemas").glob("*.yaml")):
    TYPES.update(yaml.safe_load(_file.read_text()))
CORE = "io.k8s.api.core.v1."
POD_SPEC = CORE + "PodSpec"
VALUES = {"iqn": "iqn.2001-04.com.example:storage"}  # of fields whose texts must look like something
DEMANDED = {CORE + "ScaleIOVolumeSource": ["volumeName"], CORE + "StorageOSVolumeSource": ["volumeName"]}  # by validation


def resolve(schema):
    return TYPES[schema["$ref"]] if "$ref" in schema else schema


def target(schema):
    mark = schema.get("x-coffer-reference")
    return mark.get("target") if isinstance(mark, dict) else mark


def paths(schema, wanted, seen=()):
    """Each way down to a field that names such a target, as a list of steps: a member's name, 0 in a list."""
    schema = resolve(schema)
    if "items" in schema:
        yield from ([0, *rest] for rest in paths(schema["items"], wanted, seen))
    for name, member in schema.get("properties", {}).items():
        if target(member) == wanted:
            inner, steps = resolve(member), [name]
            while "items" in inner:
                inner, steps = resolve(inner["items"]), [*steps, 0]
            yield steps if inner["type"] == "string" else [*steps, "name"]
        elif member.get("$ref") not in seen:
            yield from ([name, *rest] for rest in paths(member, wanted, (*seen, member.get("$ref"))))


def text(path):
    """spec.volumes[0].secret.secretName"""
    return "".join(f"[{step}]" if step == 0 else f".{step}" for step in path)[1:]


def least(schema):
    """A value with no more than what the schema requires."""
    demanded, schema = DEMANDED.get(schema.get("$ref"), []), resolve(schema)
    if schema.get("type") == "object":
        return {name: VALUES.get(name) or least(schema["properties"][name]) for name in [*schema.get("required", []), *demanded]}
    return {"array": lambda: [least(schema["items"])], "integer": lambda: 1, "boolean": lambda: False}.get(schema.get("type"), lambda: "x")()


def put(schema, value, path, name):
    """The value with the name at the path, and what is required on the way."""
    schema = resolve(schema)
    if not path:
        return name
    if path[0] == 0:
        return [put(schema["items"], least(schema["items"]), path[1:], name)]
    member = schema["properties"][path[0]]
    inner = value.get(path[0]) or least(member)
    return {**value, path[0]: put(member, inner, path[1:], name)}


def kinds_with(wanted):
    """The kinds whose objects hold that type somewhere: (kind, steps down to it)."""
    def down(schema, seen):
        schema = resolve(schema)
        for name, member in schema.get("properties", {}).items():
            if member.get("$ref") == wanted:
                yield [name]
            elif member.get("$ref") not in seen:
                yield from ([name, *rest] for rest in down(member, (*seen, member.get("$ref"))))
    for schema in TYPES.values():
        if "x-coffer-resource" in schema:
            yield from ((schema["x-kubernetes-group-version-kind"][0]["kind"], path) for path in down(schema, ()))
