// What the page knows: signals, changed here and nowhere else.
import { batch, computed, signal } from '@preact/signals';
import * as api from './api';
import { getCameraEvents, getCameras, getEvent, getEvents, getSystem, LEVELS, Problem } from './api';
import type { Camera, CameraEvent, DeadLetter, EventFilter, FeedbackKind, SecurityEvent, System } from './api';

export const system = signal<System | null>(null);
export const cameras = signal<Camera[]>([]);
export const camerasKnown = signal(false);
export const cameraEvents = signal<readonly CameraEvent[]>([]); // newest first
export const filter = signal<EventFilter>({ camera: '', level: 'unknown' });
export const trouble = signal(''); // why the list could not be loaded
export const loading = signal(false);
export const nextCursor = signal<string | null>(null);
export const listKnown = signal(false);
export const deadLetters = signal<readonly DeadLetter[]>([]);
export const announcement = signal(''); // for screen readers
export const now = signal(Date.now());
export const selectedId = signal<string | null>(null);

export type Connection = 'connecting' | 'live' | 'lost';
export const connection = signal<Connection>('connecting');

// Every event heard of, and the ids the current list shows, newest first.
const known = signal<ReadonlyMap<string, SecurityEvent>>(new Map());
const listed = signal<readonly string[]>([]);

const present = (ids: readonly string[]) =>
    ids.map((id) => known.value.get(id)).filter((event): event is SecurityEvent => event !== undefined);

export const listedEvents = computed(() => present(listed.value));
export const openEvents = computed(() =>
    [...known.value.values()]
        .filter((event) => event.state === 'open')
        .sort((a, b) => (b.risk_score ?? -1) - (a.risk_score ?? -1) || (a.id < b.id ? 1 : -1)),
);
export const selectedEvent = computed(() =>
    selectedId.value ? (known.value.get(selectedId.value) ?? null) : null,
);
export const lastEventOf = (camera: string): SecurityEvent | undefined => {
    let last: SecurityEvent | undefined;
    for (const event of known.value.values())
        if (event.camera === camera && (!last || event.id > last.id)) last = event;
    return last;
};

function matches(event: SecurityEvent, wanted: EventFilter): boolean {
    if (wanted.camera && event.camera !== wanted.camera) return false;
    if (wanted.level === 'unknown') return true;
    return LEVELS.indexOf(event.risk_level as never) >= LEVELS.indexOf(wanted.level);
}

/** Keeps the newest revision of each; returns those that were not known at all. */
function remember(events: readonly SecurityEvent[]): SecurityEvent[] {
    const map = new Map(known.value);
    const fresh = events.filter((event) => !map.has(event.id));
    for (const event of events) {
        const old = map.get(event.id);
        if (!old || event.revision >= old.revision) map.set(event.id, event);
    }
    known.value = map;
    return fresh;
}

function announce(event: SecurityEvent): void {
    const score = event.risk_score === null ? 'not scored' : `score ${event.risk_score}`;
    announcement.value = `New event on ${event.camera}: ${event.risk_level}, ${score}. ${event.summary}`;
}

/** A change that has just been committed. */
export function applyEvent(event: SecurityEvent): void {
    heard.add(event.id);
    if (event.model) reloadSystemSoon();
    batch(() => {
        const fresh = remember([event]);
        if (fresh.length > 0 && event.state === 'open') announce(event);
        if (!listed.value.includes(event.id) && matches(event, filter.value) && belongsToPage(event.id))
            listed.value = [...listed.value, event.id].sort().reverse();
    });
}

/** Older than what is loaded: it comes when the list is continued. */
function belongsToPage(id: string): boolean {
    const oldest = listed.value[listed.value.length - 1];
    return nextCursor.value === null || oldest === undefined || id > oldest;
}

const SOON_MS = 300; // cameras often change together
let soon = 0;
let systemSoon = 0;
const heard = new Set<string>(); // while a list was on its way: what it has of these is older

/** A camera's message tells that something has changed; the whole is asked for, once for many messages. */
export function reloadCamerasSoon(): void {
    clearTimeout(soon);
    soon = window.setTimeout(() => void reloadCameras(), SOON_MS);
}

/** The model's queue has moved. */
function reloadSystemSoon(): void {
    clearTimeout(systemSoon);
    systemSoon = window.setTimeout(() => void reloadSystem(), 3 * SOON_MS);
}

const CAMERA_EVENTS_MAX = 50;

/** Something has happened to a camera. */
export function applyCameraEvent(event: CameraEvent): void {
    const others = cameraEvents.value.filter((known) => known.id !== event.id);
    cameraEvents.value = [event, ...others].slice(0, CAMERA_EVENTS_MAX);
    announcement.value = `Camera ${event.camera}: ${event.text}${event.ended ? ': over' : ''}`;
    reloadCamerasSoon();
}

