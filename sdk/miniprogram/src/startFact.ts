/** `hindsight.start`: what a launch says about itself first. */
import type { EventConfig } from '../../src/config';
import { randomHex } from '../../src/transport/identity';
import type { StartOptions } from './api';
import type { Host, SystemInfo } from './host';
import type { Shelf } from './storage';

declare const __SDK_VERSION__: string;

/** Random, of this device and mini-program; forgotten with consent. */
function deviceId(shelf: Shelf): string {
  const stored = shelf.read('hindsight.device');
  if (typeof stored === 'string' && stored) return stored;
  const device = randomHex(16);
  shelf.write('hindsight.device', device);
  return device;
}

/** A host may have taken a call away; a fact without it is still one. */
function asked<T>(ask: (() => T) | undefined): Partial<T> {
  try {
    return ask?.() ?? {};
  } catch {
    return {};
  }
}

export function startFact(
  host: Host,
  shelf: Shelf,
  options: Partial<StartOptions>,
  config: EventConfig,
): Record<string, unknown> {
  const system: SystemInfo = asked(() => host.getSystemInfoSync?.() ?? {});
  const launch = asked(() => host.getLaunchOptionsSync?.() ?? {});
  return {
    sdk: `miniprogram ${__SDK_VERSION__}`,
    source: options.source ?? config.source,
    release: options.release ?? '',
    device_id: deviceId(shelf),
    screen: `${String(system.screenWidth ?? 0)}x${String(system.screenHeight ?? 0)}`,
    // Minutes behind UTC turned into a name that every database knows; hosts have no zone's name.
    timezone: zone(new Date().getTimezoneOffset()),
    language: system.language ?? '',
    platform: system.platform ?? '',
    referrer: launch.referrerInfo?.appId ?? '',
    scene: launch.scene ?? 0,
    consent: options.consent === 'required' ? 'granted' : 'not_required',
  };
}

const zone = (behind: number): string => {
  const [sign, minutes] = [behind > 0 ? '-' : '+', Math.abs(behind)];
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
};
