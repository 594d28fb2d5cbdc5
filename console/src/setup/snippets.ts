/** The texts that somebody copies into their own code. What they type is escaped for the place where it lands. */

export interface Choices {
  server: string;
  key: string;
  source: string;
  release: string;
  consent: boolean;
}

/** The server's address without a slash at its end. */
const base = (server: string): string => server.trim().replace(/\/+$/, '');

const attribute = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

const quoted = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', ' ')}'`;

/** The one line for a page's head. */
export function scriptTag({ server, key, source, release, consent }: Choices): string {
  const query = new URLSearchParams({ id: key, ...(source && { source }) });
  const attributes = [
    `src="${attribute(`${base(server)}/sdk.js?${query.toString()}`)}"`,
    ...(release ? [`data-release="${attribute(release)}"`] : []),
    ...(consent ? ['data-consent="required"'] : []),
  ];
  return `<script ${attributes.join(' ')}></script>`;
}

/** The same by the package. */
export function packageCode({ server, key, source, release, consent }: Choices): string {
  const options = [
    `server: ${quoted(`${base(server)}/`)}`,
    `key: ${quoted(key)}`,
    ...(source ? [`source: ${quoted(source)}`] : []),
    ...(release ? [`release: ${quoted(release)}`] : []),
    ...(consent ? [`consent: 'required'`] : []),
  ];
  const lines = options.map((option) => `  ${option},`);
  return ["import hindsight from '@hindsight/browser';", 'hindsight.start({', ...lines, '});'].join('\n');
}

export const SERVICES = ['Java', 'Node.js', 'Rust', 'curl'] as const;
export type Service = (typeof SERVICES)[number];

/** How a service tells what was done; the key comes from its environment, never from a page. */
export function serviceCode(service: Service, server: string): string {
  const url = base(server);
  switch (service) {
    case 'Java':
      return `# application.properties
hindsight.url=${url}
hindsight.key=\${HINDSIGHT_KEY}

@OperationLog(operationType = "order.refund", operation = "update",
        saveBeforeState = true, saveAfterState = true, state = "@orders.find(#id)",
        targetType = "order", targetId = "#id", references = "order=#id")
public Order refund(String id, BigDecimal amount) { ... }`;
    case 'Node.js':
      return `import { HindsightClient } from '@hindsight/client';
import { hindsight } from '@hindsight/client/express';

const audit = await HindsightClient.start({ url: ${quoted(url)}, key: process.env.HINDSIGHT_KEY });
app.use(hindsight());
app.post('/orders/:id/refunds', async (request, response) => {
  const operation = await audit.begin({ action: 'order.refund', targets: [{ type: 'order', id }], before: order });
  ...
  await operation.succeed({ after: order });
});`;
    case 'Rust':
      return `let audit = HindsightClient::start(Options::to("${url}", std::env::var("HINDSIGHT_KEY")?))?;
let app = router.layer(VisitLayer::new());

#[operation_log(client = self.audit, action = "order.refund", operation = "update", actor = user,
    target = ("order", id), before = self.find(id).await, after = self.find(id).await)]
async fn refund(&self, user: &str, id: &str, amount: u32) -> Result<Order, RefundError> { ... }`;
    case 'curl':
      return `curl -H "Authorization: Bearer $HINDSIGHT_KEY" ${url}/v1/audit -d '{
  "action": "order.refund", "actor": {"id": "u-17"}, "targets": [{"type": "order", "id": "O-17"}],
  "outcome": "success", "before": {"state": "paid"}, "after": {"state": "refunded"}}'`;
  }
}
