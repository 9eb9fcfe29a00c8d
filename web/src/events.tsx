// Events: what is happening now, and what happened before.
import type { Level, SecurityEvent } from './api';
import { LEVELS, pictureUrl } from './api';
import { Badge, lasted, Mark, Moment, points, soFar, When, who } from './parts';
import * as state from './state';

const REASONS_SHOWN = 4;

export function Reasons({ event, most }: { event: SecurityEvent; most?: number }) {
    const ordered = [...event.reasons].sort((a, b) => Math.abs(b.points) - Math.abs(a.points));
    const shown = most ? ordered.slice(0, most) : ordered;
    const hidden = ordered.length - shown.length;
    return (
        <ul class="reasons">
            {shown.map((reason) => (
                <li key={`${reason.rule} ${reason.evidence.track_id ?? ''} ${reason.text}`}>
                    <span class="points">{points(reason.points)}</span>
                    <span>{reason.text}</span>
                </li>
            ))}
            {hidden > 0 && <li class="quiet">and {hidden} more</li>}
        </ul>
    );
}

export function OpenEvents() {
    const open = state.openEvents.value;
    return (
        <section class="now" aria-labelledby="now-title">
            <h2 id="now-title">Now</h2>
            {open.length === 0 && (
                <div class="card calm">
                    <p>All quiet.</p>
                    <p class="quiet">An event opens here as soon as something moves that matters.</p>
                </div>
            )}
            {open.map((event) => (
                <article key={event.id} class={`card open level-${event.risk_level}`} aria-label="Open event">
                    <div class="line">
                        <Badge event={event} large />
                        <div class="head">
                            <h3>{event.summary || who(event)}</h3>
                            <p class="quiet">
                                <span class="pulse" aria-hidden="true" /> {event.camera} · since{' '}
                                <Moment at={event.started_at} at_s={event.start_s} />
                                {soFar(event)}
                            </p>
                        </div>
                    </div>
                    <Reasons event={event} most={REASONS_SHOWN} />
                    <button type="button" class="button" onClick={() => void state.select(event.id)}>
                        Details
                    </button>
                </article>
            ))}
        </section>
    );
}

function Filters() {
    const wanted = state.filter.value;
    return (
        <div class="filters">
            <label>
                <span>Camera</span>
                <select
                    value={wanted.camera}
                    onChange={(e) => state.setFilter({ camera: e.currentTarget.value })}
                >
                    <option value="">all</option>
                    {state.cameras.value.map((camera) => (
                        <option key={camera.name} value={camera.name}>
                            {camera.name}
                        </option>
                    ))}
                </select>
            </label>
            <label>
                <span>At least</span>
                <select
                    value={wanted.level}
                    onChange={(e) => state.setFilter({ level: e.currentTarget.value as Level })}
                >
                    <option value="unknown">any level</option>
                    {LEVELS.map((level) => (
                        <option key={level} value={level}>
                            {level}
                        </option>
                    ))}
                </select>
            </label>
        </div>
    );
}

function Thumbnail({ event }: { event: SecurityEvent }) {
    if (!event.snapshot) return <span class="thumb none" aria-hidden="true" />;
    return (
        <img class="thumb" loading="lazy" decoding="async" alt=""
            src={pictureUrl(event.snapshot, true, event.revision)} />
    );
}

function Row({ event }: { event: SecurityEvent }) {
    return (
        <li>
            <button type="button" class="row" onClick={() => void state.select(event.id)}>
                <Thumbnail event={event} />
                <span class="text">
                    <span class="summary">{event.summary || who(event)}</span>
                    <span class="quiet">
                        {event.camera} · <When at={event.started_at} at_s={event.start_s} /> ·{' '}
                        {event.state === 'open' ? 'going on' : lasted(event)}
                        <Mark event={event} />
                    </span>
                </span>
                <Badge event={event} />
            </button>
        </li>
    );
}

function NoEvents() {
    const { camera, level } = state.filter.value;
    const filtered = camera !== '' || level !== 'unknown';
    return (
        <div class="empty">
            <h3>{filtered ? 'Nothing matches' : 'No events yet'}</h3>
            <p>
                {filtered
                    ? 'No event of this camera and level is kept.'
                    : 'When a person, a vehicle or an animal moves through a picture, it appears here with a score and the reasons for it. Parked cars stay quiet.'}
            </p>
            {filtered && (
                <button type="button" class="button" onClick={() => state.setFilter({ camera: '', level: 'unknown' })}>
                    Show all events
                </button>
            )}
        </div>
    );
}

export function EventList() {
    const events = state.listedEvents.value;
    return (
        <section class="past" aria-labelledby="events-title">
            <div class="line">
                <h2 id="events-title">Events</h2>
                <Filters />
            </div>
            <div class="card list" aria-busy={state.loading.value}>
                {state.trouble.value && (
                    <p class="trouble">
                        {state.trouble.value}{' '}
                        <button type="button" class="link" onClick={() => void state.reloadEvents()}>
                            Try again
                        </button>
                    </p>
                )}
                {state.listKnown.value && events.length === 0 && !state.trouble.value && <NoEvents />}
                {!state.listKnown.value && !state.trouble.value && <p class="empty quiet">Loading …</p>}
                <ol>
                    {events.map((event) => (
                        <Row key={event.id} event={event} />
                    ))}
                </ol>
                {state.nextCursor.value && (
                    <button type="button" class="button more" disabled={state.loading.value}
                        onClick={() => void state.loadMore()}>
                        Older events
                    </button>
                )}
            </div>
        </section>
    );
}
