// As docs/recording.md says, with the names of the test in place of one's own.
import { record } from '@rrweb/record';

const server = window.test.server;
const key = window.test.key;
const session = window.test.session;

const tab = crypto.randomUUID();
let events = [];
let seq = 0;
record({ emit: (event) => events.push(event) });

function save() {
  if (events.length === 0) return;
  const query = new URLSearchParams({ key, session, tab, seq: seq++ });
  const body = JSON.stringify({ events });
  events = [];
  fetch(`${server}/v1/rrweb?${query}`, { method: 'POST', body });
}
setInterval(save, 1000);
addEventListener('pagehide', save);
