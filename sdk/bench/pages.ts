/**
 * The pages that are measured, and how somebody visits them: a shop, and an administrator's table of 10,000 rows.
 * Each page works without a server, so that all variants do the same.
 */
import type { Page } from 'playwright-core';

export interface Scene {
  name: string;
  body: string;
  visit: (page: Page) => Promise<void>;
}

const PRODUCTS = 60;
const ROWS = 10_000;
/** Between two things that a visitor does. */
const THINK_MS = 350;

const think = (page: Page): Promise<void> => page.waitForTimeout(THINK_MS);

const SHOP = `<style>#list{display:grid;grid-template-columns:repeat(4,1fr);gap:8px}.card{border:1px solid #ccc;padding:8px}</style>
<header><h1>Bean shop</h1><nav><a href="#all">All</a> <a href="#dark">Dark</a></nav><input id="search" placeholder="Search"></header>
<main><section id="list"></section><aside><h2>Cart</h2><ul id="cart"></ul><p id="sum">0.00</p>
<form id="order"><input name="name"><input name="card"><textarea name="note"></textarea><button>Order</button></form></aside></main>
<script>
  const products = Array.from({ length: ${String(PRODUCTS)} }, (_, i) => ({ id: i, name: 'Bean ' + i, price: 5 + i / 10 }));
  const cart = new Map();
  function draw() {
    const wanted = search.value.toLowerCase();
    list.innerHTML = products.filter((p) => p.name.toLowerCase().includes(wanted)).map((p) =>
      '<div class="card"><h3>' + p.name + '</h3><p>From the hills, washed, 250 g.</p><b>' + p.price.toFixed(2) +
      '</b> <button data-id="' + p.id + '">Add</button></div>').join('');
  }
  function drawCart() {
    document.querySelector('#cart').innerHTML = [...cart].map(([id, n]) => '<li>' + products[id].name + ' x ' + n + '</li>').join('');
    sum.textContent = [...cart].reduce((all, [id, n]) => all + products[id].price * n, 0).toFixed(2);
  }
  draw();
  search.oninput = draw;
  list.onclick = (e) => { const id = e.target.dataset.id; if (id) { cart.set(+id, (cart.get(+id) ?? 0) + 1); drawCart(); } };
  order.onsubmit = (e) => { e.preventDefault(); sum.textContent = 'ordered'; cart.clear(); drawCart(); };
</script>`;

async function shop(page: Page): Promise<void> {
  for (const word of ['bean 1', '']) {
    await page.locator('#search').fill('');
    await page.locator('#search').pressSequentially(word, { delay: 60 });
    await think(page);
  }
  for (let item = 0; item < 12; item++) {
    await page.mouse.move(100 + item * 40, 200 + item * 20, { steps: 12 });
    await page.locator(`[data-id="${String(item)}"]`).click();
    await page.mouse.wheel(0, item % 2 ? -120 : 160);
    await think(page);
  }
  await page.locator('[name=name]').pressSequentially('Li Wang', { delay: 60 });
  await page.locator('[name=card]').pressSequentially('4111111111111111', { delay: 40 });
  await page.locator('[name=note]').pressSequentially('Ring twice, please.', { delay: 40 });
  await page.locator('#order button').click();
  await think(page);
}

const TABLE = `<style>td{border-bottom:1px solid #ddd;padding:2px 8px}.chosen{background:#def}.late{color:#a00}</style>
<input id="find" placeholder="Find"><button id="more">More</button><p id="count"></p>
<table><thead><tr><th>No.</th><th>Customer</th><th>State</th><th>Amount</th><th>Changed</th></tr></thead><tbody id="rows"></tbody></table>
<script>
  const states = ['open', 'paid', 'sent', 'late'];
  const row = (i) => '<tr data-i="' + i + '" class="' + states[i % 4] + '"><td>' + i + '</td><td>Customer ' + (i * 7919) % 1000 +
    '</td><td>' + states[i % 4] + '</td><td>' + ((i * 37) % 900) + '.00</td><td>2026-11-' + (1 + i % 28) + '</td></tr>';
  rows.innerHTML = Array.from({ length: ${String(ROWS)} }, (_, i) => row(i)).join('');
  let last = ${String(ROWS)};
  more.onclick = () => { rows.insertAdjacentHTML('beforeend', Array.from({ length: 100 }, () => row(last++)).join('')); };
  rows.onclick = (e) => { const tr = e.target.closest('tr'); tr.classList.toggle('chosen'); tr.children[2].textContent = 'paid'; };
  find.oninput = () => {
    let found = 0;
    for (const tr of rows.children) { if (tr.children[1].textContent.endsWith(find.value)) { if (found++ < 200) tr.classList.add('chosen'); } }
    count.textContent = found + ' found';
  };
  setInterval(() => { for (let n = 0; n < 20; n++) { const tr = rows.children[(last * 31 + n * 97) % 500]; tr.children[3].textContent = (n * 7) + '.50'; } last++; }, 1000);
</script>`;

async function table(page: Page): Promise<void> {
  for (let round = 0; round < 12; round++) {
    await page.mouse.move(200 + round * 10, 150 + round * 30, { steps: 12 });
    await page.mouse.wheel(0, 400);
    await think(page);
    await page.mouse.click(200, 300);
    if (round % 4 === 3) {
      await page.evaluate('scrollTo(0, 0)');
      await page.locator('#more').click();
      await page.locator('#find').pressSequentially(String(round), { delay: 60 });
    }
    await think(page);
  }
}

export const SCENES: Scene[] = [
  { name: 'shop', body: SHOP, visit: shop },
  { name: 'table of 10,000 rows', body: TABLE, visit: table },
];
