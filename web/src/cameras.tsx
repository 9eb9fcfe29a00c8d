// Cameras: the live picture of each, what it is doing, and what it saw last.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Camera } from './api';
import { conditionOf, needsAttention, plain } from './condition';
import type { Condition } from './condition';
import { Badge, capital, count, When } from './parts';
import { cameras, camerasKnown, incidents, lastEventOf, select } from './state';
import type { Incident } from './state';
import { duration } from './time';

const PERIOD_MS = 250;
const PATIENCE_MS = 2_000; // between tries while there is no picture
const WIDTH_STEP = 320; // few sizes, so that viewers share what the server has encoded

type Picture = 'loading' | 'shown' | 'none';

/** The picture's width in device pixels, rounded up. */
function wantedWidth(element: HTMLElement): number {
    const pixels = element.clientWidth * Math.min(window.devicePixelRatio || 1, 2);
    return Math.max(WIDTH_STEP, Math.min(1920, Math.ceil(pixels / WIDTH_STEP) * WIDTH_STEP));
}

/** Loads picture after picture into image, each decoded before it replaces the one before it. */
function show(image: HTMLImageElement, camera: string, told: (state: Picture) => void): () => void {
    let stopped = false;
    let timer = 0;
    let visible = true;
    let current = '';
    const watcher = new IntersectionObserver((entries) => {
        visible = entries.some((entry) => entry.isIntersecting);
    });
    watcher.observe(image);

    async function once(): Promise<boolean> {
        const address = `/api/cameras/${encodeURIComponent(camera)}/snapshot?boxes=true&width=${wantedWidth(image)}`;
        const answer = await fetch(address, { cache: 'no-cache' });
        if (!answer.ok) return false;
        const next = URL.createObjectURL(await answer.blob());
        const decoder = new Image();
        decoder.src = next;
        try {
            await decoder.decode();
        } catch {
            URL.revokeObjectURL(next);
            return false;
        }
        if (!stopped) image.src = next;
        URL.revokeObjectURL(current);
        current = next;
        return true;
    }

    async function loop(): Promise<void> {
        const began = performance.now();
        let wait = PERIOD_MS;
        if (visible && document.visibilityState === 'visible') {
            const shown = await once().catch(() => false);
            if (stopped) return;
            told(shown ? 'shown' : 'none');
            if (!shown) wait = PATIENCE_MS;
        }
        timer = window.setTimeout(() => void loop(), Math.max(50, wait - (performance.now() - began)));
    }

    void loop();
    return () => {
        stopped = true;
        clearTimeout(timer);
        watcher.disconnect();
        URL.revokeObjectURL(current);
    };
}

function veilOf(camera: Camera, condition: Condition, loading: boolean): string {
    if (condition.mood === 'online' && camera.uploads) return 'Waiting for the first upload';
    if (condition.mood !== 'online') return capital(condition.words);
    return loading ? 'Loading the picture …' : 'No picture at the moment';
}

/** What is shown is not what is going on: since when. */
function Age({ camera, mood }: { camera: Camera; mood: Condition['mood'] }) {
    if (!camera.picture_at || (!camera.uploads && (mood === 'online' || mood === 'unwell'))) return null;
    return (
        <p class="age">
            {camera.uploads ? 'Taken' : 'Last picture'} <When at={camera.picture_at} at_s={0} />
        </p>
    );
}

function LivePicture({ camera, condition }: { camera: Camera; condition: Condition }) {
    const image = useRef<HTMLImageElement>(null);
    const [state, setState] = useState<Picture>('loading');
    useEffect(() => (image.current ? show(image.current, camera.name, setState) : undefined), [camera.name]);
    const seen = Boolean(camera.width && camera.height);
    const ratio = seen ? `${camera.width} / ${camera.height}` : '16 / 9';
    const stale = ['retrying', 'off'].includes(condition.mood);
    return (
        <div class={`picture ${state}${stale ? ' stale' : ''}${seen ? '' : ' unseen'}`}
            ref={(element) => element?.style.setProperty('--ratio', ratio)}>
            <img ref={image} alt={`${stale ? 'Last' : 'Live'} picture of camera ${camera.name}`} />
            {(state !== 'shown' || stale) && (
                <p class="veil">{veilOf(camera, condition, state === 'loading')}</p>
            )}
            {state === 'shown' && <Age camera={camera} mood={condition.mood} />}
        </div>
    );
}

