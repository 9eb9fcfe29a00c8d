// The line at the top: is everything well, and with what eyes are we looking?
import { conditionOf, needsAttention } from './condition';
import { count } from './parts';
import { modelState } from './risk';
import { cameras, camerasKnown, connection, system } from './state';

interface Health {
    mood: 'good' | 'busy' | 'bad';
    text: string;
}

function health(): Health {
    if (connection.value === 'lost') return { mood: 'bad', text: 'Connection lost, trying again' };
    if (connection.value === 'connecting' || !camerasKnown.value)
        return { mood: 'busy', text: 'Connecting' };
    if (system.value?.status === 'starting') return { mood: 'busy', text: 'Starting' };
    if (system.value?.status === 'degraded')
        return { mood: 'bad', text: `Nothing can be stored: ${system.value.reason ?? 'unknown'}` };
    const list = cameras.value;
    if (list.length === 0) return { mood: 'busy', text: 'No cameras yet' };
    const troubled = list.filter(needsAttention);
    if (troubled.length === 1 && troubled[0])
        return { mood: 'bad', text: `Camera ${troubled[0].name}: ${conditionOf(troubled[0]).words}` };
    if (troubled.length > 1)
        return { mood: 'bad', text: `${troubled.length} of ${list.length} cameras need attention` };
    const moods = list.map((camera) => conditionOf(camera).mood);
    const connecting = moods.filter((mood) => mood === 'connecting').length;
    if (connecting > 0) return { mood: 'busy', text: `Connecting to ${count(connecting, 'camera')}` };
    if (!moods.includes('online')) return { mood: 'busy', text: 'No camera is running' };
    return { mood: 'good', text: list.length === 1 ? 'Camera online' : 'All cameras well' };
}

/** To the first camera that somebody should look after. */
function showTroubled(): void {
    document.querySelector('.camera.troubled')?.scrollIntoView({ behavior: 'smooth', block: 'center' });
}

export function Header() {
    const { mood, text } = health();
    const detector = system.value?.detector;
    const model = system.value?.language_model;
    return (
        <header class="top">
            <h1>
                <svg viewBox="0 0 32 32" aria-hidden="true">
                    <path d="M16 4l10 4v7.6c0 6.2-4.1 10.8-10 13.4C10.1 26.4 6 21.8 6 15.6V8z" />
                    <circle cx="16" cy="15" r="4" />
                </svg>
                <span>
                    Home Security<span class="wide-only"> Intelligence</span>
                </span>
            </h1>
            <div class="facts">
                {detector?.name && (
                    <span class="detector" title={detector.backend ?? ''}>
                        Detector <b>{detector.name}</b>
                    </span>
                )}
                {model && (
                    <span class={`detector language-model ${modelState(model).mood}`} title={modelState(model).words}>
                        Language model <b>{modelState(model).short}</b>
                    </span>
                )}
                <span class={`health ${mood}`} role="status">
                    {text}
                </span>
                {mood === 'bad' && cameras.value.some(needsAttention) && (
                    <button type="button" class="link" onClick={showTroubled}>
                        Show
                    </button>
                )}
            </div>
        </header>
    );
}

/** Says so, plainly, when the detector is not the one a home should rely on. */
export function DetectorNotice() {
    const detector = system.value?.detector;
    if (!detector || (!detector.reason && !detector.note)) return null;
    const blind = Boolean(detector.reason);
    return (
        <aside class="notice" aria-label="About the detector">
            <p>
                <b>{blind ? 'Only motion is detected.' : 'This is a demonstration model.'}</b>{' '}
                {blind
                    ? `People, vehicles and animals cannot be told apart: ${detector.reason}.`
                    : `${detector.note}.`}{' '}
                For real cameras install YOLO26:
            </p>
            <code>hsi model install FILE</code>
        </aside>
    );
}
