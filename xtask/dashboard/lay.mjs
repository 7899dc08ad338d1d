// Lays the built pages of the dashboard where the binary takes them from, each with its compressed forms.
//
//   node lay.mjs FROM TO

import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** A form that saves less is not worth its place in the binary. */
const SHARE_MAX = 0.9;
/** What is compressed by itself. */
const IS_COMPRESSED = /\.(png|woff2|webp|avif)$/;

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined) {
  console.error("node lay.mjs FROM TO");
  process.exit(2);
}

const filesOf = (folder) =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesOf(path) : [path];
  });

// Another folder first: whoever builds meanwhile finds the former one whole.
const next = `${to}.next`;
rmSync(next, { recursive: true, force: true });
let [bytes, gzipped] = [0, 0];
for (const path of filesOf(from)) {
  const target = join(next, relative(from, path));
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(path, target);
  const content = readFileSync(path);
  bytes += content.length;
  let sent = content.length;
  if (!IS_COMPRESSED.test(path)) {
    const size = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
    const forms = [
      ["br", brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, ...size } })],
      ["gz", gzipSync(content, { level: 9 })],
    ];
    for (const [ending, form] of forms) {
      if (form.length > content.length * SHARE_MAX) continue;
      writeFileSync(`${target}.${ending}`, form);
      if (ending === "gz") sent = form.length;
    }
  }
  gzipped += sent;
}
// What is the same stays as it is: whatever was built of it is still good.
const contents = (folder) => (existsSync(folder) ? filesOf(folder).sort().map((path) => [relative(folder, path), readFileSync(path, "base64")]) : []);
if (JSON.stringify(contents(next)) === JSON.stringify(contents(to))) rmSync(next, { recursive: true });
else {
  rmSync(to, { recursive: true, force: true });
  renameSync(next, to);
}
console.log(`${relative(process.cwd(), to)}: ${bytes} bytes, ${gzipped} with gzip`);
