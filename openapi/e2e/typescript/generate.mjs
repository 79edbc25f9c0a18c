// Writes schema.ts: the types of the document whose path is the first argument.

import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const [document, out] = process.argv.slice(2);
const blob = ts.factory.createTypeReferenceNode("Blob");
const types = await openapiTS(JSON.parse(await readFile(document, "utf8")), {
  // An upload is a Blob for fetch and FormData, not a string.
  transform: (schema) => (schema.format === "binary" ? blob : undefined),
});
await writeFile(out, astToString(types));
