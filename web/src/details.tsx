// One event in full: pictures, reasons with their evidence, everybody who was there.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Box, SecurityEvent, Track } from './api';
import { pictureUrl } from './api';
import { FeedbackPart } from './feedback';
import { ModelPart, nameOf, WhyTable } from './judgement';
import type { Sight } from './judgement';
import { Badge, lasted, Mark, Moment, When, who } from './parts';
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

/** Where somebody was at another moment than the picture's. */
function Outline({ box }: { box: Box }) {
    const place = (element: HTMLElement | null) => {
        for (const [side, share] of [['left', box.x], ['top', box.y], ['width', box.width], ['height', box.height]] as const)
            element?.style.setProperty(side, `${share * 100}%`);
    };
    return <span class="outline" ref={place} aria-hidden="true" />;
}

interface PicturesProps {
    event: SecurityEvent;
    at: Sight | null;
    chosen: string | null; // the track whose picture is wanted
    choose: (track: string | null) => void;
}

function Pictures({ event, at, chosen, choose }: PicturesProps) {
    const [boxes, setBoxes] = useState(true);
    const pictured = event.tracks.filter((track) => track.snapshot);
    const track = pictured.find((candidate) => candidate.id === chosen);
    const address = track?.snapshot ?? event.snapshot;
    if (!address) return <p class="picture-none quiet">No picture is kept of this event.</p>;
    const box = at?.evidence.box;
    const outline = box && box.width * box.height > 0 ? box : null;
    return (
        <figure class="still">
            <div class="frame">
                <img src={pictureUrl(address, boxes, event.revision)}
                    alt={`Best picture of ${track ? track.label : who(event)} on ${event.camera}`} />
                {outline && <Outline box={outline} />}
            </div>
            {at && (
                <p class="looking quiet" role="status">
                    {`Best picture of ${track ? nameOf(event, track.id) : 'the event'}`}
                    {outline && '; dashed: where it was at '}
                    {outline && <Moment at={at.evidence.at} at_s={at.evidence.at_s} />}
                </p>
            )}
            <figcaption>
                <label class="switch">
                    <input type="checkbox" role="switch" checked={boxes}
                        onChange={(e) => setBoxes(e.currentTarget.checked)} />
                    <span>Boxes</span>
                </label>
                {pictured.length > 1 && (
                    <label>
                        <span>Picture of</span>
                        <select value={chosen ?? ''} onChange={(e) => choose(e.currentTarget.value || null)}>
                            <option value="">the event</option>
                            {pictured.map((candidate) => (
                                <option key={candidate.id} value={candidate.id}>
                                    {nameOf(event, candidate.id)}
                                </option>
                            ))}
                        </select>
                    </label>
                )}
            </figcaption>
        </figure>
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
    const [at, setAt] = useState<Sight | null>(null);
    const [chosen, setChosen] = useState<string | null>(null);
    const seen = useRef<HTMLDivElement>(null);
    const choose = (track: string | null) => {
        setChosen(track);
        setAt(null);
    };
    const look = (sight: Sight) => {
        const again = at?.key === sight.key;
        setAt(again ? null : sight);
        setChosen(again ? null : sight.evidence.track_id);
        if (!again) seen.current?.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
    };
    const looking = { event, at, look };
    return (
        <div class="body">
            <div class="seen" ref={seen}>
                <Pictures event={event} at={at} chosen={chosen} choose={choose} />
            </div>
            <div class="told">
                <h3>{event.risk_score === null ? 'Why no score' : `How ${event.risk_score} comes about`}</h3>
                <WhyTable {...looking} />
                <ModelPart {...looking} />
                <FeedbackPart event={event} />
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
                                <Mark event={event} />
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
