"""docs/openapi.json as a judge: whether an answer of the API is one that the document describes.

    openapi.check("GET", "/api/webhooks?limit=1", answer)     # raises AssertionError with the place and what is wrong
    openapi.exercised                                         # {("GET", "/api/webhooks"), …}: what was checked so far

What JSON Schema it knows is what the document uses; another keyword is an error, so that nothing passes unread.
"""

import json
import pathlib
import re

DOCUMENT = json.loads((pathlib.Path(__file__).resolve().parents[2] / "docs/openapi.json").read_text())
METHODS = ("get", "put", "post", "patch", "delete")
ANNOTATIONS = {"description", "examples", "default", "title", "summary", "deprecated"}
OPERATIONS = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item if method in METHODS}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

exercised = set()


def resolve(node):
    while "$ref" in node:
        target = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}[name])


def properties_of(schema):
    """Those that the schema names, in its allOf, too."""
    schema = resolve(schema)
    named = dict(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        named.update(properties_of(part))
    return named


# keyword -> what is wrong with a value, or None; what recurses yields pairs of a place and a schema instead.
RULES = {
    "type": lambda value, names, schema: None if any(is_type(value, name) for name in
            ([names] if isinstance(names, str) else names)) else f"is not of type {names}",
    "enum": lambda value, allowed, schema: None if value in allowed else f"is not one of {allowed}",
    "required": lambda value, names, schema: None if not isinstance(value, dict) or set(names) <= set(value)
            else f"lacks {sorted(set(names) - set(value))}",
    "format": lambda value, name, schema: None if name != "date-time" or value is None or TIME.fullmatch(value)
            else "is no time with milliseconds, UTC",
    "minimum": lambda value, bound, schema: None if value is None or value >= bound else f"is below {bound}",
    "exclusiveMinimum": lambda value, bound, schema: None if value is None or value > bound else f"is not above {bound}",
    "minLength": lambda value, bound, schema: None if value is None or len(value) >= bound else f"is shorter than {bound}",
    "maxLength": lambda value, bound, schema: None if value is None or len(value) <= bound else f"is longer than {bound}",
    "minItems": lambda value, bound, schema: None if value is None or len(value) >= bound else f"has less than {bound}",
    "maxItems": lambda value, bound, schema: None if value is None or len(value) <= bound else f"has more than {bound}",
}
NESTED = {"properties", "items", "additionalProperties", "allOf", "oneOf"}


def mistakes(value, schema, place="$"):
    """Every way in which the value is not what the schema says."""
    schema = resolve(schema)
    for keyword, wanted in schema.items():
        if keyword in RULES:
            wrong = RULES[keyword](value, wanted, schema)
            if wrong:
                yield f"{place} {wrong}: {value!r:.200}"
        elif keyword not in NESTED and keyword not in ANNOTATIONS:
            raise AssertionError(f"openapi.py does not know the keyword {keyword!r}, at {place}")
    yield from mistakes_inside(value, schema, place)


def mistakes_inside(value, schema, place):
    for part in schema.get("allOf", []):
        yield from mistakes(value, part, place)
    choices = schema.get("oneOf", [])
    if choices and all(list(mistakes(value, choice, place)) for choice in choices):
        yield f"{place} is none of the {len(choices)} forms: {value!r:.200}"
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from mistakes(item, schema["items"], f"{place}[{index}]")
    if not isinstance(value, dict):
        return
    named = schema.get("properties", {})
    for name in set(named) & set(value):
        yield from mistakes(value[name], named[name], f"{place}.{name}")
    others = schema.get("additionalProperties", True)
    for name in set(value) - set(named):
        if others is False:
            yield f"{place} has {name!r}, which is not described"
        elif isinstance(others, dict):
            yield from mistakes(value[name], others, f"{place}.{name}")


def undescribed(value, schema, place="$"):
    """Members of objects that have properties, but not these: an answer must not say more than the document does."""
    schema = resolve(schema)
    named = properties_of(schema)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from undescribed(item, schema["items"], f"{place}[{index}]")
    if isinstance(value, dict) and named:
        for name in value:
            if name not in named and not isinstance(schema.get("additionalProperties"), dict):
                yield f"{place}.{name} is not described"
            elif name in named:
                yield from undescribed(value[name], named[name], f"{place}.{name}")


def find_operation(method, path):
    """(path of the document, operation), or None: the most literal path wins, as in the daemon."""
    path = path.split("?")[0]
    for described in sorted(DOCUMENT["paths"], key=lambda one: one.count("{")):
        pattern = re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(described))
        if re.fullmatch(pattern, path):
            item = DOCUMENT["paths"][described]
            return described, item.get("get" if method == "HEAD" else method.lower())
    return None


def check(method, path, answer):
    """Answers to paths and methods that the document does not name are 404 and 405, or said before (401, 429, 400)."""
    found = find_operation(method, path)
    if found is None or found[1] is None:
        assert answer.status in (400, 401, 404, 405, 413, 429, 503), f"{method} {path} is not described: {answer}"
        return
    described, operation = found
    exercised.add((method, described))
    response = operation["responses"].get(str(answer.status))
    # A request that is malformed before it is routed is answered alike on every path.
    response = response or ({"$ref": "#/components/responses/BadRequest"} if answer.status in (400, 413, 421) else None)
    assert response is not None, f"{method} {path}: the status {answer.status} is not described: {answer}"
    content = resolve(response).get("content", {})
    given = (answer.headers.get("Content-Type") or "").split(";")[0]
    if not content:
        assert not answer.body, f"{method} {path}: {answer.status} is described without a body: {answer}"
        return
    assert given in content, f"{method} {path}: {answer.status} came as {given!r}, described are {list(content)}"
    if given.endswith("json") and method != "HEAD" and "schema" in content[given]:
        schema = content[given]["schema"]
        wrong = [*mistakes(answer.json, schema), *undescribed(answer.json, schema)]
        assert not wrong, f"{method} {path}: {answer.status} is not as described:\n" + "\n".join(wrong)
