// The main job through openapi-fetch, with the types that openapi-typescript makes.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";
import createClient from "openapi-fetch";
import { type Manifest, readManifest } from "./manifest.js";
import type { components, paths } from "./schema.js";

type Problem = components["schemas"]["Problem"];
type ImportRecord = components["schemas"]["ImportRecord"];

const OWNER = "typescript";
const CA_FILENAME = "typescript.crt";
const OWNER_PATH = { path: { owner_key: OWNER } };

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set; start this with openapi/e2e/run`);
  return value;
}

function client(key?: string) {
  const headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
  return createClient<paths>({ baseUrl: setting("E2E_URL"), headers });
}

type Client = ReturnType<typeof client>;

const admin = client(setting("E2E_ADMIN_KEY"));
const manager = client(setting("E2E_MANAGER_KEY"));
const proxy = client(setting("E2E_PROXY_KEY"));
const nobody = client();

/** Imports as a form, as a browser would. */
function upload(as: Client, manifest: Manifest, query: { on_same?: "skip" } = {}) {
  return as.POST("/owners/{owner_key}/imports", {
    params: { ...OWNER_PATH, query },
    body: { file: new Blob([manifest.upload], { type: "application/zip" }) },
    bodySerializer: (body) => {
      const form = new FormData();
      if ("file" in body) form.append("file", body.file, "typescript.zip");
      return form;
    },
  });
}

function cdnInfo(as: Client, id: string) {
  const params = { path: { entitlement_id: id } };
  return as.GET("/entitlements/{entitlement_id}/cdn_info", { params });
}

/** What was answered; a refusal fails the test. */
function granted<T>(answer: { data?: T; error?: unknown }): T {
  assert.equal(answer.error, undefined);
  assert.ok(answer.data !== undefined);
  return answer.data;
}

/** The problem, which must say what its response says. */
function refused(answer: { error?: Problem; response: Response }, status: number): Problem {
  const { error: problem, response } = answer;
  assert.equal(response.status, status);
  assert.equal(response.headers.get("Content-Type"), "application/problem+json");
  assert.ok(problem !== undefined);
  assert.equal(problem.status, status);
  assert.equal(problem.requestId, response.headers.get("X-Request-Id"));
  return problem;
}

let manifest: Manifest;
let caPem: string;
let record: ImportRecord;

before(async () => {
  const directory = setting("E2E_DIR");
  manifest = readManifest(new Uint8Array(await readFile(`${directory}/typescript.zip`)));
  caPem = await readFile(`${directory}/typescript-ca/ca.crt`, "utf8");
  const ca = { filename: CA_FILENAME, pem: caPem, owners: [OWNER] };
  assert.equal(granted(await admin.POST("/upstream_cas", { body: ca })).filename, CA_FILENAME);
  const owner = granted(await admin.POST("/owners", { body: { key: OWNER } }));
  assert.equal(owner.upstreamConsumer ?? null, null);
  record = granted(await upload(manager, manifest));
});

test("an import answers its record", () => {
  assert.equal(record.status, "SUCCESS");
  assert.equal(record.fileName, "typescript.zip");
  assert.equal(record.sha256, createHash("sha256").update(manifest.upload).digest("hex"));
  assert.equal(record.size, manifest.upload.length);
  assert.ok(manifest.entitlements.length > 1);
  assert.equal(record.counts.added, manifest.entitlements.length);
  assert.equal(record.upstreamConsumer?.uuid, manifest.consumerUuid);
  assert.equal(record.verification?.outcome, "VERIFIED");
  assert.equal(record.verification?.caFilename, CA_FILENAME);
});

test("the import is listed", async () => {
  const params = OWNER_PATH;
  const records = granted(await manager.GET("/owners/{owner_key}/imports", { params }));
  assert.ok(records.some((listed) => listed.id === record.id));
});

test("the owner shows its upstream consumer", async () => {
  const params = OWNER_PATH;
  const path = "/owners/{owner_key}/upstream_consumers";
  const consumers = granted(await manager.GET(path, { params }));
  assert.equal(consumers.length, 1);
  assert.equal(consumers[0]?.uuid, manifest.consumerUuid);
  assert.equal(consumers[0]?.cdnUrl, manifest.cdnUrl);
  assert.equal(consumers[0]?.verification.caStatus, "PRESENT");
  const owner = granted(await admin.GET("/owners/{owner_key}", { params }));
  assert.deepEqual(owner.upstreamConsumer, consumers[0]);
});

test("cdn_info is what the manifest has", async () => {
  for (const entitlement of manifest.entitlements) {
    const info = granted(await cdnInfo(proxy, entitlement.id));
    assert.equal(info.entitlementId, entitlement.id);
    assert.equal(info.ownerKey, OWNER);
    assert.equal(info.poolId, entitlement.poolId);
    assert.equal(info.upstreamConsumerUuid, manifest.consumerUuid);
    assert.equal(info.cdnUrl, manifest.cdnUrl);
    assert.equal(info.caCertificate.status, "PRESENT");
    assert.equal(info.caCertificate.source, "MANIFEST");
    assert.equal(info.caCertificate.filename, CA_FILENAME);
    assert.equal(info.caCertificate.pem, caPem);
    const certificate = info.upstreamCertificate;
    assert.equal(typeof certificate?.serial, "string");
    assert.equal(certificate?.serial, entitlement.serial);
    assert.equal(certificate?.cert, entitlement.cert);
    assert.equal(certificate?.key, entitlement.key);
    assert.equal(certificate?.expired, false);
  }
});

test("upstream_cert is the certificate and then the key", async () => {
  for (const { id, cert, key } of manifest.entitlements) {
    const params = { path: { entitlement_id: id } };
    const path = "/entitlements/{entitlement_id}/upstream_cert";
    assert.equal(granted(await proxy.GET(path, { params, parseAs: "text" })), cert + key);
  }
});

test("the same manifest again is a conflict", async () => {
  const problem = refused(await upload(manager, manifest), 409);
  assert.equal(problem.type, "urn:portolan:problem:manifest-conflict");
  assert.deepEqual(problem.conflicts, ["MANIFEST_SAME"]);
});

test("the same manifest can be skipped", async () => {
  const again = granted(await upload(manager, manifest, { on_same: "skip" }));
  assert.equal(again.id, record.id);
  assert.equal(again.unchanged, true);
});

test("without a key there is no answer", async () => {
  const params = OWNER_PATH;
  const answers = [
    await cdnInfo(nobody, manifest.entitlements[0]?.id ?? ""),
    await nobody.GET("/owners/{owner_key}/imports", { params }),
  ];
  for (const answer of answers) {
    assert.equal(refused(answer, 401).type, "urn:portolan:problem:unauthorized");
    assert.ok(answer.response.headers.has("WWW-Authenticate"));
  }
});

test("a proxy may not read imports", async () => {
  const answer = await proxy.GET("/owners/{owner_key}/imports", { params: OWNER_PATH });
  assert.equal(refused(answer, 403).type, "urn:portolan:problem:forbidden");
});

test("an unknown entitlement is not found", async () => {
  const problem = refused(await cdnInfo(proxy, "no-such-entitlement"), 404);
  assert.equal(problem.type, "urn:portolan:problem:entitlement-not-found");
});
