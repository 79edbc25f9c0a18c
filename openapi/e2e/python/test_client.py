"""The main job through the client that openapi-generator makes for Python."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from portolan_client.api import EntitlementsApi, ImportsApi, OwnersApi, ServiceApi
from portolan_client.exceptions import (
    ConflictException,
    ForbiddenException,
    NotFoundException,
    UnauthorizedException,
)
from portolan_client.models import ImportRecord, Problem

from conftest import CA_FILENAME, OWNER, Clients
from manifest import Manifest


def problem_of(refusal: pytest.ExceptionInfo) -> Problem:
    """The problem as the client typed it, which must say what its response said."""
    problem, headers = refusal.value.data, refusal.value.headers
    assert isinstance(problem, Problem)
    assert headers["Content-Type"] == "application/problem+json"
    assert problem.status == refusal.value.status
    assert problem.request_id == headers["X-Request-Id"]
    return problem


def test_the_server_has_the_document_that_the_client_was_made_from(clients: Clients) -> None:
    served = ServiceApi(clients["nobody"]).get_openapi()
    assert served == json.loads(Path(os.environ["E2E_OPENAPI"]).read_text())


def test_the_status_needs_no_key(clients: Clients) -> None:
    assert ServiceApi(clients["nobody"]).get_status().result is True


def test_an_import_answers_its_record(record: ImportRecord, manifest: Manifest) -> None:
    assert record.status == "SUCCESS"
    assert record.sha256 == hashlib.sha256(manifest.upload).hexdigest()
    assert record.size == len(manifest.upload)
    assert record.counts.added == len(manifest.entitlements) > 1
    assert record.upstream_consumer.uuid == manifest.consumer_uuid
    assert record.verification.outcome == "VERIFIED"
    assert record.verification.ca_filename == CA_FILENAME
    assert record.created.tzinfo is not None


def test_the_import_is_listed(clients: Clients, record: ImportRecord) -> None:
    records = ImportsApi(clients["manager"]).list_imports(OWNER)
    assert record.id in [listed.id for listed in records]


def test_the_owner_shows_its_upstream_consumer(
    clients: Clients, record: ImportRecord, manifest: Manifest
) -> None:
    (consumer,) = ImportsApi(clients["manager"]).list_upstream_consumers(OWNER)
    assert consumer.uuid == manifest.consumer_uuid
    assert consumer.cdn_url == manifest.cdn_url
    assert consumer.verification.ca_status == "PRESENT"
    assert OwnersApi(clients["admin"]).get_owner(OWNER).upstream_consumer == consumer


def test_cdn_info_is_what_the_manifest_has(
    clients: Clients, record: ImportRecord, manifest: Manifest, ca_pem: str
) -> None:
    for entitlement in manifest.entitlements:
        info = EntitlementsApi(clients["proxy"]).get_cdn_info(entitlement.id)
        assert (info.entitlement_id, info.owner_key) == (entitlement.id, OWNER)
        assert (info.pool_id, info.cdn_url) == (entitlement.pool_id, manifest.cdn_url)
        assert info.upstream_consumer_uuid == manifest.consumer_uuid
        assert (info.ca_certificate.status, info.ca_certificate.source) == ("PRESENT", "MANIFEST")
        assert (info.ca_certificate.filename, info.ca_certificate.pem) == (CA_FILENAME, ca_pem)
        certificate = info.upstream_certificate
        assert isinstance(certificate.serial, str)
        assert certificate.serial == entitlement.serial
        assert certificate.cert == entitlement.cert
        assert certificate.key == entitlement.key
        assert certificate.expired is False


def test_upstream_cert_is_the_certificate_and_then_the_key(
    clients: Clients, record: ImportRecord, manifest: Manifest
) -> None:
    for entitlement in manifest.entitlements:
        text = EntitlementsApi(clients["proxy"]).get_upstream_cert(entitlement.id)
        assert text == entitlement.cert + entitlement.key


def test_the_same_manifest_again_is_a_conflict(
    clients: Clients, record: ImportRecord, manifest: Manifest
) -> None:
    with pytest.raises(ConflictException) as refusal:
        ImportsApi(clients["manager"]).create_import(OWNER, manifest.upload)
    problem = problem_of(refusal)
    assert problem.type == "urn:portolan:problem:manifest-conflict"
    assert problem.conflicts == ["MANIFEST_SAME"]


def test_the_same_manifest_can_be_skipped(
    clients: Clients, record: ImportRecord, manifest: Manifest
) -> None:
    again = ImportsApi(clients["manager"]).create_import(OWNER, manifest.upload, on_same="skip")
    assert (again.id, again.unchanged) == (record.id, True)


def test_without_a_key_there_is_no_answer(
    clients: Clients, record: ImportRecord, manifest: Manifest
) -> None:
    nobody = clients["nobody"]
    entitlement = manifest.entitlements[0].id
    calls = [
        lambda: EntitlementsApi(nobody).get_cdn_info(entitlement),
        lambda: ImportsApi(nobody).list_imports(OWNER),
        lambda: ImportsApi(nobody).create_import(OWNER, manifest.upload),
    ]
    for call in calls:
        with pytest.raises(UnauthorizedException) as refusal:
            call()
        assert problem_of(refusal).type == "urn:portolan:problem:unauthorized"
        assert "WWW-Authenticate" in refusal.value.headers


def test_a_proxy_may_not_read_imports(clients: Clients, record: ImportRecord) -> None:
    with pytest.raises(ForbiddenException) as refusal:
        ImportsApi(clients["proxy"]).list_imports(OWNER)
    assert problem_of(refusal).type == "urn:portolan:problem:forbidden"


def test_an_unknown_entitlement_is_not_found(clients: Clients) -> None:
    with pytest.raises(NotFoundException) as refusal:
        EntitlementsApi(clients["proxy"]).get_cdn_info("no-such-entitlement")
    assert problem_of(refusal).type == "urn:portolan:problem:entitlement-not-found"
