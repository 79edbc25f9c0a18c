"""Whether a run was worth something: enough requests, and a success of all that the role may call.

Findings are schemathesis's own affair. But a server that refuses everything has none, either.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

# Those with a token of their own among them: no key of ours counts there.
PUBLIC = {
    "get_liveness",
    "get_readiness",
    "get_status",
    "get_openapi",
    "get_signing_ca",
    "get_jwks",
    "get_authorization_server",
    "get_revocations",
    "create_oauth_revocation",
    "create_token_subset",
    "create_flat_manager_token_subset",
    "create_flat_manager_revocation",
    "list_flat_manager_tokens",
    "get_edge_authorization_nginx",
    "get_edge_authorization_traefik",
    "get_edge_authorization_envoy",
}
# For clients of a registry, with tokens of its own.
REGISTRY = {
    "get_registry",
    "get_registry_token",
    "create_registry_token",
    "list_registry_repositories",
    "list_registry_search_results",
    "get_registry_ping",
    "get_registry_content",
    "get_registry_index",
    "update_registry_content",
    "create_registry_content",
    "update_registry_upload",
    "delete_registry_content",
}
PUBLIC |= REGISTRY
FEED = {
    "update_gateway_repositories",
    "update_gateway_user_repositories",
    "update_gateway_hosts",
    "update_gateway_host_mapping",
    "update_gateway_host_repositories",
    "list_gateway_users",
}
KEY_MATERIAL = {
    "get_cdn_info",
    "get_upstream_cert",
    "get_owner_cdn_info",
    "get_edge_cdn_info",
    "get_edge_requirement",
}
READ = {
    "list_owners",
    "get_owner",
    "list_imports",
    "list_upstream_consumers",
    "list_upstream_cas",
    "get_upstream_ca",
    "list_cdns",
    "get_cdn",
    "get_owner_cdn",
    "list_entitlements",
    "get_entitlement",
    "list_expirations",
    "list_repos",
    "get_repo",
    "get_job",
}
IMPORT = {
    "create_import",
    "create_import_job",
    "create_import_restore",
    "delete_import",
    "delete_job",
    "create_export",
    "update_entitlement",
    "delete_entitlement",
    "create_entitlement_batch",
    "update_owner_cdn",
    "delete_owner_cdn",
    "update_repo",
    "update_repo_commits",
    "delete_repo",
}
GIVE = {
    "update_grants",
    "delete_grants",
    "create_grant_batch",
    "create_ref_tokens",
    "create_signed_urls",
    "list_tokens",
    "create_revocation",
}
SEE_GRANTS = {"get_grants"}
INTROSPECT = {"create_introspection"}
AUDIT = {"list_audit_events", "get_metrics"}
WRITE = {
    "create_owner",
    "update_owner",
    "delete_owner",
    "create_upstream_ca",
    "delete_upstream_ca",
    "create_cdn",
    "update_cdn",
    "delete_cdn",
    "create_cdn_check",
}
# No guess finds the id of a job or an import, nothing may be undone that the others need, and no CDN is
# named in cdn.check_allow. The last four are left out in schemathesis.toml.
UNGUESSED = {
    "get_job",
    "create_import_restore",
    "delete_import",
    "create_cdn_check",
    "create_entitlement_batch",
    "create_import_job",
    "create_grant_batch",
    "update_repo_commits",
    # There is no registry behind, and nothing is pushed through the gateway.
    "get_registry_content",
    "get_registry_index",
    "update_registry_content",
    "create_registry_content",
    "update_registry_upload",
    "delete_registry_content",
}

MAY_CALL = {
    "nobody": PUBLIC,
    "admin": PUBLIC | KEY_MATERIAL | READ | IMPORT | WRITE | AUDIT | GIVE | SEE_GRANTS | INTROSPECT | FEED,
    "manager": PUBLIC | KEY_MATERIAL | READ | IMPORT | FEED,
    "proxy": PUBLIC | KEY_MATERIAL | INTROSPECT,
    "issuer": PUBLIC | GIVE | SEE_GRANTS | INTROSPECT,
    "auditor": PUBLIC | READ | AUDIT | SEE_GRANTS,
}


def operations(document: dict) -> set[str]:
    return {
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
    }


def faults(role: str, least: int, report: dict, answers: dict, known: set[str]) -> Iterator[str]:
    """What is wrong with a run that found nothing."""
    made = report["test_cases"]["generated"]
    if made < least:
        yield f"{made} test cases are fewer than {least}"
    if not report["complete"]:
        yield f"the run ended early: {report['stop_reason']}"
    allowed = MAY_CALL[role]
    for operation in sorted(known ^ MAY_CALL["admin"]):
        yield f"{operation} is in the document or in answers.py alone"
    for operation in sorted(known):
        succeeded = successes(answers.get(operation, {}))
        if operation in allowed - UNGUESSED and not succeeded:
            yield f"{operation} never succeeded, so it was hardly tested"
        if operation not in allowed and succeeded:
            yield f"{operation} succeeded {succeeded} times, and the role must not call it"


def successes(statuses: dict[str, int]) -> int:
    return sum(count for status, count in statuses.items() if status.startswith("2"))


def main(role: str, least: str, document: str, report: str, answers: str) -> int:
    document, report, answers = (
        json.loads(Path(name).read_text()) for name in (document, report, answers)
    )
    known = operations(document)
    width = max(map(len, known))
    for operation in sorted(known):
        statuses = sorted(answers.get(operation, {}).items())
        print(f"  {operation:{width}}  " + "  ".join(f"{status}: {n}" for status, n in statuses))
    found = list(faults(role, int(least), report, answers, known))
    for fault in found:
        print(f"e2e: {role}: {fault}", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
