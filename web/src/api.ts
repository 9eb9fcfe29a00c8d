// The API's shapes, as far as the page uses them (docs/api/openapi.yaml has all of it), and how to ask.

export type Level = 'unknown' | 'low' | 'medium' | 'high' | 'critical';
export const LEVELS: readonly Level[] = ['low', 'medium', 'high', 'critical'];

export interface Reason {
    rule: string;
    points: number;
    text: string;
    evidence: { track_id: string | null; at: string | null; at_s: number };
}

export interface Track {
    id: string;
    label: string;
    kind: string;
    confidence: number;
    start_s: number;
    end_s: number;
    started_at: string | null;
    ended_at: string | null;
    stationary: boolean;
    zones: { name: string; dwell_s: number; inside: boolean }[];
    crossing_count: number;
    crossings: { line: string; direction: 'in' | 'out'; at: string | null; at_s: number }[];
    snapshot: string | null;
}

export interface SecurityEvent {
    id: string;
    continues: string | null;
    camera: string;
    state: 'open' | 'closed';
    close_reason: string | null;
    revision: number;
    started_at: string | null;
    ended_at: string | null;
    start_s: number;
    end_s: number;
    risk_score: number | null;
    risk_level: Level;
    scorer: string;
    summary: string;
    reasons: Reason[];
    tracks: Track[];
    snapshot: string | null;
}

export interface Camera {
    name: string;
    enabled?: boolean;
    state?: string;
    cause?: string | null;
    reason?: string | null;
    retry_in_s?: number;
    view?: string;
    width?: number;
    height?: number;
    picture_at?: string | null;
    idle?: { idle: boolean; reason: string | null; idle_s: number };
    uploads?: {
        accepted: number;
        duplicates: number;
        refused: number;
        waiting: number;
        unmoved: string | null;
        last_refusal: string | null;
    };
}

export interface CameraEvent {
    id: string;
    camera: string;
    kind: string;
    ended: boolean;
    at: string | null;
    text: string;
}

export interface System {
    status: string;
    reason?: string | null;
    version?: string;
    detector?: { name?: string; backend?: string; reason?: string | null; note?: string | null };
}

interface Page<T> {
    items: T[];
    pagination: { limit: number; next_cursor: string | null; has_more: boolean };
}

/** What the server says when it refuses, in its own words. */
export class Problem extends Error {
    constructor(
        readonly status: number,
        detail: string,
        readonly hint: string,
    ) {
        super(detail);
    }
}

async function get<T>(path: string): Promise<T> {
    const answer = await fetch(path, { headers: { accept: 'application/json' } });
    const body: unknown = await answer.json().catch(() => null);
    if (answer.ok) return body as T;
    const problem = (body ?? {}) as { title?: string; detail?: string; hint?: string };
    throw new Problem(answer.status, problem.detail ?? problem.title ?? 'no answer', problem.hint ?? '');
}

export interface EventFilter {
    camera: string; // empty: all
    level: Level; // unknown: all
}

export function getEvents(filter: EventFilter, cursor: string | null): Promise<Page<SecurityEvent>> {
    const query = new URLSearchParams({ limit: '20' });
    if (filter.camera) query.set('camera', filter.camera);
    if (filter.level !== 'unknown') query.set('min_level', filter.level);
    if (cursor) query.set('cursor', cursor);
    return get(`/api/events?${query}`);
}

export const getEvent = (id: string) => get<SecurityEvent>(`/api/events/${encodeURIComponent(id)}`);
export const getCameras = () => get<Page<Camera>>('/api/cameras');
export const getCameraEvents = () => get<Page<CameraEvent>>('/api/camera-events?limit=50');
export const getSystem = () => get<System>('/api/system');

/** Address of an event's picture. The revision only makes a changed picture a new address. */
export function pictureUrl(address: string, boxes: boolean, revision: number): string {
    const url = new URL(address, location.origin);
    url.searchParams.set('boxes', String(boxes));
    url.searchParams.set('revision', String(revision));
    return url.pathname + url.search;
}
