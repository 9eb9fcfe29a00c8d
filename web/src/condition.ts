// What a camera's state means to the people who own it, and what they can do about it.
import type { Camera } from './api';
import { duration } from './time';

interface Trouble {
    words: string;
    help: string;
}

// By cause, and by what is wrong with the view.
const troubles: Record<string, Trouble> = {
    refused: {
        words: 'cannot be reached',
        help: 'Is it switched on and in this network? Check the address and the port in the configuration.',
    },
    name: {
        words: 'unknown name',
        help: 'Nobody in this network knows the name in its address. Correct it, or use the IP address.',
    },
    denied: {
        words: 'wrong password',
        help: 'Correct its username and password in the configuration.',
    },
    missing: {
        words: 'not found',
        help: 'There is no such stream or file. Check the end of its address in the configuration.',
    },
    timeout: {
        words: 'does not answer',
        help: 'Is it switched on and in reach of the network? Check the address in the configuration.',
    },
    silent: {
        words: 'sends no pictures',
        help: 'It answers, but no pictures come. If this stays so, restart the camera.',
    },
    ended: {
        words: 'hangs up',
        help: 'It ends the connection. Many serve only a few viewers at once: close other apps that watch it.',
    },
    garbage: {
        words: 'no video there',
        help: 'What answers at its address is no video: cameras have one address for people and one for video.',
    },
    no_key_frame: {
        words: 'no picture yet',
        help: 'It has sent no whole picture yet. Set a shorter key-frame (I-frame) interval in the camera.',
    },
    frozen: {
        words: 'frozen picture',
        help: 'The same picture comes again and again. Restart the camera.',
    },
    black: {
        words: 'black picture',
        help: 'No light reaches it. Is the lens covered, or the light for the night (infrared) off?',
    },
    covered: {
        words: 'covered',
        help: 'Something is right in front of the lens. Go and look.',
    },
    defocused: {
        words: 'out of focus',
        help: 'Clean the lens and the glass in front of it; look for dew and spider webs.',
    },
    moved: {
        words: 'turned away',
        help: 'It looks elsewhere than before. Turn it back, or draw its zones anew.',
    },
};
const noUploads: Trouble = {
    words: 'folder cannot be read',
    help: 'The folder has to be there, and hsi has to be allowed to read it.',
};
const decoding: Trouble = { words: 'no picture', help: 'It sends video that cannot be shown.' };

export interface Condition {
    mood: 'online' | 'connecting' | 'retrying' | 'unwell' | 'off';
    words: string;
    help: string | null; // what somebody can do
    detail: string | null; // the same, as the program says it
}

/** The program's reason without what the words say already. */
export const plain = (reason: string) => reason.replace(/^cannot connect: /, '');

function again(camera: Camera): string {
    const seconds = camera.retry_in_s ?? 0;
    if (seconds < 30) return 'trying again';
    return `next try in ${seconds < 90 ? duration(seconds) : `${Math.round(seconds / 60)} min`}`;
}

function away(camera: Camera): Condition {
    const known = camera.uploads ? noUploads : troubles[camera.cause ?? ''];
    const detail = [camera.reason ? plain(camera.reason) : '', again(camera)].filter(Boolean).join(' · ');
    return { mood: 'retrying', words: known?.words ?? 'offline', help: known?.help ?? null, detail };
}

function present(camera: Camera): Condition {
    const known = troubles[camera.cause ?? ''] ?? troubles[camera.view ?? ''];
    const trouble = known ?? (camera.reason ? decoding : null);
    if (trouble) return { mood: 'unwell', words: trouble.words, help: trouble.help, detail: camera.reason ?? null };
    return { mood: 'online', words: camera.uploads ? 'ready' : 'online', help: null, detail: advice(camera) };
}

/** Nothing is wrong, but something could be better. */
function advice(camera: Camera): string | null {
    const { uploads, idle } = camera;
    if (uploads?.unmoved) return `Files stay where they are: ${uploads.unmoved}`;
    if (uploads?.last_refusal) return `Last refused: ${uploads.last_refusal}`;
    return idle?.reason ? `Never rests: ${idle.reason}` : null;
}

export function conditionOf(camera: Camera): Condition {
    const reason = camera.reason ?? null;
    if (camera.enabled === false) return { mood: 'off', words: 'switched off', help: null, detail: null };
    switch (camera.state ?? 'online') {
        case 'online':
            return present(camera);
        case 'retrying':
            return away(camera);
        case 'ended':
            return reason
                ? { mood: 'unwell', words: 'given up', help: null, detail: reason }
                : { mood: 'off', words: 'recording has ended', help: null, detail: null };
        default:
            return { mood: 'connecting', words: 'connecting', help: null, detail: reason };
    }
}

export const needsAttention = (camera: Camera) => ['retrying', 'unwell'].includes(conditionOf(camera).mood);