const RESTED_LEAST_S = 60; // less is not worth a word

/** Somebody who looks wakes the camera, so what it does unwatched has to be told afterwards. */
function rest(camera: Camera): string {
    if (!camera.idle || (camera.state ?? 'online') !== 'online') return '';
    if (camera.idle.idle) return 'resting, nothing moves';
    return camera.idle.idle_s >= RESTED_LEAST_S ? `rested ${duration(camera.idle.idle_s)}` : '';
}

function facts(camera: Camera): string {
    const { width, height, uploads } = camera;
    const list = [width && height ? `${width} × ${height}` : '', rest(camera)];
    if (uploads) {
        list.push(count(uploads.accepted, 'file'));
        if (uploads.duplicates) list.push(count(uploads.duplicates, 'duplicate'));
        if (uploads.refused) list.push(`${uploads.refused} refused`);
        if (uploads.waiting) list.push(`${uploads.waiting} waiting`);
    }
    return list.filter(Boolean).join(' · ');
}

const RESTING = 'While nothing moves, only its key frames are decoded: that saves most of the work.';

function CameraCard({ camera }: { camera: Camera }) {
    const condition = conditionOf(camera);
    const last = lastEventOf(camera.name);
    return (
        <article class={`card camera${needsAttention(camera) ? ' troubled' : ''}`}
            aria-label={`Camera ${camera.name}`}>
            <LivePicture camera={camera} condition={condition} />
            <div class="line">
                <h3>{camera.name}</h3>
                <span class={`state ${condition.mood}`}>{condition.words}</span>
                <span class="quiet end" title={camera.idle ? RESTING : undefined}>
                    {facts(camera)}
                </span>
            </div>
            {condition.help && <p class="help">{condition.help}</p>}
            {condition.detail && <p class="quiet reason">{condition.detail}</p>}
            <p class="line last">
                {last ? (
                    <>
                        <span class="quiet">Last event</span>
                        <button type="button" class="link" onClick={() => void select(last.id)}>
                            <When at={last.started_at} at_s={last.start_s} />
                        </button>
                        <Badge event={last} />
                    </>
                ) : (
                    <span class="quiet">No event yet</span>
                )}
            </p>
        </article>
    );
}

const INCIDENTS_SHOWN = 10;

/** The program's sentence; why there were no pictures is said where it began. */
function sentence({ kind, text, from }: Incident): string {
    if (kind !== 'lost') return capital(text || kind);
    return from && text ? `No pictures: ${plain(text)}` : 'No pictures';
}

function IncidentRow({ incident }: { incident: Incident }) {
    const { from, to, lasting } = incident;
    const length_s = from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : 0;
    return (
        <li class={lasting ? 'lasting' : to ? 'over' : ''}>
            <b>{incident.camera}</b>
            <span class="what">{sentence(incident)}</span>
            <span class="quiet">
                <When at={from ?? to} at_s={0} />
                {lasting && <span class="still-so"> · still so</span>}
                {to && ` · over${from ? ` after ${duration(length_s)}` : ''}`}
            </span>
        </li>
    );
}

/** What happened to the cameras themselves. */
export function CameraEvents() {
    const [newest] = incidents.value;
    if (!newest) return null;
    return (
        <details class="card camera-events">
            <summary>
                What happened to cameras{' '}
                <span class="quiet">
                    last: {newest.camera}, <When at={newest.from ?? newest.to} at_s={0} />
                </span>
            </summary>
            <ul>
                {incidents.value.slice(0, INCIDENTS_SHOWN).map((incident) => (
                    <IncidentRow key={incident.id} incident={incident} />
                ))}
            </ul>
        </details>
    );
}

export function Cameras() {
    if (camerasKnown.value && cameras.value.length === 0)
        return (
            <div class="card empty">
                <h3>No cameras yet</h3>
                <p>
                    Add one under <code>cameras:</code> in the configuration file, or a folder for uploads under{' '}
                    <code>uploads:</code>, and start again. <code>hsi demo</code> shows how it looks with a rendered street scene.
                </p>
            </div>
        );
    return (
        <div class={`cameras many-${Math.min(cameras.value.length, 3)}`}>
            {cameras.value.map((camera) => (
                <CameraCard key={camera.name} camera={camera} />
            ))}
        </div>
    );
}
