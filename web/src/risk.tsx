// Who gives the scores: the language model, what waits for it and what it could not answer, and rules on trial.
import type { LanguageModel } from './api';
import { Action, count, When } from './parts';
import { askAgain, deadLetters, select, system } from './state';

interface ModelState {
    mood: 'online' | 'connecting' | 'unwell' | 'off';
    short: string; // by itself
    label: string; // followed by words
    words: string;
}

export function modelState({ server, breaker }: LanguageModel): ModelState {
    const name = server.model ?? 'a model without a name';
    const why = server.reason ?? '';
    const unwell = (label: string, words: string): ModelState => ({ mood: 'unwell', short: label.toLowerCase(), label, words });
    switch (server.state) {
        case 'ready':
            if (breaker.open) return unwell('Pausing', `${name} failed too often and is left alone for a while`);
            return {
                mood: 'online', short: name, label: 'Ready',
                words: `${name}, ${count(server.slots, 'slot')}${server.sees ? ', sees pictures' : ''}`
                    + (server.discovered ? ', found on this machine, not configured' : ''),
            };
        case 'loading':
            return { mood: 'connecting', short: 'loading', label: 'Loading', words: server.model ?? 'its server is not ready yet' };
        case 'down':
            return unwell('Down', why || 'its server does not answer');
        case 'denied':
            return unwell('Refuses the key', why || 'correct risk.llm.api_key in the configuration');
        case 'unfit':
            return unwell('Cannot be used', `${name}${why && `: ${why}`}`);
        case 'off':
            return { mood: 'off', short: 'off', label: 'Off', words: 'switched off in the configuration' };
        default:
            return { mood: 'off', short: 'not found', label: 'Not found', words: why || 'start a model server, or set risk.llm.url' };
    }
}

function DeadLetters({ dead }: { dead: number }) {
    if (dead === 0) return null;
    const hidden = dead - deadLetters.value.length;
    return (
        <>
            <div class="line">
                <h3>{count(dead, 'event')} without a verdict</h3>
                {dead > 1 && (
                    <span class="end">
                        <Action link label="Ask again about all" run={() => askAgain(null)} />
                    </span>
                )}
            </div>
            <ul class="dead">
                {deadLetters.value.map((letter) => (
                    <li key={letter.event_id}>
                        <button type="button" class="link" onClick={() => void select(letter.event_id)}>
                            {letter.camera}, <When at={letter.queued_at} at_s={0} />
                        </button>
                        <span class="what">{letter.reason ?? 'no reason is known'}</span>
                        <Action link label="Ask again" run={() => askAgain(letter.event_id)} />
                    </li>
                ))}
                {hidden > 0 && <li class="quiet">and {hidden} more</li>}
            </ul>
        </>
    );
}

function Shadow() {
    const shadow = system.value?.shadow_rules;
    if (!shadow) return null;
    const { events, raised, lowered, alarms_added: added, alarms_removed: removed } = shadow;
    return (
        <p class="shadow">
            <b>Rules on trial</b> <code>{shadow.file}</code>: of {count(events, 'event')} they would raise {raised} and lower{' '}
            {lowered}; {count(added, 'alarm')} more, {removed} fewer.
        </p>
    );
}

/** What the summary line tells without being opened. */
function glance(model: LanguageModel): string {
    const { waiting, running, dead } = model.queue;
    const list = [waiting && `${waiting} waiting`, running && `${running} running`, dead && `${dead} given up`];
    return list.filter(Boolean).join(' · ') || 'nothing waits';
}

function Model({ model }: { model: LanguageModel }) {
    const { mood, label, words } = modelState(model);
    const { breaker, tokens } = model;
    return (
        <>
            <p>
                <span class={`state ${mood}`}>{label}:</span> {words}
                {breaker.open && breaker.until && (
                    <>
                        , until <When at={breaker.until} at_s={0} />
                    </>
                )}
            </p>
            {mood !== 'online' && <p class="quiet">Events keep the score of the rules; what waits is asked about later.</p>}
            <p class="quiet">
                {count(model.judged, 'verdict')} since the start
                {model.judged > 0 && `, ${(model.model_s / model.judged).toFixed(1)} s each`}
                {model.failed > 0 && `, ${model.failed} failed`}
                {tokens.prompt > 0 && `; ${Math.round(tokens.cached_share * 100)} % of the prompts came from its cache`}
            </p>
            <DeadLetters dead={model.queue.dead} />
        </>
    );
}

export function Risk() {
    const model = system.value?.language_model;
    if (!model && !system.value?.shadow_rules) return null;
    const bad = model && (modelState(model).mood === 'unwell' || model.queue.dead > 0);
    return (
        <details class={`card risk${bad ? ' troubled' : ''}`}>
            <summary>
                {model ? 'Language model' : 'Rules on trial'}{' '}
                <span class="quiet">{model ? `${modelState(model).short} · ${glance(model)}` : ''}</span>
            </summary>
            {model && <Model model={model} />}
            <Shadow />
        </details>
    );
}
