import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { bytesOf, leads, leafHash, type ProofDocument, verifyProof } from "../src/pages/audit/verify-proof";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
/** What a hub has answered. */
const document = JSON.parse(read("./proof.json")) as ProofDocument;
const { proof } = document;
if (proof === null) throw new Error("the hub gave no proof");
const lines = (path: string): readonly (readonly string[])[] =>
  read(`../../fixtures/audit/${path}`)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(" "));

test("what a hub proves is proven", async () => {
  expect(await verifyProof(document)).toBe("proven");
});

test("whatever is changed in a proof, it proves nothing any more", async () => {
  const flipped = (hex: string, at: number): string => hex.slice(0, at) + (hex[at] === "0" ? "1" : "0") + hex.slice(at + 1);
  const changed: readonly ProofDocument[] = [
    { ...document, entity: "others" },
    { ...document, id: "c4" },
    { ...document, stamp: flipped(document.stamp, 5) },
    { ...document, before: null },
    { ...document, after: flipped(document.after ?? "", 0) },
    { ...document, entry: document.entry + 1 },
    { ...document, head: `sha256:${"0".repeat(64)}@${proof.tree_size}` },
    { ...document, head: document.head.replace(/@\d+$/, `@${proof.tree_size + 1}`) },
    { ...document, head: "nothing" },
    { ...document, proof: { ...proof, salt: flipped(proof.salt, 0) } },
    { ...document, proof: { ...proof, record_index: 1 } },
    { ...document, proof: { ...proof, record_path: [proof.salt] } },
    { ...document, proof: { ...proof, tree_path: proof.tree_path.slice(1) } },
    { ...document, proof: { ...proof, tree_path: [...proof.tree_path, proof.salt] } },
    { ...document, proof: { ...proof, leaf: proof.leaf.slice(2) } },
    { ...document, proof: { ...proof, leaf: `${proof.leaf}00` } },
    { ...document, proof: { ...proof, leaf: "nothing" } },
    { ...document, proof: null },
    ...[...proof.leaf].map((_, at) => ({ ...document, proof: { ...proof, leaf: flipped(proof.leaf, at) } })),
  ];
  for (const one of changed) expect(await verifyProof(one), JSON.stringify(one)).not.toBe("proven");
});

test("paths of the reference tree of RFC 6962 lead to its roots, and to none from another leaf", async () => {
  const tree = lines("rfc6962-roots.txt").map(([content = "", root = ""]) => ({ content: content === "-" ? "" : content, root }));
  for (const [index = "", size = "", ...path] of lines("rfc6962-inclusion.txt")) {
    const leaf = async (at: number) => leafHash(bytesOf(tree[at]?.content ?? "") ?? new Uint8Array());
    const root = tree[Number(size) - 1]?.root;
    expect(await leads(await leaf(Number(index)), BigInt(index), BigInt(size), path)).toBe(root);
    expect(await leads(await leaf((Number(index) + 1) % tree.length), BigInt(index), BigInt(size), path)).not.toBe(root);
    expect(await leads(await leaf(Number(index)), BigInt(size), BigInt(size), path)).toBeUndefined();
  }
});
