/**
 * The browser in which the shop is visited: Chromium, or with `SHOP_BROWSER=firefox` Debian's Firefox by WebDriver BiDi.
 * All that leaves it passes a proxy, also what goes to this machine itself. `CHROMIUM` and `FIREFOX` name other binaries.
 */
import { chromium, firefox, type Browser } from 'playwright-core';
import { FLAGS } from '../reader';

const isFirefox = process.env['SHOP_BROWSER'] === 'firefox';

/** Stands in the head of each call that it makes. */
export const AGENT_NAME = isFirefox ? 'Firefox/' : 'Chrome/';

export const visitorsBrowser = (proxy: string): Promise<Browser> =>
  isFirefox ? inFirefox(proxy) : inChromium(proxy);

const inChromium = (server: string): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: FLAGS,
    proxy: { server, bypass: '<-loopback>' },
  });

const inFirefox = (server: string): Promise<Browser> =>
  firefox.launch({
    channel: 'moz-firefox',
    executablePath: process.env['FIREFOX'] ?? '/usr/bin/firefox-esr',
    firefoxUserPrefs: { 'network.proxy.allow_hijacking_localhost': true, 'network.proxy.no_proxies_on': '' },
    proxy: { server },
  });
