/** `hindsight.start`: what a document says about itself first. */
import type { StartOptions } from './api';
import type { Config } from './config';
import type { Scrubber } from './privacy/scrub';
import { shared } from './session/storage';
import { randomHex } from './transport/identity';

declare const __SDK_VERSION__: string;
declare const __RRWEB_VERSION__: string;

/** Random, of this browser and origin; forgotten with consent. */
function deviceId(): string {
  const stored = shared.read('hindsight.device');
  if (typeof stored === 'string' && /^[0-9a-f]{32}$/.test(stored)) return stored;
  const device = randomHex(16);
  shared.write('hindsight.device', device);
  return device;
}

export function startFact(
  options: StartOptions,
  config: Config,
  scrubber: Scrubber,
): Record<string, unknown> {
  return {
    sdk: __SDK_VERSION__,
    rrweb: __RRWEB_VERSION__,
    source: options.source ?? config.source,
    release: options.release ?? '',
    device_id: deviceId(),
    screen: `${String(screen.width)}x${String(screen.height)}`,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    language: navigator.language,
    referrer: scrubber.url(document.referrer),
    consent: options.consent === 'required' ? 'granted' : 'not_required',
  };
}
