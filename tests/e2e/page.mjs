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

// Words that the API names.
const api = readFileSync(new URL('../../docs/api/openapi.yaml', import.meta.url), 'utf8');
const named = (field) => new RegExp(`\\b${field}:\\s*(?:\\{)?enum: \\[([^\\]]+)\\]`).exec(api)[1].replaceAll("'", '').split(', ');

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

// What a language model says, what people say about it, and what could not be answered: the made-up server has an
// event in each state.
async function eventsWhere(page, wanted) {
    const { items } = await page.evaluate(async () => (await fetch('/api/events?limit=100')).json());
    const found = items.filter(wanted);
    if (found.length === 0) throw new Error('the server has no such event');
    return found;
}

async function openEvent(page, event) {
    await page.evaluate((id) => (location.hash = `#event/${id}`), event.id);
    await page.waitForFunction((text) => document.querySelector('dialog[open] .id')?.textContent === text, event.id);
}

const shown = (page, selector) => page.locator(`dialog ${selector}`);
const textOf = async (page, selector) => (await shown(page, selector).first().textContent()).trim();
const judgedAs = (verdict) => (event) => event.model?.verdict === verdict;

const risk = await open(1440, 900, 'light');
await risk.page.waitForSelector('.row', { timeout: PATIENCE_MS });

await check('a list marks what a model has confirmed or rejected, and nothing else', async () => {
    const marks = await risk.page.locator('.list .mark').allTextContents();
    expect(marks.includes('confirmed') && marks.includes('rejected'), `marks are '${marks}'`);
    expect(marks.every((mark) => ['confirmed', 'rejected'].includes(mark)), `marks are '${marks}'`);
    await keep(risk.page, 'risk-wide-light-full');
});

for (const verdict of ['confirmed', 'rejected', 'uncertain'])
    await check(`the rows of a score lead to it: ${verdict}`, async () => {
        const [event] = await eventsWhere(risk.page, judgedAs(verdict));
        await openEvent(risk.page, event);
        const rows = await shown(risk.page, '.reasons.full li:not(.total) .points').allTextContents();
        const sum = rows.reduce((total, row) => total + Number(row.replace('−', '-')), 0);
        expect(rows.length === event.reasons.length, `${rows.length} of ${event.reasons.length} rows`);
        expect(sum === event.risk_score, `the rows add up to ${sum}, the score is ${event.risk_score}`);
        const totals = await shown(risk.page, '.total .points').allTextContents();
        expect(totals.join() === `${event.rules_score},${event.risk_score}`, `the totals are ${totals}`);
        expect((await textOf(risk.page, '.model-part .mark')) === verdict, 'the verdict is not shown');
    });

await check('what a model writes is text, with the number of claims left out and what it cost', async () => {
    const [event] = await eventsWhere(risk.page, judgedAs('rejected'));
    await openEvent(risk.page, event);
    const part = await textOf(risk.page, '.model-part');
    for (const words of [event.model.summary, '<script>', '<b>right</b>', '2 claims left out', 'made-up-4b <i>Q4</i>',
        'b6000-1a2b3c4d', '3051 tokens read (2406 from its cache)', '231 written', '2 pictures', '4.2 s'])
        expect(part.includes(words), `'${words}' is missing in '${part}'`);
    expect((await shown(risk.page, '.model-part :is(script, b, i, img)').count()) === 0, 'a text became HTML');
    expect(!/owned/.test(await risk.page.title()), 'a text was run');
});

await check('a claim shows the picture of its track and the place, a second press hides it', async () => {
    const [event] = await eventsWhere(risk.page, (e) => judgedAs('rejected')(e) && e.tracks.length > 1);
    await openEvent(risk.page, event);
    const exhibit = shown(risk.page, '.claims li:nth-child(2) .exhibit').first();
    await exhibit.focus();
    await risk.page.keyboard.press('Enter');
    const track = event.model.claims[1].evidence[0].track_id;
    await risk.page.waitForFunction((id) =>
        document.querySelector('dialog .still img').getAttribute('src').includes(`track=${id}`), track);
    expect((await exhibit.getAttribute('aria-pressed')) === 'true', 'it is not shown as pressed');
    const box = event.model.claims[1].evidence[0].box;
    const share = await risk.page.evaluate(() => {
        const place = document.querySelector('dialog .outline').getBoundingClientRect();
        const image = document.querySelector('dialog .still img').getBoundingClientRect();
        return [(place.left - image.left) / image.width, place.height / image.height];
    });
    expect(Math.abs(share[0] - box.x) < 0.01 && Math.abs(share[1] - box.height) < 0.01, `it is at ${share}`);
    expect(/Best picture of person 2; dashed/.test(await textOf(risk.page, '.looking')), 'nobody says what is shown');
    await keep(risk.page, 'claim-light');
    await risk.page.keyboard.press('Enter');
    await risk.page.waitForSelector('dialog .outline', { state: 'detached' });
});

