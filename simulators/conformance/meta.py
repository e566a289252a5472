"""Whether META is sound: version, type, models, names, events.

The rules are those of mosaik 3 (`mosaik.async_scenario.parse_attrs`) and of its documentation.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gridloom.simulators.conformance.subject import Subject

_TYPES = ("time-based", "event-based", "hybrid")
_NEWEST = 3
_LISTS = ("params", "attrs")
_PARTITIONS = (("trigger", "non-trigger"), ("persistent", "non-persistent"))
_FORBIDDEN = {
    "time-based": ("trigger", "non-persistent"),
    "event-based": ("non-trigger", "persistent"),
}
"""What a model of each type must not have."""


def check_meta(subject: Subject, answer: object) -> None:
    """Judge META, and keep what is sound of it."""
    found = subject.findings
    meta: Mapping[str, Any] = answer if isinstance(answer, Mapping) else {}
    _check_version(subject, meta)
    kind = meta.get("type", "time-based")
    wrong_type = [] if kind in _TYPES else [f"its type is {kind!r:.40}"]
    found.judge("meta.type", wrong_type, f"one of {', '.join(_TYPES)}", good=str(kind))
    subject.kind = "time-based" if wrong_type else kind
    models = meta.get("models")
    entries: Mapping[str, Any] = models if isinstance(models, Mapping) else {}
    found.judge(
        "meta.models",
        _malformed(models),
        "models: {Name: {public: true, params: [...], attrs: [...]}}, names as texts",
        good=", ".join(entries),
    )
    sound = {name: _sound(entry) for name, entry in entries.items() if isinstance(entry, Mapping)}
    found.judge("meta.names", _unnamed(sound), "give every name once, and none empty")
    wrong_events = [reason for name in sound for reason in _events(name, sound[name], subject.kind)]
    found.judge(
        "meta.events",
        wrong_events,
        "a time-based simulator has neither triggers nor events, an event-based one nothing else; "
        "a hybrid one may have both",
    )
    subject.meta = {**meta, "models": sound}


def _check_version(subject: Subject, meta: Mapping[str, Any]) -> None:
    version = meta.get("api_version")
    hint = "'api_version': '3.0' in META"
    if not isinstance(version, str) or not version.partition(".")[0].isdecimal():
        told = "does not say it" if version is None else f"says {version!r:.40}"
        subject.findings.failed("meta.api_version", f"META {told}", hint)
        return
    major = int(version.partition(".")[0])
    if major > _NEWEST:
        reason = f"it speaks version {version}, which neither mosaik nor gridloom knows"
        subject.findings.failed("meta.api_version", reason, hint)
    elif major < _NEWEST:
        reason = f"it speaks version {version}, older than time resolution and max_advance"
        subject.findings.warned("meta.api_version", reason, hint)
    else:
        subject.findings.passed("meta.api_version", version)


def _malformed(models: object) -> Iterator[str]:
    if not isinstance(models, Mapping) or not models:
        yield f"META has {models!r:.60} for models"
        return
    public = False
    for name, entry in models.items():
        if not isinstance(entry, Mapping):
            yield f"the model '{name}' is {entry!r:.60}"
            continue
        public = public or entry.get("public", True) is True
        if not isinstance(entry.get("public", True), bool):
            yield f"'public' of '{name}' is {entry['public']!r:.40}, neither true nor false"
        for key in _LISTS:
            if not _is_texts(entry.get(key)):
                yield f"'{key}' of '{name}' is {entry.get(key)!r:.60}, no list of names"
    if not public:
        yield "no model is public, so that nothing can be created"


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _sound(entry: Mapping[str, Any]) -> dict[str, Any]:
    lists = {key: list(entry[key]) if _is_texts(entry.get(key)) else [] for key in _LISTS}
    return {**entry, **lists}


def _unnamed(models: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, entry in models.items():
        if not str(name).strip():
            yield "a model has an empty name"
        for key in _LISTS:
            names = entry[key]
            if any(not each.strip() for each in names):
                yield f"'{key}' of '{name}' holds an empty name"
            twice = [each for each in dict.fromkeys(names) if names.count(each) > 1]
            if twice:
                yield f"'{key}' of '{name}' names '{twice[0]}' {names.count(twice[0])} times"


def _events(name: str, entry: Mapping[str, Any], kind: str) -> Iterator[str]:
    known = set(entry["attrs"])
    for key in _FORBIDDEN.get(kind, ()):
        if entry.get(key):
            yield f"'{name}' has '{key}' although the simulator is {kind}"
    for pair in _PARTITIONS:
        given = [set(entry[key]) for key in pair if _is_list(entry.get(key))]
        unknown = sorted(set().union(*given) - known) if given else []
        if unknown and not entry.get("any_inputs"):
            yield f"'{pair[0]}' or '{pair[1]}' of '{name}' names '{unknown[0]}', no attribute of it"
        if len(given) == len(pair) and given[0] & given[1]:
            both = min(given[0] & given[1])
            yield f"'{both}' of '{name}' is both '{pair[0]}' and '{pair[1]}'"


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)
