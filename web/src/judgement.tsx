// How an event's score comes about: the rows that add up to it, and what a language model says, each with the
// evidence it rests on.
import type { Evidence, Judgement, Reason, SecurityEvent } from './api';
import { useRef } from 'preact/hooks';
import { Action, count, Moment, points, When } from './parts';
import { askAgain, system } from './state';
import { modelState } from './risk';

/** What is being looked at; the key tells apart what rests on the same evidence. */
export interface Sight {
    key: string;
    evidence: Evidence;
}

export function nameOf(event: SecurityEvent, id: string | null): string {
    const index = event.tracks.findIndex((track) => track.id === id);
    return index < 0 ? 'the event' : `${event.tracks[index]?.label} ${index + 1}`;
}

interface Looking {
    event: SecurityEvent;
    at: Sight | null;
    look: (sight: Sight) => void;
}

/** A piece of evidence, to be looked at. */
function Exhibit({ event, sight, at, look }: Looking & { sight: Sight }) {
    const { evidence } = sight;
    return (
        <button type="button" class="exhibit" aria-pressed={at?.key === sight.key} onClick={() => look(sight)}>
            {nameOf(event, evidence.track_id)} · <Moment at={evidence.at} at_s={evidence.at_s} />
            {evidence.zone && ` · ${evidence.zone}`}
            {evidence.rule && ` · ${evidence.rule}`}
        </button>
    );
}

const ROWS_OF_MODEL = ['model', 'model-rejected', 'limit'];
const sum = (rows: readonly Reason[]) => rows.reduce((total, row) => total + row.points, 0);

function Row({ reason, event, at, look }: Looking & { reason: Reason }) {
    const sight = { key: `row ${event.reasons.indexOf(reason)}`, evidence: reason.evidence };
    const general = !reason.evidence.track_id && ROWS_OF_MODEL.includes(reason.rule);
    return (
        <li class={ROWS_OF_MODEL.includes(reason.rule) ? 'of-model' : ''}>
            <span class="points">{points(reason.points)}</span>
            <span>
                {general ? reason.text : (
                    <button type="button" class="plain" aria-pressed={at?.key === sight.key} title="Show where"
                        onClick={() => look(sight)}>
                        {reason.text}
                    </button>
                )}
                <span class="quiet evidence">
                    <code>{reason.rule}</code>
                    {!general && (
                        <>
                            {` · ${nameOf(event, reason.evidence.track_id)} · `}
                            <Moment at={reason.evidence.at} at_s={reason.evidence.at_s} />
                        </>
                    )}
                </span>
            </span>
        </li>
    );
}

function Total({ score, words }: { score: number; words: string }) {
    return (
        <li class="total">
            <span class="points">{score}</span>
            <b>{words}</b>
        </li>
    );
}

/** Every row, in the order in which they lead to the score. */
export function WhyTable(looking: Looking) {
    const { event } = looking;
    if (event.reasons.length === 0) return <p class="quiet">Nobody has scored this event yet.</p>;
    const rules = event.reasons.filter((row) => !ROWS_OF_MODEL.includes(row.rule));
    const later = event.reasons.filter((row) => ROWS_OF_MODEL.includes(row.rule));
    rules.sort((a, b) => Math.abs(b.points) - Math.abs(a.points));
    const judged = later.some((row) => row.rule !== 'limit');
    const subtotal = event.rules_score ?? sum(rules);
    const cut = event.risk_score !== null && later.length === 0 && sum(rules) !== event.risk_score;
    const row = (reason: Reason, i: number) => <Row key={i} {...looking} reason={reason} />;
    return (
        <ul class="reasons full">
            {rules.map(row)}
            {cut && (
                <li class="of-model">
                    <span class="points">{points((event.risk_score ?? 0) - sum(rules))}</span>
                    <span>{`they add up to ${sum(rules)}; a score is 0 to 100`}</span>
                </li>
            )}
            {later.filter((reason) => reason.rule === 'limit').map(row)}
            {judged && <Total score={subtotal} words="by the rules" />}
            {later.filter((reason) => reason.rule !== 'limit').map(row)}
            {event.risk_score !== null && (
                <Total score={event.risk_score} words={`in the end: ${event.risk_level}`} />
            )}
        </ul>
    );
}

