// The live stream: one WebSocket, reconnected with back-off, resumed by sequence number so that no
// change of an event is missed in between.
import type { CameraEvent, SecurityEvent } from './api';
import {
    applyCameraEvent, applyEvent, connection, reloadCamerasSoon, reloadEvents, reloadSystem,
} from './state';

const FIRST_DELAY_MS = 500;
const LAST_DELAY_MS = 15_000;
const RESUME_MAX = 500; // further behind, loading the list anew is the shorter way
const QUIET_MS = 45_000; // without a word this long, ask whether anybody is there

type Message =
    | { type: 'hello'; seq: number }
    | { type: 'event'; seq: number; data: SecurityEvent }
    | { type: 'camera_event'; data: CameraEvent }
    | { type: 'missed'; count: number; seq: number }
    | { type: 'camera' | 'pong' | 'error' | 'detections' };

let socket: WebSocket | null = null;
let seq = -1; // of the newest event that arrived; -1: none yet
let delay = FIRST_DELAY_MS;
let retry = 0;
let quiet = 0;

function send(message: object): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function onHello(newest: number): void {
    const behind = newest - seq;
    if (seq < 0 || behind < 0 || behind > RESUME_MAX) {
        seq = newest;
        void reloadEvents();
    } else if (behind > 0) send({ type: 'resume', after: seq });
    void reloadSystem();
}

function onMessage(message: Message): void {
    switch (message.type) {
        case 'hello':
            onHello(message.seq);
            break;
        case 'event':
            seq = Math.max(seq, message.seq);
            applyEvent(message.data);
            break;
        case 'camera':
            reloadCamerasSoon();
            break;
        case 'camera_event':
            applyCameraEvent(message.data);
            break;
        case 'missed':
            send({ type: 'resume', after: message.seq });
            break;
        default:
    }
}

function listenForSilence(): void {
    clearTimeout(quiet);
    quiet = window.setTimeout(() => {
        send({ type: 'ping' });
        quiet = window.setTimeout(() => socket?.close(), 5_000);
    }, QUIET_MS);
}

function reconnectLater(): void {
    clearTimeout(quiet);
    clearTimeout(retry);
    connection.value = 'lost';
    // Spread out, so that all pages of a house do not come back in the same instant.
    retry = window.setTimeout(connect, delay * (0.75 + Math.random() / 2));
    delay = Math.min(delay * 2, LAST_DELAY_MS);
}

export function connect(): void {
    clearTimeout(retry);
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const opened = new WebSocket(`${scheme}//${location.host}/ws/events`);
    socket = opened;
    opened.onopen = () => {
        delay = FIRST_DELAY_MS;
        connection.value = 'live';
        listenForSilence();
    };
    opened.onmessage = (frame) => {
        listenForSilence();
        onMessage(JSON.parse(String(frame.data)) as Message);
    };
    opened.onclose = () => {
        if (socket === opened) reconnectLater();
    };
}

/** The page is looked at again, or the network is back: do not wait for the back-off. */
export function hurry(): void {
    if (socket?.readyState === WebSocket.CLOSED) connect();
}
