// Bundles the page into a folder, with a gzip copy of every text beside it, and, asked for by the C
// build, hands the folder to tools/embed.py:
//
//   node build.mjs --out DIR [--embed OUTPUT.c EMBED.py]
//
// Files under assets/ carry a hash of their contents in their names, so browsers may keep them.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const FIRST_VIEW_LIMIT_BYTES = 40 * 1024; // script and style of the first view, compressed

const here = dirname(fileURLToPath(import.meta.url));

function fail(message) {
    console.error(`web: ${message}`);
    process.exit(1);
}

function parseArguments(list) {
    const options = { out: null, embed: null };
    while (list.length > 0) {
        const flag = list.shift();
        if (flag === '--out') options.out = resolve(list.shift() ?? fail('--out needs a folder'));
        else if (flag === '--embed') options.embed = list.splice(0, 2).map((path) => resolve(path));
        else fail(`unknown argument ${flag}`);
    }
    if (!options.out) fail('usage: node build.mjs --out DIR [--embed OUTPUT.c EMBED.py]');
    return options;
}

function filesBelow(folder) {
    return readdirSync(folder, { withFileTypes: true })
        .flatMap((entry) => {
            const path = join(folder, entry.name);
            return entry.isDirectory() ? filesBelow(path) : [path];
        })
        .sort();
}

async function bundle(out) {
    const { build } = await import('esbuild');
    const result = await build({
        absWorkingDir: here,
        entryPoints: { app: 'src/main.tsx', style: 'src/style.css' },
        entryNames: 'assets/[name]-[hash]',
        outdir: out,
        bundle: true,
        minify: true,
        format: 'esm',
        target: 'es2021',
        jsx: 'automatic',
        jsxImportSource: 'preact',
        legalComments: 'none',
        metafile: true,
        logLevel: 'warning',
    });
    const names = Object.keys(result.metafile.outputs).map((path) => relative(out, resolve(here, path)));
    return { script: names.find((n) => n.endsWith('.js')), style: names.find((n) => n.endsWith('.css')) };
}

function copyHashed(out, name) {
    const bytes = readFileSync(join(here, 'src', name));
    const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
    const dot = name.lastIndexOf('.');
    const target = `assets/${name.slice(0, dot)}-${hash}${name.slice(dot)}`;
    writeFileSync(join(out, target), bytes);
    return target;
}

const options = parseArguments(process.argv.slice(2));
if (!existsSync(join(here, 'node_modules', 'esbuild')))
    fail('web/node_modules is missing: run `make build`, which fetches it (or `npm ci` in web/)');

rmSync(options.out, { recursive: true, force: true });
mkdirSync(join(options.out, 'assets'), { recursive: true });
const { script, style } = await bundle(options.out);
const icon = copyHashed(options.out, 'icon.svg');
const page = readFileSync(join(here, 'src', 'index.html'), 'utf8')
    .replace('{{script}}', `/${script}`)
    .replace('{{style}}', `/${style}`)
    .replace('{{icon}}', `/${icon}`);
writeFileSync(join(options.out, 'index.html'), page);

let firstView = 0;
for (const path of filesBelow(options.out)) {
    const gz = gzipSync(readFileSync(path), { level: 9 });
    writeFileSync(`${path}.gz`, gz);
    firstView += gz.length;
}
if (firstView > FIRST_VIEW_LIMIT_BYTES)
    fail(`the first view has ${firstView} compressed bytes, more than ${FIRST_VIEW_LIMIT_BYTES}`);
console.log(`web: first view ${(firstView / 1024).toFixed(1)} KB compressed`);

if (options.embed) {
    const [output, generator] = options.embed;
    const run = spawnSync('python3', [generator, output, 'embedded_web', options.out, ...filesBelow(options.out)], {
        stdio: 'inherit',
    });
    if (run.status !== 0) fail('tools/embed.py failed');
}