/** What happened to a camera, from beginning to end. */
export interface Incident {
    id: string;
    camera: string;
    kind: string;
    text: string;
    from: string | null;
    to: string | null;
    lasting: boolean;
}

function isSo(name: string, kind: string): boolean {
    const camera = cameras.value.find((candidate) => candidate.name === name);
    if (!camera) return false;
    return kind === 'lost' ? camera.state === 'retrying' : camera.view === kind;
}

/** Each end together with its beginning; what began last comes first. */
export const incidents = computed(() => {
    const list: Incident[] = [];
    const newer = new Map<string, Incident>(); // the one that is newer, by camera and kind
    for (const event of cameraEvents.value) {
        const key = `${event.camera} ${event.kind}`;
        const after = newer.get(key);
        if (!event.ended && after && after.to && !after.from) {
            after.from = event.at;
            after.text = event.text;
            continue;
        }
        const { id, camera, kind, text } = event;
        const lasting = !event.ended && !after && isSo(camera, kind);
        const incident = { id, camera, kind, text, lasting, from: null, to: null };
        const told = event.ended ? { ...incident, to: event.at } : { ...incident, from: event.at };
        list.push(told);
        newer.set(key, told);
    }
    return list.sort((a, b) => Date.parse(b.from ?? b.to ?? '') - Date.parse(a.from ?? a.to ?? ''));
});

let loads = 0; // only the newest load may change the list

async function load(cursor: string | null): Promise<void> {
    const load = ++loads;
    loading.value = true;
    heard.clear();
    try {
        const page = await getEvents(filter.value, cursor);
        if (load !== loads) return;
        batch(() => {
            remember(page.items.filter((event) => !heard.has(event.id)));
            const ids = page.items.map((event) => event.id);
            listed.value = [...new Set(cursor ? [...listed.value, ...ids] : ids)];
            nextCursor.value = page.pagination.next_cursor;
            trouble.value = '';
            listKnown.value = true;
        });
    } catch (error) {
        if (load === loads) trouble.value = describe(error);
    } finally {
        if (load === loads) loading.value = false;
    }
}

export function describe(error: unknown): string {
    if (error instanceof Problem) return error.hint ? `${error.message} (${error.hint})` : error.message;
    return 'The server does not answer.';
}

export const reloadEvents = () => load(null);
export const loadMore = () => (nextCursor.value ? load(nextCursor.value) : Promise.resolve());

export function setFilter(change: Partial<EventFilter>): void {
    filter.value = { ...filter.value, ...change };
    void reloadEvents();
}

async function reloadCameras(): Promise<void> {
    const [newCameras, newEvents] = await Promise.allSettled([getCameras(), getCameraEvents()]);
    if (newEvents.status === 'fulfilled') cameraEvents.value = newEvents.value.items;
    if (newCameras.status === 'fulfilled') {
        cameras.value = newCameras.value.items;
        camerasKnown.value = true;
    }
}

export async function reloadSystem(): Promise<void> {
    const [newSystem] = await Promise.allSettled([getSystem(), reloadCameras()]);
    if (newSystem.status !== 'fulfilled') return;
    system.value = newSystem.value;
    if (!newSystem.value.language_model?.queue.dead) deadLetters.value = [];
    else await api.getDeadLetters().then((page) => (deadLetters.value = page.items), () => undefined);
}

/** What somebody says about an event; null takes it back. */
export async function say(event: SecurityEvent, kind: FeedbackKind | null, note: string): Promise<void> {
    const { feedback } = kind ? await api.putFeedback(event.id, kind, note) : await api.deleteFeedback(event.id);
    const newest = known.value.get(event.id);
    if (newest) remember([{ ...newest, feedback }]);
}

/** Later events of the same camera whose score rests on what people said. */
export const changedLater = (event: SecurityEvent) =>
    [...known.value.values()]
        .filter((other) => other.camera === event.camera && other.id > event.id)
        .filter((other) => other.reasons.some((reason) => reason.rule === 'feedback'))
        .sort((a, b) => (a.id < b.id ? 1 : -1));

export async function askAgain(id: string | null): Promise<void> {
    await api.askAgain(id);
    reloadSystemSoon();
}

export async function select(id: string | null): Promise<void> {
    selectedId.value = id;
    if (!id || known.value.has(id)) return;
    try {
        remember([await getEvent(id)]);
    } catch {
        if (selectedId.value === id) selectedId.value = null; // deleted meanwhile
    }
}
