/**
 * Page changes of single-page apps: the address changes without a document load. Told twice: at once, so that a page
 * that isn't to be recorded isn't drawn into the recording, and when the app has drawn and set its title.
 */
import { listen, wrap, type Stop } from './emit';

export function watchMoves(leaving: (url: string) => void, drawn: (url: string) => void): Stop {
  let last = location.href;
  const look = (): void => {
    leaving(location.href);
    setTimeout(() => {
      if (location.href === last) return;
      last = location.href;
      drawn(last);
    });
  };
  const stops = [
    wrap(history, 'pushState', (before) => (...args) => {
      before.apply(history, args);
      look();
    }),
    wrap(history, 'replaceState', (before) => (...args) => {
      before.apply(history, args);
      look();
    }),
    listen(window, ['popstate', 'hashchange'], look),
  ];
  return () => {
    stops.forEach((stop) => {
      stop();
    });
  };
}