await check('a reason shows where it was seen', async () => {
    const reason = shown(risk.page, '.reasons.full .plain').first();
    await reason.click();
    await risk.page.waitForSelector('dialog .outline');
    expect((await reason.getAttribute('aria-pressed')) === 'true', 'it is not shown as pressed');
    const other = shown(risk.page, '.reasons.full .plain').nth(1); // which rests on the same
    await other.click();
    await risk.page.waitForFunction(() =>
        [...document.querySelectorAll('dialog .plain[aria-pressed=true]')].length === 1);
    expect((await other.getAttribute('aria-pressed')) === 'true', 'the other is not shown as pressed');
    expect((await shown(risk.page, '.outline').count()) === 1, 'the place is gone');
});

await check('what waits says for what, and keeps the score of the rules', async () => {
    const waiting = await eventsWhere(risk.page, (e) => e.model?.state === 'waiting');
    for (const event of waiting) {
        await openEvent(risk.page, event);
        const part = await textOf(risk.page, '.model-part');
        expect(part.includes(`for: ${event.model.reason || 'its turn'}`), `it says '${part}'`);
        expect(part.includes('score stands'), `it says '${part}'`);
    }
    expect(waiting.some((event) => event.model.reason), 'none says why');
    await risk.page.waitForTimeout(300);
    await keep(risk.page, 'waiting-light');
});

await check('what has failed says why, and is asked about again by keyboard', async () => {
    const [event] = await eventsWhere(risk.page, (e) => e.model?.state === 'failed');
    await openEvent(risk.page, event);
    expect((await textOf(risk.page, '.model-part')).includes(event.model.reason), 'the reason is missing');
    await keep(risk.page, 'failed-light');
    await shown(risk.page, '.model-part button').focus();
    await risk.page.keyboard.press('Enter');
    await risk.page.waitForFunction(() => /Waiting/.test(document.querySelector('dialog .model-part').textContent));
    expect(await risk.page.evaluate(() => document.activeElement.matches('dialog .model-part')), 'focus is lost');
});

await check('the one line of the language model, what waits and what was given up', async () => {
    await risk.page.keyboard.press('Escape');
    expect((await risk.page.textContent('.language-model')) === 'Language model made-up-4b <i>Q4</i>', 'the header');
    await risk.page.waitForFunction(() => /3 waiting · 1 given up/.test(document.querySelector('.risk summary').textContent));
    await risk.page.click('.risk summary');
    const text = await risk.page.textContent('.risk');
    for (const words of ['made-up-4b <i>Q4</i>, 2 slots', '3 verdicts since the start, 4.0 s each', '80 % of the prompts',
        'cut off at 600 tokens <img', 'quieter.yaml', 'of 40 events they would raise 2 and lower 5; 0 alarms more, 3 fewer'])
        expect(text.includes(words), `'${words}' is missing in '${text}'`);
    await risk.page.locator('.risk').scrollIntoViewIfNeeded();
    await keep(risk.page, 'letters-light');
    await risk.page.click('.dead li button:last-of-type');
    await risk.page.waitForFunction(() => /4 waiting$/.test(document.querySelector('.risk summary').textContent));
    expect((await risk.page.locator('.dead').count()) === 0, 'a letter is left');
});

await check('somebody says what they think, changes it, and takes it back, with keys alone', async () => {
    const [event] = await eventsWhere(risk.page, (e) => judgedAs('confirmed')(e));
    const saved = async () => (await eventsWhere(risk.page, (e) => e.id === event.id))[0].feedback;
    await openEvent(risk.page, event);
    await shown(risk.page, '.choice input').first().focus();
    for (let i = 0; i < 3; i++) await risk.page.keyboard.press('ArrowRight');
    await risk.page.keyboard.press('Tab');
    await risk.page.keyboard.type('my <b>aunt</b>');
    await keep(risk.page, 'feedback-form-light');
    await risk.page.keyboard.press('Tab');
    await risk.page.keyboard.press('Enter');
    await risk.page.waitForSelector('dialog .said');
    expect(await risk.page.evaluate(() => document.activeElement.matches('dialog .feedback-part')), 'focus is lost');
    expect((await textOf(risk.page, '.said p')).startsWith('You said: too high, “my <b>aunt</b>”'), 'what was said is not shown');
    await shown(risk.page, '.said').scrollIntoViewIfNeeded();
    await keep(risk.page, 'feedback-light');
    expect((await saved())?.note === 'my <b>aunt</b>', 'it is not stored');
    await shown(risk.page, '.feedback-part .link.end').click();
    await shown(risk.page, '.choice input[value=missed]').check();
    await shown(risk.page, '.feedback-part .button').click();
    await risk.page.waitForFunction(() => /missed something/.test(document.querySelector('dialog .said')?.textContent));
    await shown(risk.page, '.said .button').click();
    await risk.page.waitForSelector('dialog .said', { state: 'detached' });
    await risk.page.waitForTimeout(500);
    expect((await saved()) === null, 'it is still stored');
});

