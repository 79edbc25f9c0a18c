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
# The collection of the repository that is there.
_COLLECTION = "org.acme.Stable"
_SUBSETS = ("create_token_subset", "create_flat_manager_token_subset")


@schemathesis.hook
def map_case(context, case):
    """Makes some requests succeed that otherwise never would; the others stay as they were made."""
    operation = case.operation.definition.raw["operationId"]
    if operation == "create_upstream_ca" and isinstance(case.body, dict):
        if even(case.body.get("pem")):
            case.body = {**case.body, "pem": _pem}
    if operation == "create_import" and case.query:
        # It is there already: whoever forces something forces that, too.
        force = case.query.get("force")
        if isinstance(force, list) and force:
            case.query = {**case.query, "force": [*force, "MANIFEST_SAME"]}
    if operation in ("create_cdn", "update_cdn") and isinstance(case.body, dict):
        # As for the CA: half of the URLs are one.
        if even(case.body.get("url")):
            case.body = {**case.body, "url": _CDN_URL}
        if isinstance(case.body.get("certificate"), str):
            case.body = {**case.body, "certificate": _pem}
        if case.path_parameters.get("label") == "mirror":
            # The one whose URLs are signed.
            case.body.pop("signing", None)
    if operation == "update_repo" and isinstance(case.body, dict):
        if case.path_parameters.get("repo") == "stable" or even(case.body.get("ownerKey")):
            case.body = {**case.body, "ownerKey": "acme"}
        if case.path_parameters.get("repo") == "stable":
            case.body = {**case.body, "collectionId": _COLLECTION}
    if operation == "update_grants" and isinstance(case.body, list):
        case.body = [
            {**grant, "collectionId": _COLLECTION}
            if isinstance(grant, dict) and even(grant.get("collectionId"))
            else grant
            for grant in case.body
        ]
    if operation == "create_signed_urls" and isinstance(case.body, dict):
        if even(case.body.get("cdn")):
            case.body = {"cdn": "mirror", "paths": ["/content/a"], "duration": 60}
    if operation == "create_registry_token" and isinstance(case.body, dict):
        if even(case.body.get("grant_type")):
            case.body = {"grant_type": "password", "username": "alice", "password": "alices-password"}
    if operation in _SUBSETS and isinstance(case.body, dict) and even(case.body.get("name")):
        case.body = {"name": case.body["name"], "sub": "", "scope": [], "duration": 60}
    if operation == "create_revocation" and isinstance(case.body, dict) and case.body.get("sub") == "":
        # The subject of the token that the others show.
        case.body = {**case.body, "sub": "other"}
    # What the others ask for must stay.
    if operation == "delete_import":
        case.path_parameters = {**case.path_parameters, "owner_key": "nobody"}
    if operation == "delete_cdn" and case.path_parameters.get("label") == "mirror":
        case.path_parameters = {**case.path_parameters, "label": "other"}
    if operation == "delete_repo" and case.path_parameters.get("repo") == "stable":
        case.path_parameters = {**case.path_parameters, "repo": "other"}
    return case


def even(text) -> bool:
    """Whether it is one of the texts with an even length, which are half of them."""
    return isinstance(text, str) and len(text) % 2 == 0


@schemathesis.hook
def after_call(context, case, response):
    """Other methods than the operation's are tried, too, and are no answers of it."""
    operation = case.operation
    if case.method.upper() == operation.method.upper():
        _answers[operation.definition.raw["operationId"]][response.status_code] += 1


@atexit.register
def _write() -> None:
    Path(os.environ["E2E_ANSWERS"]).write_text(json.dumps(_answers))
