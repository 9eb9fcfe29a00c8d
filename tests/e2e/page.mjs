// The page in a real browser, against a server with a camera and events. Prints TAP.
//
//   node page.mjs [PROGRAM ARGUMENT...]
//
// starts the program, takes the address it prints, and stops it in the end; an argument {data} becomes a folder
// of its own. Without a program, or in its place:
//
//   HSI_URL          where a running server answers
//   HSI_SCREENSHOTS  folder for pictures of the page; none are kept without it
//   HSI_CHROMIUM     the browser, /usr/bin/chromium by default
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PATIENCE_MS = 60_000; // a demo opens its first event within a minute
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const command = process.argv.slice(2);
const folder = process.env.HSI_SCREENSHOTS;
const chromium = process.env.HSI_CHROMIUM ?? '/usr/bin/chromium';

function skipAll(reason) {
    console.log(`1..0 # SKIP ${reason}`);
    process.exit(0);
}

if (!process.env.HSI_URL && command.length === 0) skipAll('HSI_URL names no server');
if (!existsSync(chromium)) skipAll(`there is no browser at ${chromium}`);
const playwright = await import('playwright-core').catch(() => skipAll('playwright-core is missing: npm ci in tests/e2e'));

/** Starts the program; gives the address it prints. */
function start(data) {
    const [program, ...rest] = command.map((word) => word.replace('{data}', data));
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let complaint = '';
    child.stderr.on('data', (bytes) => (complaint += bytes));
    return new Promise((resolve) => {
        child.stdout.on('data', (bytes) => {
            const found = /http:\/\/\S+/.exec((out += bytes));
            if (found) resolve({ child, url: found[0] });
        });
        child.on('error', (error) => skipAll(String(error.message)));
        child.on('exit', () => resolve({ child, url: null, complaint }));
    });
}

const data = mkdtempSync(join(tmpdir(), 'hsi-page-'));
const server = process.env.HSI_URL ? null : await start(data);
const url = process.env.HSI_URL ?? server.url;
if (!url) {
    console.log(`1..1\nnot ok 1 - the server starts\n# ${server.complaint.trim().replaceAll('\n', '\n# ')}`);
    process.exit(1);
}

let count = 0;
let failures = 0;

async function check(name, run) {
    count++;
    try {
        await run();
        console.log(`ok ${count} - ${name}`);
    } catch (error) {
        failures++;
        console.log(`not ok ${count} - ${name}`);
        for (const line of String(error.message ?? error).split('\n').slice(0, 12)) console.log(`# ${line}`);
    }
}

function expect(condition, message) {
    if (!condition) throw new Error(message);
}

const browser = await playwright.chromium.launch({ executablePath: chromium, args: FLAGS });

async function finish(status) {
    await browser.close();
    if (server?.child.exitCode === null) {
        const ended = new Promise((resolve) => server.child.on('exit', resolve));
        server.child.kill();
        await ended;
    }
    rmSync(data, { recursive: true, force: true });
    process.exit(status);
}

async function open(width, height, colorScheme, more = {}) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, ...more });
    const page = await context.newPage();
    const complaints = [];
    // A camera without a picture answers 503; the browser counts that as an error, the page copes.
    page.on('console', (message) => {
        if (message.type() === 'error' && !/snapshot/.test(message.location().url)) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(url, { waitUntil: 'load' }).catch(async (error) => {
        console.log(`Bail out! ${String(error.message).split('\n')[0]}`);
        await finish(1);
    });
    return { context, page, complaints };
}

async function keep(page, name) {
    if (!folder) return;
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: name.includes('full') });
}

const noSidewaysScroll = (page) =>
    page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

const { page, complaints, context } = await open(1440, 900, 'light');

await check('the header says that cameras are known', async () => {
    await page.waitForFunction(() => /camera/i.test(document.querySelector('.health')?.textContent ?? ''),
        null, { timeout: 20_000 });
});

await check('a live picture with pixels appears', async () => {
    await page.waitForFunction(() => [...document.querySelectorAll('.picture img')].some((i) => i.naturalWidth > 0),
        null, { timeout: PATIENCE_MS });
});

await check('the live picture moves on', async () => {
    const source = () => page.evaluate(() =>
        [...document.querySelectorAll('.picture img')].map((i) => i.src).join());
    const before = await source();
    await page.waitForFunction((old) =>
        [...document.querySelectorAll('.picture img')].map((i) => i.src).join() !== old, before, { timeout: 10_000 });
});

