// Times for people: relative where it is read at a glance, exact on demand, always in their own locale.
import { now } from './state';

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

export function ago(iso: string): string {
    const seconds = Math.round((Date.parse(iso) - now.value) / 1000);
    if (seconds > -10) return relative.format(0, 'second');
    if (seconds > -60) return relative.format(Math.round(seconds / 10) * 10, 'second');
    if (seconds > -3600) return relative.format(Math.round(seconds / 60), 'minute');
    if (seconds > -86400) return relative.format(Math.round(seconds / 3600), 'hour');
    if (seconds > -30 * 86400) return relative.format(Math.round(seconds / 86400), 'day');
    return day.format(new Date(iso));
}

export const exactTime = (iso: string) => exact.format(new Date(iso));
export const clockTime = (iso: string) => clock.format(new Date(iso));

export function duration(seconds: number): string {
    const whole = Math.round(seconds);
    if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
    if (whole < 60) return `${whole} s`;
    const minutes = Math.floor(whole / 60);
    const [large, small] =
        minutes < 60
            ? [`${minutes} min`, whole % 60 && `${whole % 60} s`]
            : [`${Math.floor(minutes / 60)} h`, minutes % 60 && `${minutes % 60} min`];
    return small ? `${large} ${small}` : large;
}

/** A moment of a recording that has no wall time. */
export function offset(seconds: number): string {
    const whole = Math.max(0, Math.floor(seconds));
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
