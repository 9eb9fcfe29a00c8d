// What people say about an event, and what follows from it.
import { useRef, useState } from 'preact/hooks';
import { NOTE_BYTES_MAX } from './api';
import type { Feedback, FeedbackKind, SecurityEvent } from './api';
import { Action, When } from './parts';
import { changedLater, say, select } from './state';

const kinds: Record<FeedbackKind, { words: string; follows: string }> = {
    accurate: { words: 'Accurate', follows: 'What was said before about events like this counts a little less.' },
    false_positive: { words: 'False alarm', follows: 'Later events like this score lower.' },
    missed: { words: 'Missed something', follows: 'Later events like this score higher.' },
    too_high: { words: 'Too high', follows: 'Later events like this score a little lower.' },
    too_low: { words: 'Too low', follows: 'Later events like this score a little higher.' },
};

const LATER_SHOWN = 3;

interface SaidProps {
    event: SecurityEvent;
    feedback: Feedback;
    done: () => void;
}

function Said({ event, feedback, done }: SaidProps) {
    const later = changedLater(event);
    return (
        <div class="said">
            <p>
                You said: <b>{kinds[feedback.kind].words.toLowerCase()}</b>
                {feedback.note && `, “${feedback.note}”`}{' '}
                <span class="quiet">
                    <When at={feedback.at} at_s={0} />
                </span>
            </p>
            <p class="quiet">
                {kinds[feedback.kind].follows} This one keeps its score.
                {later.length > 0 && ` Since then such words changed ${later.length === 1 ? 'one' : later.length} of the events loaded here:`}
            </p>
            {later.length > 0 && (
                <p class="line wrap">
                    {later.slice(0, LATER_SHOWN).map((other) => (
                        <button key={other.id} type="button" class="link" onClick={() => void select(other.id)}>
                            <When at={other.started_at} at_s={other.start_s} />
                        </button>
                    ))}
                </p>
            )}
            <Action label="Take back" run={() => say(event, null, '').then(done)} />
        </div>
    );
}

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

function Form({ event, done }: { event: SecurityEvent; done: () => void }) {
    const [kind, setKind] = useState<FeedbackKind | null>(event.feedback?.kind ?? null);
    const [note, setNote] = useState(event.feedback?.note ?? '');
    const spare = NOTE_BYTES_MAX - bytesOf(note);
    return (
        <div class="form">
            <div class="choices" role="radiogroup" aria-labelledby="feedback-title">
                {(Object.keys(kinds) as FeedbackKind[]).map((candidate) => (
                    <label key={candidate} class="choice">
                        <input type="radio" name="feedback" value={candidate} checked={kind === candidate}
                            onChange={() => setKind(candidate)} />
                        <span>{kinds[candidate].words}</span>
                    </label>
                ))}
            </div>
            {kind && (
                <>
                    <label class="note">
                        <span>Note, if you like</span>
                        <textarea rows={2} value={note} onInput={(e) => setNote(e.currentTarget.value)} />
                    </label>
                    <p class="quiet">{kinds[kind].follows}</p>
                    {spare < 0 ? (
                        <p class="problem">The note is {-spare} bytes too long.</p>
                    ) : (
                        <Action label="Save" run={() => say(event, kind, note.trim()).then(done)} />
                    )}
                </>
            )}
        </div>
    );
}

export function FeedbackPart({ event }: { event: SecurityEvent }) {
    const [changing, setChanging] = useState(false);
    const section = useRef<HTMLElement>(null);
    const { feedback } = event;
    const done = () => {
        setChanging(false);
        section.current?.focus(); // the button that had it goes
    };
    return (
        <section class="feedback-part" aria-labelledby="feedback-title" tabIndex={-1} ref={section}>
            <div class="line">
                <h3 id="feedback-title">Was that right?</h3>
                {feedback && !changing && (
                    <button type="button" class="link end" onClick={() => setChanging(true)}>
                        Change
                    </button>
                )}
            </div>
            {feedback && !changing ? (
                <Said event={event} feedback={feedback} done={done} />
            ) : (
                <Form event={event} done={done} />
            )}
        </section>
    );
}
