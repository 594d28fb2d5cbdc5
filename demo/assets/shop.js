/**
 * The shop's forms, sent by `fetch` as JSON: so the recorder adds to each request which visit it belongs to, and the
 * service's audit event opens the moment of the click. Also tells the recorder what only the shop knows.
 *
 * What the visitor typed about themself never leaves this page: a card becomes a token in the payment service's frame, and
 * of the account's fields only the names of those that are in order are sent.
 */
(() => {
  'use strict';

  const { hindsight } = window;
  const { user, userName, order } = document.body.dataset;
  if (user) hindsight?.identify({ user_id: user, user_name: userName });
  if (order) hindsight?.reference('order', order);

  /** A field's value as the service reads it. */
  function read(field) {
    if (field.dataset.as === 'number') return Number(field.value);
    if (field.dataset.as === 'flag') return field.value === 'true';
    return field.value;
  }

  function fieldsOf(form) {
    return [...form.elements].filter(({ name, dataset }) => name && dataset.as !== 'left out');
  }

  /** Asks the payment service's frame for a token. It is of this origin, and answers once. */
  function token(form) {
    const frame = form.querySelector('iframe');
    return new Promise((resolve) => {
      const answered = ({ source, origin, data }) => {
        if (source !== frame.contentWindow || origin !== location.origin) return;
        removeEventListener('message', answered);
        resolve(data.token);
      };
      addEventListener('message', answered);
      frame.contentWindow.postMessage('pay', location.origin);
    });
  }

  /** What is sent of a form; undefined: nothing yet, the visitor has to look at it again. */
  async function content(form) {
    if (form.dataset.card) {
      const card_token = await token(form);
      return card_token && { card_token };
    }
    if (form.dataset.details) return { fields: fieldsOf(form).map(({ name }) => name) };
    return Object.fromEntries(fieldsOf(form).map((field) => [field.name, read(field)]));
  }

  function tell(form) {
    const { track } = form.dataset;
    if (track) hindsight?.track(track, Object.fromEntries(fieldsOf(form).map(({ name, value }) => [name, value])));
    for (const box of form.querySelectorAll('[data-confirms]')) {
      const item = box.dataset.confirms;
      hindsight?.confirm(item, document.getElementById(item).textContent);
    }
  }

  async function send(form) {
    const verdict = form.querySelector('.verdict');
    const body = await content(form);
    if (!body) return;
    tell(form);
    const response = await fetch(form.dataset.send, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (verdict) {
      verdict.textContent = answer.problem ?? answer.said ?? '';
      verdict.classList.toggle('bad', !response.ok);
    }
    if (!response.ok || answer.to === undefined) return;
    if (form.dataset.ends) hindsight?.end(form.dataset.ends);
    if (answer.to) location.assign(answer.to);
    else location.reload();
  }

  document.addEventListener('submit', async (event) => {
    const form = event.target;
    if (!form.dataset.send) return;
    event.preventDefault();
    const buttons = form.querySelectorAll('button');
    for (const button of buttons) button.disabled = true;
    try {
      await send(form);
    } catch (error) {
      const verdict = form.querySelector('.verdict');
      if (verdict) verdict.textContent = String(error);
      throw error;
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  });
})();
