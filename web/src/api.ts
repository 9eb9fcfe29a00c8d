// The API's shapes, as far as the page uses them (docs/api/openapi.yaml has all of it), and how to ask.

export type Level = 'unknown' | 'low' | 'medium' | 'high' | 'critical';
export const LEVELS: readonly Level[] = ['low', 'medium', 'high', 'critical'];

/** Shares of the picture, from its top left. */
export interface Box {
    x: number;
    y: number;
    width: number;
    height: number;
}

/** When and where something can be looked up; of the event as a whole without a track. */
export interface Evidence {
    track_id: string | null;
    at: string | null;
    at_s: number;
    box?: Box | null;
    zone?: string | null;
    rule?: string | null;
}

export interface Reason {
    rule: string;
    points: number;
    text: string;
    evidence: Evidence;
}

/** What a language model made of an event. */
export interface Judgement {
    state: 'waiting' | 'done' | 'failed';
    verdict: 'uncertain' | 'confirmed' | 'rejected' | null;
    score: number | null;
    rules_score?: number; // that it saw; of verdicts, but not of those stored by earlier versions
    summary: string;
    reasoning: string;
    reason: string; // why it waits or has failed
    model: string;
    build: string;
    max_change: number;
    dropped_claims: number;
    attempts: number;
    prompt_tokens: number; // -1: the server did not tell
    cached_tokens: number;
    reply_tokens: number;
    pictures: number;
    claims: { text: string; evidence: Evidence[] }[];
    spent_s: number;
    judged_at: string | null;
}

export type FeedbackKind = 'accurate' | 'false_positive' | 'missed' | 'too_high' | 'too_low';
export interface Feedback {
    kind: FeedbackKind;
    note: string;
    at: string | null;
}
export const NOTE_BYTES_MAX = 511;

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
    rules_score?: number | null; // these three: not of events stored by earlier versions
    model?: Judgement | null;
    feedback?: Feedback | null;
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

export interface LanguageModel {
    server: {
        state: 'off' | 'unknown' | 'loading' | 'ready' | 'down' | 'denied' | 'unfit';
        reason: string | null;
        url: string | null;
        discovered: boolean;
        model: string | null;
        slots: number;
        sees: boolean;
    };
    queue: { waiting: number; running: number; dead: number };
    judged: number;
    failed: number;
    tokens: { prompt: number; cached_share: number };
    model_s: number;
    breaker: { open: boolean; until?: string | null };
}

/** Something that no verdict could be got for. */
export interface DeadLetter {
    event_id: string;
    camera: string;
    score: number | null;
    reason: string | null;
    queued_at: string | null;
}

export interface System {
    status: string;
    language_model?: LanguageModel | null;
    shadow_rules?: {
        file: string;
        events: number;
        raised: number;
        lowered: number;
        alarms_added: number;
        alarms_removed: number;
    } | null;
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

async function ask<T>(path: string, method = 'GET', change?: object): Promise<T> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (change) headers['content-type'] = 'application/json';
    const answer = await fetch(path, { method, headers, body: change ? JSON.stringify(change) : null });
    const body: unknown = await answer.json().catch(() => null);
    if (answer.ok) return body as T;
    const problem = (body ?? {}) as { title?: string; detail?: string; hint?: string };
    throw new Problem(answer.status, problem.detail ?? problem.title ?? 'no answer', problem.hint ?? '');
}

const get = <T,>(path: string) => ask<T>(path);

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
export const putFeedback = (id: string, kind: FeedbackKind, note: string) =>
    ask<{ feedback: Feedback }>(`/api/events/${encodeURIComponent(id)}/feedback`, 'PUT', { kind, note });
export const deleteFeedback = (id: string) =>
    ask<{ feedback: null }>(`/api/events/${encodeURIComponent(id)}/feedback`, 'DELETE');

export const getDeadLetters = () => get<Page<DeadLetter>>('/api/llm/jobs?dead=true&limit=20');
/** Dead letters are asked about again: that of an event, or all. */
export const askAgain = (id: string | null) =>
    ask(id ? `/api/llm/jobs/${encodeURIComponent(id)}/requeue` : '/api/llm/jobs/requeue', 'POST', {});

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