await check('a note that is too long is not sent, a refusal is told', async () => {
    await shown(risk.page, '.choice input').first().check();
    await shown(risk.page, 'textarea').fill('ü'.repeat(256));
    expect(/1 bytes too long/.test(await textOf(risk.page, '.feedback-part .problem')), 'nothing is said');
    expect((await shown(risk.page, '.feedback-part .button').count()) === 0, 'it can be sent');
    await shown(risk.page, 'textarea').fill('short');
    await risk.page.route('**/feedback', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json',
        body: JSON.stringify({ title: 'no', status: 503, detail: 'nothing can be stored', hint: 'make room' }) }));
    await shown(risk.page, '.feedback-part .button').click();
    await risk.page.waitForSelector('dialog .feedback-part .problem');
    expect((await textOf(risk.page, '.feedback-part .problem')) === 'nothing can be stored (make room)', 'it is not told');
});
await check('the model made nothing complain', () => {
    const others = risk.complaints.filter((text) => !/503/.test(text)); // but for the refusal above
    expect(others.length === 0, others.join('\n'));
});
await risk.context.close();

await check('every state of the language model has words of its own', async () => {
    const { page, context: own } = await open(1440, 900, 'light');
    const said = new Map();
    let server = {};
    let breaker = { open: false };
    await page.route('**/api/system', async (route) => {
        const json = await (await route.fetch()).json();
        await route.fulfill({ json: { ...json, language_model: { ...json.language_model, breaker,
            server: { ...json.language_model.server, ...server } } } });
    });
    const words = named('ServerState').concat('breaker');
    for (const state of words) {
        server = state === 'breaker' ? {} : { state, reason: state === 'down' ? 'connection refused' : null };
        breaker = { open: state === 'breaker', until: new Date(Date.now() + 60_000).toISOString() };
        await page.reload({ waitUntil: 'load' });
        await page.waitForSelector('.language-model');
        const short = await page.textContent('.language-model b');
        expect(!said.has(short), `${state} and ${said.get(short)} are both '${short}'`);
        said.set(short, state);
        if (state === 'down') expect(/connection refused/.test(await page.textContent('.risk')), 'down does not say why');
        if (state === 'breaker') expect(/, until /.test(await page.textContent('.risk')), 'the pause has no end');
    }
    await own.close();
});

for (const theme of ['light', 'dark'])
    await check(`a verdict fits on a phone (${theme})`, async () => {
        const phone = await open(390, 844, theme, { deviceScaleFactor: 2, hasTouch: true, isMobile: true });
        await phone.page.waitForSelector('.risk summary', { timeout: PATIENCE_MS });
        await phone.page.click('.risk summary');
        expect(await noSidewaysScroll(phone.page), 'the page is wider than the window');
        await phone.page.locator('.risk').scrollIntoViewIfNeeded();
        await keep(phone.page, `phone-risk-${theme}`);
        const [event] = await eventsWhere(phone.page, judgedAs('rejected'));
        await openEvent(phone.page, event);
        await phone.page.waitForTimeout(500);
        expect(await phone.page.evaluate(() => {
            const dialog = document.querySelector('dialog');
            return dialog.scrollWidth <= dialog.clientWidth;
        }), 'the details are wider than the window');
        await shown(phone.page, '.model-part').scrollIntoViewIfNeeded();
        await keep(phone.page, `phone-model-${theme}`);
        await shown(phone.page, '.feedback-part').scrollIntoViewIfNeeded();
        await keep(phone.page, `phone-feedback-${theme}`);
        await shown(phone.page, '.exhibit').first().click();
        await phone.page.waitForTimeout(800);
        expect(await phone.page.evaluate(() => {
            const image = document.querySelector('dialog .still img').getBoundingClientRect();
            const covered = document.elementFromPoint(innerWidth / 2, image.top + 4) !== document.querySelector('dialog .still img')
                && !document.querySelector('dialog .outline');
            return image.top >= 0 && image.bottom <= innerHeight && !covered;
        }), 'the picture is not brought into sight');
        await keep(phone.page, `phone-claim-${theme}`);
        await phone.context.close();
    });

// Cameras in every condition that the API names. The answers are made up here, everything else is the real server's;
// porch is its camera with a picture.
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
    const [event] = await eventsWhere(dark.page, judgedAs('confirmed'));
    await openEvent(dark.page, event);
    await shown(dark.page, '.exhibit').first().click();
    await dark.page.waitForTimeout(500);
    await keep(dark.page, 'claim-dark');
});
await dark.context.close();

console.log(`1..${count}`);
await finish(failures > 0 ? 1 : 0);
