import { effect } from '@preact/signals';
import { render } from 'preact';
import { CameraEvents, Cameras } from './cameras';
import { Details } from './details';
import { EventList, OpenEvents } from './events';
import { DetectorNotice, Header } from './header';
import { Risk } from './risk';
import { connect, hurry } from './live';
import { announcement, now, reloadSystem, select, selectedId, system } from './state';

const TICK_MS = 10_000; // relative times grow older
const SYSTEM_MS = 30_000;
const STARTING_MS = 2_000; // while models are loading

function Announcer() {
    return (
        <p class="hidden" aria-live="polite">
            {announcement.value}
        </p>
    );
}

function App() {
    return (
        <>
            <a class="skip" href="#events-title">
                Skip to events
            </a>
            <Header />
            <DetectorNotice />
            <main>
                <OpenEvents />
                <section class="live" aria-labelledby="cameras-title">
                    <h2 id="cameras-title">Cameras</h2>
                    <Cameras />
                    <CameraEvents />
                    <Risk />
                </section>
                <EventList />
            </main>
            <Details />
            <Announcer />
        </>
    );
}

/** The opened event is part of the address, so that it can be sent to somebody. */
function followAddress(): void {
    const id = /^#event\/([0-9a-f-]{36})$/.exec(location.hash)?.[1];
    if ((id ?? null) !== selectedId.value) void select(id ?? null);
}

const root = document.getElementById('app');
if (root) {
    root.textContent = '';
    render(<App />, root);
}
followAddress();
window.addEventListener('hashchange', followAddress);
effect(() => {
    const address = selectedId.value ? `#event/${selectedId.value}` : '';
    if (location.hash !== address) history.replaceState(null, '', address || location.pathname);
});

function pollSystem(): void {
    void reloadSystem().finally(() =>
        window.setTimeout(pollSystem, system.value?.status === 'ok' ? SYSTEM_MS : STARTING_MS),
    );
}
pollSystem();
connect();
window.setInterval(() => {
    now.value = Date.now();
}, TICK_MS);
window.addEventListener('online', hurry);
document.addEventListener('visibilitychange', () => {
    now.value = Date.now();
    if (document.visibilityState === 'visible') hurry();
});
