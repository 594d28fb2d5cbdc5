/**
 * The payment service's frame. The card is checked here and stays here: the shop gets a token that says nothing of it.
 * A card ending in 0002 is one that its bank declines.
 */
(() => {
  'use strict';

  const form = document.getElementById('card-form');
  const verdict = form.querySelector('.verdict');

  /** The check digit of card numbers (ISO/IEC 7812-1, Luhn). */
  function isCard(digits) {
    if (!/^\d{13,19}$/.test(digits)) return false;
    const sum = [...digits].reverse().reduce((total, digit, place) => {
      const doubled = Number(digit) * (place % 2 ? 2 : 1);
      return total + (doubled > 9 ? doubled - 9 : doubled);
    }, 0);
    return sum % 10 === 0;
  }

  function token() {
    const digits = form.elements.card.value.replaceAll(' ', '');
    const complete =
      isCard(digits) && /^\d{2}\/\d{2}$/.test(form.elements.expiry.value) && /^\d{3,4}$/.test(form.elements.code.value);
    verdict.textContent = complete ? '' : form.dataset.wrong;
    verdict.classList.toggle('bad', !complete);
    if (!complete) return undefined;
    return digits.endsWith('0002') ? 'tok_declined' : `tok_${Math.random().toString(36).slice(2)}`;
  }

  form.addEventListener('submit', (event) => event.preventDefault());
  addEventListener('message', ({ source, origin, data }) => {
    if (origin === location.origin && data === 'pay') source.postMessage({ token: token() }, origin);
  });
})();
