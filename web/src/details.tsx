// One event in full: pictures, reasons with their evidence, everybody who was there.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { SecurityEvent, Track } from './api';
import { pictureUrl } from './api';
import { Badge, lasted, Moment, points, When, who } from './parts';
import { select, selectedEvent, selectedId } from './state';
import { duration, exactTime } from './time';

const endings: Record<string, string> = {
    window: 'it went on longer than one window',
    quiet: 'nothing moved any more',
    tracks: 'it had as many tracks as one event may have',
    end_of_input: 'the recording ended',
    shutdown: 'the program was stopped',
    interrupted: 'the program was interrupted',
};

function Pictures({ event }: { event: SecurityEvent }) {
    const [boxes, setBoxes] = useState(true);
    const [chosen, setChosen] = useState<string | null>(null);
    const pictured = event.tracks.filter((track) => track.snapshot);
    const track = pictured.find((candidate) => candidate.id === chosen);
    const address = track?.snapshot ?? event.snapshot;
    if (!address) return <p class="picture-none quiet">No picture is kept of this event.</p>;
    return (
        <figure class="still">
            <img src={pictureUrl(address, boxes, event.revision)}
                alt={`Best picture of ${track ? track.label : who(event)} on ${event.camera}`} />
            <figcaption>
                <label class="switch">
                    <input type="checkbox" role="switch" checked={boxes}
                        onChange={(e) => setBoxes(e.currentTarget.checked)} />
                    <span>Boxes</span>
                </label>
                {pictured.length > 1 && (
                    <label>
                        <span>Picture of</span>
                        <select value={chosen ?? ''} onChange={(e) => setChosen(e.currentTarget.value || null)}>
                            <option value="">the event</option>
                            {pictured.map((candidate, i) => (
                                <option key={candidate.id} value={candidate.id}>
                                    {`${i + 1}: ${candidate.label}`}
                                </option>
                            ))}
                        </select>
                    </label>
                )}
            </figcaption>
        </figure>
    );
}

function nameOf(event: SecurityEvent, id: string | null): string {
    const index = event.tracks.findIndex((track) => track.id === id);
    return index < 0 ? 'the event' : `${event.tracks[index]?.label} ${index + 1}`;
}

function WhyTable({ event }: { event: SecurityEvent }) {
    if (event.reasons.length === 0) return <p class="quiet">Nobody has scored this event yet.</p>;
    const ordered = [...event.reasons].sort((a, b) => Math.abs(b.points) - Math.abs(a.points));
    return (
        <ul class="reasons full">
            {ordered.map((reason, i) => (
                <li key={i}>
                    <span class="points">{points(reason.points)}</span>
                    <span>
                        {reason.text}
                        <span class="quiet evidence">
                            <code>{reason.rule}</code>
                            {` · ${nameOf(event, reason.evidence.track_id)} · `}
                            <Moment at={reason.evidence.at} at_s={reason.evidence.at_s} />
                        </span>
                    </span>
                </li>
            ))}
        </ul>
    );
}

function TrackItem({ track, index }: { track: Track; index: number }) {
    return (
        <li class="track">
            <div class="line">
                <b>{`${track.label} ${index + 1}`}</b>
                <span class="quiet">{`${Math.round(track.confidence * 100)} % sure`}</span>
                {track.stationary && <span class="tag">at rest</span>}
                <span class="quiet end">
                    <Moment at={track.started_at} at_s={track.start_s} /> ·{' '}
                    {duration(track.end_s - track.start_s)}
                </span>
            </div>
            {(track.zones.length > 0 || track.crossings.length > 0) && (
                <div class="line wrap">
                    {track.zones.map((zone) => (
                        <span key={zone.name} class="tag">
                            {`in ${zone.name} ${duration(zone.dwell_s)}`}
                        </span>
                    ))}
                    {track.crossings.map((crossing, i) => (
                        <span key={i} class="tag">
                            {`crossed ${crossing.line} ${crossing.direction === 'in' ? 'inwards' : 'outwards'}`}
                        </span>
                    ))}
                </div>
            )}
        </li>
    );
}

function Body({ event }: { event: SecurityEvent }) {
    const { continues, close_reason: ending } = event;
    return (
        <div class="body">
            <div class="seen">
                <Pictures event={event} />
            </div>
            <div class="told">
                <h3>Why {event.risk_score ?? 'no score'}</h3>
                <WhyTable event={event} />
                <h3>Who</h3>
                <ol class="tracks">
                    {event.tracks.map((track, i) => (
                        <TrackItem key={track.id} track={track} index={i} />
                    ))}
                </ol>
            </div>
            <div class="more-facts">
                <dl class="quiet">
                    <dt>Began</dt>
                    <dd>{event.started_at ? exactTime(event.started_at) : duration(event.start_s)}</dd>
                    <dt>Lasted</dt>
                    <dd>
                        {event.state === 'open' ? 'going on' : lasted(event)}
                        {ending ? `; closed because ${endings[ending] ?? ending}` : ''}
                    </dd>
                    <dt>Scored by</dt>
                    <dd>{event.scorer || 'nobody yet'}</dd>
                    <dt>Id</dt>
                    <dd class="id">{event.id}</dd>
                </dl>
                {continues && (
                    <button type="button" class="link" onClick={() => void select(continues)}>
                        Goes on from an earlier event
                    </button>
                )}
            </div>
        </div>
    );
}

export function Details() {
    const dialog = useRef<HTMLDialogElement>(null);
    const event = selectedEvent.value;
    const wanted = selectedId.value !== null && event !== null;
    useEffect(() => {
        if (wanted && !dialog.current?.open) dialog.current?.showModal();
        if (!wanted) dialog.current?.close();
    }, [wanted]);
    return (
        <dialog ref={dialog} class="details" aria-labelledby="details-title"
            onClose={() => void select(null)}
            onClick={(e) => e.target === dialog.current && dialog.current?.close()}>
            {event && (
                <div class="sheet">
                    <div class="line head">
                        <Badge event={event} large />
                        <div class="head">
                            <h2 id="details-title">{event.summary || who(event)}</h2>
                            <p class="quiet">
                                {event.camera} · <When at={event.started_at} at_s={event.start_s} /> ·{' '}
                                {who(event)}
                            </p>
                        </div>
                        <button type="button" class="close" aria-label="Close" onClick={() => dialog.current?.close()}>
                            ×
                        </button>
                    </div>
                    <Body key={event.id} event={event} />
                </div>
            )}
        </dialog>
    );
}
