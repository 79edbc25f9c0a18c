// A manifest as it lies in its zip, read without the service.

import { strFromU8, unzipSync } from "fflate";

export interface Entitlement {
  id: string;
  poolId: string;
  serial: string;
  cert: string;
  key: string;
}

export interface Manifest {
  upload: Uint8Array<ArrayBuffer>;
  consumerUuid: string;
  cdnUrl: string;
  entitlements: Entitlement[];
}

interface StoredEntitlement {
  id: string;
  pool: { id: string };
  certificates: [{ cert: string; key: string }];
}

export function readManifest(upload: Uint8Array<ArrayBuffer>): Manifest {
  const inner = unzipSync(entry(unzipSync(upload), "consumer_export.zip"));
  const text = (name: string) => strFromU8(entry(inner, name));
  const names = Object.keys(inner).filter((name) => /^export\/entitlements\/.+\.json$/.test(name));
  return {
    upload,
    consumerUuid: JSON.parse(text("export/consumer.json")).uuid,
    cdnUrl: JSON.parse(text("export/meta.json")).cdnUrl,
    entitlements: names.map((name) => readEntitlement(text(name))),
  };
}

function entry(archive: Record<string, Uint8Array>, name: string): Uint8Array {
  const found = archive[name];
  if (found === undefined) throw new Error(`the manifest has no ${name}`);
  return found;
}

function readEntitlement(text: string): Entitlement {
  const { id, pool, certificates }: StoredEntitlement = JSON.parse(text);
  // JSON.parse would round it: it does not fit a number.
  const serial = /"serial":(\d+)/.exec(text)?.[1];
  if (serial === undefined) throw new Error(`${id} has no serial`);
  return { id, poolId: pool.id, serial, cert: certificates[0].cert, key: certificates[0].key };
}