await check('an event with score, level and summary is listed', async () => {
    await page.waitForSelector('.row', { timeout: PATIENCE_MS });
    const score = await page.textContent('.row .badge .score');
    const level = await page.textContent('.row .badge .level');
    expect(/^\d+$/.test(score), `score is '${score}'`);
    expect(['low', 'medium', 'high', 'critical'].includes(level), `level is '${level}'`);
    expect((await page.textContent('.row .summary')).trim().length > 0, 'no summary');
});

await check('the open event shows its reasons with points', async () => {
    await page.waitForSelector('.now .open .reasons .points', { timeout: PATIENCE_MS });
    const points = await page.textContent('.now .open .reasons .points');
    expect(/^[+−]\d+$/.test(points), `points are '${points}'`);
    await keep(page, 'wide-light');
});

await check('an event opens with the keyboard alone', async () => {
    await page.focus('.row');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog[open] .reasons.full .points');
    expect(/^#event\//.test(new URL(page.url()).hash), 'the address does not name the event');
    await page.waitForFunction(() => (document.querySelector('dialog .still img')?.naturalWidth ?? 0) > 0);
    await keep(page, 'details-light');
});

await check('the picture can be shown without boxes', async () => {
    const before = await page.getAttribute('dialog .still img', 'src');
    await page.focus('dialog .switch input');
    await page.keyboard.press('Space');
    await page.waitForFunction((old) => document.querySelector('dialog .still img').getAttribute('src') !== old, before);
    expect(/boxes=false/.test(await page.getAttribute('dialog .still img', 'src')), 'the address still asks for boxes');
    await page.waitForFunction(() => document.querySelector('dialog .still img').naturalWidth > 0);
});

await check('Escape closes it and gives the focus back', async () => {
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog[open]', { state: 'detached' });
    expect(await page.evaluate(() => document.activeElement?.classList.contains('row')), 'focus is lost');
});

await check('Tab reaches a visible control first', async () => {
    await page.reload({ waitUntil: 'load' });
    await page.waitForSelector('.row');
    await page.keyboard.press('Tab');
    const seen = await page.evaluate(() => {
        const box = document.activeElement.getBoundingClientRect();
        return document.activeElement !== document.body && box.width > 0 && box.bottom > 0;
    });
    expect(seen, 'the first stop of Tab cannot be seen');
});

await check('the filter by level keeps only what it says', async () => {
    await page.selectOption('.filters select >> nth=1', 'high');
    await page.waitForFunction(() => [...document.querySelectorAll('.row .level')]
        .every((level) => ['high', 'critical'].includes(level.textContent)));
    await page.selectOption('.filters select >> nth=1', 'unknown');
});

await check('nothing scrolls sideways on a wide screen', async () => {
    expect(await noSidewaysScroll(page), 'the page is wider than the window');
});

await check('nothing was complained about', () => {
    expect(complaints.length === 0, complaints.join('\n'));
});
await context.close();

for (const theme of ['light', 'dark']) {
    const phone = await open(390, 844, theme, { deviceScaleFactor: 2, hasTouch: true, isMobile: true });
    await check(`nothing scrolls sideways on a phone (${theme})`, async () => {
        await phone.page.waitForSelector('.row', { timeout: PATIENCE_MS });
        await phone.page.waitForTimeout(1_000); // pictures
        expect(await noSidewaysScroll(phone.page), 'the page is wider than the window');
        await keep(phone.page, `phone-${theme}`);
        await keep(phone.page, `phone-${theme}-full`);
        await phone.page.click('.row');
        await phone.page.waitForSelector('dialog[open]');
        expect(await noSidewaysScroll(phone.page), 'the details are wider than the window');
        await phone.page.waitForTimeout(500);
        await keep(phone.page, `phone-details-${theme}`);
    });
    await phone.context.close();
}

const dark = await open(1440, 900, 'dark');
await check('the dark theme is dark', async () => {
    await dark.page.waitForSelector('.row', { timeout: PATIENCE_MS });
    await dark.page.waitForTimeout(1_000);
    const ground = await dark.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [red] = ground.match(/\d+/g).map(Number);
    expect(red < 60, `the ground is ${ground}`);
    await keep(dark.page, 'wide-dark');
    await dark.page.click('.row');
    await dark.page.waitForSelector('dialog[open]');
    await dark.page.waitForTimeout(500);
    await keep(dark.page, 'details-dark');
});
await dark.context.close();

console.log(`1..${count}`);
await finish(failures > 0 ? 1 : 0);
