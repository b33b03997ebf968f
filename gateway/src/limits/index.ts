/** Bounds of what anybody may take. */
export { ConnectionLimits } from './connection-limits.ts';
export { Meter, tooLarge } from './meter.ts';
export { Watchdog } from './watchdog.ts';
