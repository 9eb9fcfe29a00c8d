// Small parts that several views use.
import { useState } from 'preact/hooks';
import type { SecurityEvent } from './api';
import { describe } from './state';
import { ago, clockTime, duration, exactTime, offset } from './time';

/** Score, level word and colour together: none of them has to carry the meaning alone. */
export function Badge({ event, large }: { event: SecurityEvent; large?: boolean }) {
    const scored = event.risk_score !== null;
    return (
        <span class={`badge level-${event.risk_level}${large ? ' large' : ''}`}>
            <span class="score">{scored ? event.risk_score : '–'}</span>
            <span class="level">{scored ? event.risk_level : 'needs review'}</span>
        </span>
    );
}

/** When something happened: relative to now, the exact time on demand. */
export function When({ at, at_s }: { at: string | null; at_s: number }) {
    if (!at) return <span class="when">{`at ${offset(at_s)}`}</span>;
    return (
        <time class="when" dateTime={at} title={exactTime(at)}>
            {ago(at)}
        </time>
    );
}

/** The same, exact to the second. */
export function Moment({ at, at_s }: { at: string | null; at_s: number }) {
    if (!at) return <span class="when">{offset(at_s)}</span>;
    return (
        <time class="when" dateTime={at} title={exactTime(at)}>
            {clockTime(at)}
        </time>
    );
}

/** "2 persons, car" */
export function who(event: SecurityEvent): string {
    const counts = new Map<string, number>();
    for (const track of event.tracks) counts.set(track.label, (counts.get(track.label) ?? 0) + 1);
    return [...counts].map(([label, count]) => (count > 1 ? `${count} × ${label}` : label)).join(', ');
}

/** " · 12 s", once there is something to tell. */
export const soFar = (event: SecurityEvent) => (event.end_s - event.start_s < 1 ? '' : ` · ${lasted(event)}`);

export const lasted = (event: SecurityEvent) => duration(event.end_s - event.start_s);

/** What a language model says of it, where it has made up its mind. */
export function Mark({ event }: { event: SecurityEvent }) {
    const verdict = event.model?.state === 'done' ? event.model.verdict : null;
    if (verdict !== 'confirmed' && verdict !== 'rejected') return null;
    return (
        <span class={`mark ${verdict}`} title={`The language model has ${verdict} it`}>
            {verdict}
        </span>
    );
}

/** A button for what may fail, which then says why. */
export function Action({ label, run, link }: { label: string; run: () => Promise<void>; link?: boolean }) {
    const [busy, setBusy] = useState(false);
    const [problem, setProblem] = useState('');
    const press = async () => {
        setBusy(true);
        setProblem(await run().then(() => '', describe));
        setBusy(false);
    };
    return (
        <>
            <button type="button" class={link ? 'link' : 'button'} disabled={busy} onClick={() => void press()}>
                {label}
            </button>
            {problem && <span class="problem" role="alert">{problem}</span>}
        </>
    );
}

export const points = (value: number) => (value < 0 ? `−${-value}` : `+${value}`);

/** "1 file", "2 files" */
export const count = (number: number, thing: string) => `${number} ${thing}${number === 1 ? '' : 's'}`;

export const capital = (words: string) => words.charAt(0).toUpperCase() + words.slice(1);
