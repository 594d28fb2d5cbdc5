//! What is done in the shop, each operation an audit event with the state before and after: the part of a service that
//! `docs/auditing.md` shows.
//!
//! **Invariant:** money moves only where the event is kept (`strict`): without a trace there is no sale and no refund.

use hindsight_client::{AuditEvent, HindsightClient, OperationRefused, operation_log};
use serde_json::json;

use crate::cart::Cart;
use crate::money::Cents;
use crate::order::{Order, Portion, Refused};
use crate::orders::Orders;
use crate::people::Person;

/// What the payment page gives for a card that its bank declines (`assets/pay.js`).
const DECLINED: &str = "tok_declined";

/// The orders, and who is told what becomes of them.
#[derive(Debug)]
pub(crate) struct Till {
    audit: HindsightClient,
    orders: Orders,
}

impl From<OperationRefused> for Refused {
    fn from(_: OperationRefused) -> Self {
        Self::NotKept
    }
}

impl Till {
    pub(crate) fn new(audit: HindsightClient) -> Self {
        Self {
            audit,
            orders: Orders::default(),
        }
    }

    pub(crate) fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Opens an order: its id is there before it is paid, so paying it twice is paying the same one.
    pub(crate) async fn open(&self, who: &Person, cart: &Cart) -> Result<Order, Refused> {
        let order = Order::of(Orders::mint(), who.id, cart)?;
        self.create(who, &order).await?;
        Ok(order)
    }

    #[operation_log(client = self.audit, action = "order.create", operation = "create",
        event = who.sign(event).measure("amount", order.total().amount()),
        target = ("order", &order.id), reference = ("order", &order.id), after = self.orders.get(&order.id), strict)]
    async fn create(&self, who: &Person, order: &Order) -> Result<(), Refused> {
        self.orders.add(order.clone());
        Ok(())
    }

    /// Charges the card behind a token; once, however often it is asked.
    #[operation_log(client = self.audit, action = "order.pay", operation = "update",
        event = who.sign(event).measure("amount", self.total(id).amount()),
        target = ("order", id), reference = ("order", id), request = json!({ "card_token": card_token }),
        before = self.orders.get(id), after = self.orders.get(id), strict)]
    pub(crate) async fn pay(&self, who: &Person, id: &str, card_token: &str) -> Result<(), Refused> {
        self.orders.step(id, |order| {
            order.may_be_paid()?;
            if card_token == DECLINED {
                return Err(Refused::Declined);
            }
            order.pay()
        })
    }

    /// Gives money back, which only the support desk may.
    #[operation_log(client = self.audit, action = refund_action(portion), operation = "update", event = who.sign(event),
        target = ("order", id), reference = ("order", id), request = json!({ "line": line_of(portion), "reason": reason }),
        before = self.orders.get(id), after = self.orders.get(id), strict)]
    pub(crate) async fn refund(
        &self,
        who: &Person,
        id: &str,
        portion: Portion,
        reason: &str,
    ) -> Result<Cents, Refused> {
        if !who.is_support() {
            return Err(Refused::NotSupport);
        }
        self.orders.step(id, |order| order.refund(portion))
    }

    /// Somebody signed in.
    pub(crate) fn signed_in(&self, who: &Person) {
        let action = if who.is_support() {
            "staff.login"
        } else {
            "customer.login"
        };
        self.audit
            .record(who.sign(AuditEvent::new(action).operation("login").target("user", who.id)));
    }

    /// Somebody's details were checked - in their browser, which tells only which fields it looked at.
    pub(crate) fn checked(&self, who: &Person, fields: &[String]) {
        let event = AuditEvent::new("customer.verify")
            .operation("update")
            .target("user", who.id)
            .after(json!({ "verified": fields }));
        self.audit.record(who.sign(event));
    }

    pub(crate) async fn close(&self) {
        self.audit.close().await;
    }

    fn total(&self, id: &str) -> Cents {
        self.orders.get(id).map_or(Cents(0), |order| order.total())
    }
}

fn refund_action(portion: Portion) -> &'static str {
    match portion {
        Portion::Whole => "order.refund",
        Portion::Line(_) => "order.refund_line",
    }
}

fn line_of(portion: Portion) -> Option<usize> {
    match portion {
        Portion::Whole => None,
        Portion::Line(at) => Some(at),
    }
}
