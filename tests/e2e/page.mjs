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
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
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

// Cameras in every condition that the API names. The answers are made up here, everything else is the real server's;
// porch is its camera with a picture.
const api = readFileSync(new URL('../../docs/api/openapi.yaml', import.meta.url), 'utf8');
const named = (field) => new RegExp(`\\b${field}:\\s*(?:\\{)?enum: \\[([^\\]]+)\\]`).exec(api)[1].split(', ');
const causes = named('cause').filter((cause) => cause !== 'null');
const views = named('view').filter((view) => view !== 'good' && !causes.includes(view));
const path = `/srv/${'endless'.repeat(20)}.mp4`;
const minutesAgo = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
const made = [
    { name: 'porch', state: 'retrying', cause: 'denied', reason: 'cannot connect: the camera refuses this',
        retry_in_s: 274, width: 1280, height: 720, picture_at: minutesAgo(9) },
    { name: 'well', state: 'online', view: 'good', idle: { idle: true, reason: null, idle_s: 90 } },
    { name: 'off', enabled: false, state: 'ended', cause: null, reason: null },
    { name: 'tireless', state: 'online', view: 'good',
        idle: { idle: false, reason: 'its key frames are 8.0 s apart', idle_s: 0 } },
    { name: 'uploads', state: 'online', view: 'good', uploads: { accepted: 1, duplicates: 2, refused: 1, waiting: 0,
        unmoved: null, last_refusal: 'cut.jpg: the picture is cut off' } },
    { name: 'n'.repeat(47), state: 'retrying', cause: 'missing', reason: `${path}: cannot open` },
    ...causes.map((cause) => ({ name: `cause-${cause}`, state: ['no_key_frame', 'frozen', 'black'].includes(cause) ?
        'online' : 'retrying', cause, reason: null, view: 'good' })),
    ...views.map((view) => ({ name: `view-${view}`, state: 'online', cause: null, reason: null, view })),
];
const happened = [
    { id: '5', camera: 'view-covered', kind: 'covered', ended: false, at: minutesAgo(1), text: 'something covers the lens' },
    { id: '4', camera: 'well', kind: 'lost', ended: true, at: minutesAgo(2), text: 'no pictures came' },
    { id: '3', camera: 'well', kind: 'lost', ended: false, at: minutesAgo(5), text: `cannot connect: ${path}` },
    { id: '2', camera: 'well', kind: 'black', ended: false, at: minutesAgo(8), text: 'the picture is black' },
];

async function openTroubled(width, height, colorScheme) {
    const opened = await open(width, height, colorScheme);
    const answer = (items) => (route) => route.fulfill({ json: { items, pagination: { limit: 100, next_cursor: null,
        has_more: false } } });
    await opened.page.route((url) => url.pathname === '/api/cameras', answer(made));
    await opened.page.route((url) => url.pathname === '/api/camera-events', answer(happened));
    await opened.page.reload({ waitUntil: 'load' });
    await opened.page.waitForFunction((count) => document.querySelectorAll('.camera').length === count, made.length);
    await opened.page.click('.camera-events summary');
    return opened;
}

const troubled = await openTroubled(1440, 900, 'light');
const card = (name) => troubled.page.locator(`[aria-label="Camera ${name}"]`);

await check('every cause and every bad view has words of its own and says what to do', async () => {
    const said = new Map();
    for (const name of [...causes.map((c) => `cause-${c}`), ...views.map((v) => `view-${v}`)]) {
        const words = await card(name).locator('.state').textContent();
        expect(!/_|^(online|offline|none)$/.test(words), `${name} is '${words}'`);
        expect(!said.has(words), `${name} and ${said.get(words)} are both '${words}'`);
        said.set(words, name);
        expect(/\w{3}.*[.?]$/.test(await card(name).locator('.help').textContent()), `${name} does not help`);
    }
    expect(said.size >= 14, `only ${said.size} kinds of trouble`);
    await keep(troubled.page, 'trouble-wide-light-full');
});

await check('the header counts the cameras that need attention, and shows the first', async () => {
    const bad = made.length - 4; // well, off, tireless, uploads
    const text = await troubled.page.textContent('.health');
    expect(text === `${bad} of ${made.length} cameras need attention`, `the header says '${text}'`);
    await troubled.page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await troubled.page.click('.top .link');
    await troubled.page.waitForFunction(() => {
        const box = document.querySelector('.camera.troubled').getBoundingClientRect();
        return box.top >= 0 && box.bottom <= innerHeight;
    });
});

await check('the last picture of a lost camera does not pass for a live one', async () => {
    await troubled.page.waitForFunction(() =>
        document.querySelector('[aria-label="Camera porch"] .picture.stale img')?.naturalWidth > 0);
    expect(/^Last picture 9 min/.test(await card('porch').locator('.age').textContent()), 'its age is not shown');
    expect(/next try in 5 min/.test(await card('porch').locator('.reason').textContent()),
        'when it is tried again is not shown');
});

await check('resting, tireless, uploading and switched-off cameras are told apart, and are well', async () => {
    const wanted = { well: /online.*resting/, tireless: /online.*Never rests: its key frames/,
        off: /^(?!.*ended).*switched off/,
        uploads: /ready.*1 file · 2 duplicates · 1 refused.*Last refused: cut\.jpg: the picture is cut off/ };
    for (const [name, pattern] of Object.entries(wanted)) {
        const text = await card(name).textContent();
        expect(pattern.test(text), `${name}: '${text}'`);
        expect(!(await card(name).getAttribute('class')).includes('troubled'), `${name} is troubled`);
    }
});

await check('what happened to cameras has one row from beginning to end, and says what lasts', async () => {
    const rows = await troubled.page.locator('.camera-events li').allTextContents();
    expect(rows.length === 3, `${rows.length} rows`);
    expect(/covers the lens.*still so/.test(rows[0]), `'${rows[0]}'`);
    expect(/No pictures: \/srv.*over after 3 min$/.test(rows[1]), `'${rows[1]}'`);
    expect(/black/.test(rows[2]) && !/over|still/.test(rows[2]), `an end that nobody saw: '${rows[2]}'`);
});
await troubled.context.close();

await check('long names and reasons stay inside their cards on a phone', async () => {
    const phone = await openTroubled(390, 844, 'dark');
    const outside = await phone.page.evaluate(() => [...document.querySelectorAll('.camera, .camera-events')].flatMap(
        (card) => [...card.querySelectorAll('h3, p, span, b')].filter((part) =>
            part.getBoundingClientRect().right > card.getBoundingClientRect().right + 1 || part.scrollWidth >
            part.clientWidth + 1 && getComputedStyle(part).display !== 'inline').map((part) => part.textContent)));
    expect(outside.length === 0, `outside: ${outside.join(' | ')}`);
    expect(await noSidewaysScroll(phone.page), 'the page is wider than the window');
    await keep(phone.page, 'trouble-phone-dark-full');
    await phone.context.close();
});

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
