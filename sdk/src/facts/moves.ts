/** Page changes of single-page apps: the address changes without a document load. */
import { listen, wrap, type Stop } from './emit';

export function watchMoves(moved: (url: string) => void): Stop {
  let last = location.href;
  const look = (): void => {
    // After the app has drawn and set its title.
    setTimeout(() => {
      if (location.href === last) return;
      last = location.href;
      moved(last);
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
