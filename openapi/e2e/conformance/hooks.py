"""Gives schemathesis what no generator finds, and counts the answers of each operation."""

import atexit
import json
import os
from collections import Counter, defaultdict
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

_files = Path(os.environ["E2E_DIR"])
_answers: dict[str, Counter[int]] = defaultdict(Counter)

# Every second upload is the manifest that was imported, so that the service gets beyond its first check.
_manifest = (_files / "manifest.zip").read_bytes()
schemathesis.openapi.format("binary", st.just(_manifest) | st.binary())
# Not that manifest's: what a request says of a CA holds for all with the same key.
_pem = (_files / "other-ca" / "ca.crt").read_text()


# A CDN whose label is known, and what its URL may be.
_CDN_URL = "https://cdn.example.com/content"


@schemathesis.hook
def map_case(context, case):
    """Makes some requests succeed that otherwise never would; the others stay as they were made."""
    operation = case.operation.definition.raw["operationId"]
    if operation == "create_upstream_ca" and isinstance(case.body, dict):
        # Those with an even length, which are half of them.
        pem = case.body.get("pem")
        if isinstance(pem, str) and len(pem) % 2 == 0:
            case.body = {**case.body, "pem": _pem}
    if operation == "create_import" and case.query:
        # It is there already: whoever forces something forces that, too.
        force = case.query.get("force")
        if isinstance(force, list) and force:
            case.query = {**case.query, "force": [*force, "MANIFEST_SAME"]}
    if operation in ("create_cdn", "update_cdn") and isinstance(case.body, dict):
        # As for the CA: half of the URLs are one.
        url = case.body.get("url")
        if isinstance(url, str) and len(url) % 2 == 0:
            case.body = {**case.body, "url": _CDN_URL}
        if isinstance(case.body.get("certificate"), str):
            case.body = {**case.body, "certificate": _pem}
    # What the others ask for must stay.
    if operation == "delete_import":
        case.path_parameters = {**case.path_parameters, "owner_key": "nobody"}
    if operation == "delete_cdn" and case.path_parameters.get("label") == "mirror":
        case.path_parameters = {**case.path_parameters, "label": "other"}
    return case


@schemathesis.hook
def after_call(context, case, response):
    """Other methods than the operation's are tried, too, and are no answers of it."""
    operation = case.operation
    if case.method.upper() == operation.method.upper():
        _answers[operation.definition.raw["operationId"]][response.status_code] += 1


@atexit.register
def _write() -> None:
    Path(os.environ["E2E_ANSWERS"]).write_text(json.dumps(_answers))
