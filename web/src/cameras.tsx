// Cameras: the live picture of each, what it is doing, and what it saw last.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Camera } from './api';
import { Badge, When } from './parts';
import { cameraEvents, cameras, camerasKnown, lastEventOf, select } from './state';

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

function LivePicture({ camera }: { camera: Camera }) {
    const image = useRef<HTMLImageElement>(null);
    const [state, setState] = useState<Picture>('loading');
    useEffect(() => (image.current ? show(image.current, camera.name, setState) : undefined), [camera.name]);
    const ratio = camera.width && camera.height ? `${camera.width} / ${camera.height}` : '16 / 9';
    return (
        <div class={`picture ${state}`} ref={(element) => element?.style.setProperty('--ratio', ratio)}>
            <img ref={image} alt={`Live picture of camera ${camera.name}`} />
            {state !== 'shown' && (
                <p class="veil">{state === 'loading' ? 'Loading the picture …' : 'No picture at the moment'}</p>
            )}
        </div>
    );
}

const stateWords: Record<string, string> = {
    online: 'online',
    connecting: 'connecting',
    retrying: 'offline, trying again',
    ended: 'recording has ended',
};

// Why there is no good picture, in two words; the sentence follows below.
const troubleWords: Record<string, string> = {
    refused: 'cannot be reached',
    name: 'unknown name',
    denied: 'wrong password',
    missing: 'not there',
    timeout: 'no answer',
    silent: 'fell silent',
    ended: 'hung up',
    garbage: 'sends no video',
    no_key_frame: 'waiting for a key frame',
    frozen: 'frozen picture',
    black: 'black picture',
    covered: 'covered',
    defocused: 'out of focus',
    moved: 'turned away',
};

/** What the camera is doing, and whether somebody should look after it. */
function condition(camera: Camera): { state: string; words: string } {
    const state = camera.state ?? 'online';
    const trouble = troubleWords[camera.cause ?? ''] ?? troubleWords[camera.view ?? ''];
    if (state === 'online') return { state: trouble ? 'unwell' : state, words: trouble ?? 'online' };
    if (state === 'retrying' && trouble) return { state, words: `${trouble}, trying again` };
    return { state, words: stateWords[state] ?? state };
}

function facts(camera: Camera): string {
    const size = camera.width && camera.height ? `${camera.width} × ${camera.height}` : '';
    const files = camera.uploads ? `${camera.uploads.accepted} files` : '';
    return [size, files, camera.idle?.idle ? 'resting' : ''].filter(Boolean).join(' · ');
}

/** A sentence that helps: why there is no picture, why a file was refused, what would save work. */
function advice(camera: Camera): string | null {
    if (camera.reason) return camera.reason;
    if (camera.uploads?.last_refusal) return `Refused: ${camera.uploads.last_refusal}`;
    return camera.idle?.reason ? `Never rests: ${camera.idle.reason}` : null;
}

function CameraCard({ camera }: { camera: Camera }) {
    const { state, words } = condition(camera);
    const note = advice(camera);
    const last = lastEventOf(camera.name);
    return (
        <article class="card camera" aria-label={`Camera ${camera.name}`}>
            <LivePicture camera={camera} />
            <div class="line">
                <h3>{camera.name}</h3>
                <span class={`state ${state}`}>{words}</span>
                <span class="quiet end">{facts(camera)}</span>
            </div>
            {note && <p class="quiet reason">{note}</p>}
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

/** What happened to the cameras themselves, newest first. */
export function CameraEvents() {
    if (cameraEvents.value.length === 0) return null;
    return (
        <details class="card camera-events">
            <summary>What happened to cameras</summary>
            <ul>
                {cameraEvents.value.map((event) => (
                    <li key={event.id} class="line">
                        <b>{event.camera}</b>
                        <span class={event.ended ? 'quiet' : ''}>
                            {event.text}
                            {event.ended ? ': over' : ''}
                        </span>
                        <span class="quiet end">
                            <When at={event.at} at_s={0} />
                        </span>
                    </li>
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
                    Add one under <code>cameras:</code> in the configuration file and start again.{' '}
                    <code>hsi demo</code> shows how it looks with a rendered street scene.
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