const verdicts = {
    confirmed: 'It agrees with what the rules report.',
    uncertain: 'What it was told does not settle the matter.',
    rejected: 'It holds what the rules report to be nothing.',
};

function Claims({ judgement, ...looking }: Looking & { judgement: Judgement }) {
    const { claims, dropped_claims: dropped } = judgement;
    return (
        <>
            {claims.length > 0 && (
                <ul class="claims">
                    {claims.map((claim, i) => (
                        <li key={i}>
                            <p>{claim.text}</p>
                            {claim.evidence.map((evidence, k) => (
                                <Exhibit key={k} {...looking} sight={{ key: `claim ${i}.${k}`, evidence }} />
                            ))}
                        </li>
                    ))}
                </ul>
            )}
            {dropped > 0 && (
                <p class="quiet dropped">
                    {`${count(dropped, 'claim')} left out: what ${dropped === 1 ? 'it rests' : 'they rest'} on does not exist.`}
                </p>
            )}
        </>
    );
}

const tokens = (number: number, what: string) => (number >= 0 ? [`${number} ${what}`] : []);

function SmallPrint({ judgement: j }: { judgement: Judgement }) {
    const list = [
        j.model || 'a model without a name',
        ...(j.build ? [j.build] : []),
        ...tokens(j.prompt_tokens, `tokens read${j.cached_tokens > 0 ? ` (${j.cached_tokens} from its cache)` : ''}`),
        ...tokens(j.reply_tokens, 'written'),
        ...(j.pictures > 0 ? [count(j.pictures, 'picture')] : []),
        `${j.spent_s.toFixed(1)} s`,
        ...(j.attempts > 1 ? [`${j.attempts} attempts`] : []),
    ];
    return (
        <p class="small-print quiet">
            {list.join(' · ')}
            {j.judged_at && (
                <>
                    {' · '}
                    <When at={j.judged_at} at_s={0} />
                </>
            )}
        </p>
    );
}

function Done({ judgement, ...looking }: Looking & { judgement: Judgement }) {
    const verdict = judgement.verdict ?? 'uncertain';
    return (
        <>
            <p>
                <span class={`mark ${verdict}`}>{verdict}</span>{' '}
                {judgement.score !== null && `It gives ${judgement.score} of 100. `}
                <span class="quiet">{verdicts[verdict]}</span>
            </p>
            <p class="says">{judgement.summary}</p>
            <p class="reasoning">{judgement.reasoning}</p>
            <Claims {...looking} judgement={judgement} />
            <SmallPrint judgement={judgement} />
        </>
    );
}

function waitingFor(judgement: Judgement): string {
    if (judgement.reason) return judgement.reason;
    const model = system.value?.language_model;
    return model && model.server.state !== 'ready' ? `the language model is ${modelState(model).short}` : 'its turn';
}

/** What the language model says about the event. */
export function ModelPart(looking: Looking) {
    const { event } = looking;
    const judgement = event.model;
    const section = useRef<HTMLElement>(null);
    const again = async () => {
        await askAgain(event.id);
        section.current?.focus(); // the button that had it goes
    };
    if (!judgement && !system.value?.language_model) return null;
    return (
        <section class="model-part" aria-labelledby="model-title" tabIndex={-1} ref={section}>
            <h3 id="model-title">Language model</h3>
            {!judgement && (
                <p class="quiet">
                    {event.state === 'open'
                        ? 'It is asked when the event ends.'
                        : 'It was not asked about this event.'}
                </p>
            )}
            {judgement?.state === 'waiting' && (
                <p>
                    <span class="state connecting">Waiting</span>{' '}
                    <span class="quiet">for: {waitingFor(judgement)}. The rules' score stands.</span>
                </p>
            )}
            {judgement?.state === 'failed' && (
                <>
                    <p>
                        <span class="state unwell">No verdict:</span> {judgement.reason || 'no reason is known'}.{' '}
                        <span class="quiet">The rules' score stands.</span>
                    </p>
                    <Action label="Ask again" run={again} />
                </>
            )}
            {judgement?.state === 'done' && <Done {...looking} judgement={judgement} />}
        </section>
    );
}
