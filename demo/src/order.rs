//! An order and what may become of it. No I/O: the same order and the same step give the same result.
//!
//! `created -> paid -> partly_refunded -> refunded`. **Invariant:** what was charged is never charged again, and never
//! more is given back than was charged.

use serde::Serialize;

use crate::cart::Cart;
use crate::catalogue;
use crate::money::Cents;

/// One order. What it serializes to is what the audit log keeps as its state before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) customer: &'static str,
    pub(crate) state: State,
    pub(crate) lines: Vec<Line>,
    pub(crate) charged: Cents,
    pub(crate) refunded: Cents,
}

/// So many of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    pub(crate) product: &'static str,
    pub(crate) quantity: u32,
    pub(crate) price: Cents,
    pub(crate) refunded: bool,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Created,
    Paid,
    PartlyRefunded,
    Refunded,
}

/// What of an order is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Portion {
    Whole,
    Line(usize),
}

/// Why a step isn't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there is no such order")]
    UnknownOrder,
    #[error("the cart is empty")]
    EmptyCart,
    #[error("already paid: nothing was charged")]
    AlreadyPaid,
    #[error("card declined")]
    Declined,
    #[error("the order is not paid")]
    NotPaid,
    #[error("there is no such line, or it was refunded already")]
    NothingLeft,
    #[error("role customer may not refund")]
    NotSupport,
    #[error("the audit event can't be kept, so nothing was done")]
    NotKept,
}

impl Order {
    /// An order of what is in a cart.
    pub(crate) fn of(id: String, customer: &'static str, cart: &Cart) -> Result<Self, Refused> {
        let lines: Vec<Line> = cart
            .lines()
            .map(|(product, quantity)| Line {
                product: product.id,
                quantity,
                price: product.price,
                refunded: false,
            })
            .collect();
        if lines.is_empty() {
            return Err(Refused::EmptyCart);
        }
        Ok(Self {
            id,
            customer,
            state: State::Created,
            lines,
            charged: Cents(0),
            refunded: Cents(0),
        })
    }

    pub(crate) fn total(&self) -> Cents {
        self.lines.iter().map(Line::total).sum()
    }

    /// Whether a card may be charged for it; a second time it may not.
    pub(crate) fn may_be_paid(&self) -> Result<(), Refused> {
        match self.state {
            State::Created => Ok(()),
            _ => Err(Refused::AlreadyPaid),
        }
    }

    /// The card was charged.
    pub(crate) fn pay(&mut self) -> Result<(), Refused> {
        self.may_be_paid()?;
        self.charged = self.total();
        self.state = State::Paid;
        Ok(())
    }

    /// Gives back what is left of a portion; how much that is.
    pub(crate) fn refund(&mut self, portion: Portion) -> Result<Cents, Refused> {
        if self.state == State::Created {
            return Err(Refused::NotPaid);
        }
        let asked = |at: usize| matches!(portion, Portion::Whole) || portion == Portion::Line(at);
        let mut given = Vec::new();
        for (at, line) in self.lines.iter_mut().enumerate() {
            if asked(at) && !line.refunded {
                line.refunded = true;
                given.push(line.total());
            }
        }
        if given.is_empty() {
            return Err(Refused::NothingLeft);
        }
        let amount: Cents = given.into_iter().sum();
        self.refunded = [self.refunded, amount].into_iter().sum();
        debug_assert!(self.refunded <= self.charged, "more given back than charged");
        self.state = if self.lines.iter().all(|line| line.refunded) {
            State::Refunded
        } else {
            State::PartlyRefunded
        };
        Ok(amount)
    }
}

impl Line {
    pub(crate) fn total(&self) -> Cents {
        self.price.times(self.quantity)
    }

    pub(crate) fn name(&self) -> crate::words::Text {
        catalogue::find(self.product).map_or(crate::words::Text::new("?", "?"), |product| product.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        Order::of("O-1".into(), "u-1001", &Cart::read("mug:2.tea:1")).unwrap()
    }

    #[test]
    fn a_double_pay_charges_once() {
        let mut order = order();
        assert_eq!(order.pay(), Ok(()));
        let paid = order.clone();
        assert_eq!(order.pay(), Err(Refused::AlreadyPaid));
        assert_eq!(order, paid);
        assert_eq!(order.charged, Cents(22_400));
    }

    #[test]
    fn refunds_by_line_end_as_the_whole_does() {
        let mut by_line = order();
        assert_eq!(by_line.refund(Portion::Whole), Err(Refused::NotPaid));
        by_line.pay().unwrap();
        let mut at_once = by_line.clone();
        assert_eq!(by_line.refund(Portion::Line(0)), Ok(Cents(9_600)));
        assert_eq!(by_line.state, State::PartlyRefunded);
        assert_eq!(by_line.refund(Portion::Line(0)), Err(Refused::NothingLeft));
        assert_eq!(by_line.refund(Portion::Line(7)), Err(Refused::NothingLeft));
        assert_eq!(by_line.refund(Portion::Whole), Ok(Cents(12_800)));
        at_once.refund(Portion::Whole).unwrap();
        assert_eq!(by_line, at_once);
        assert_eq!(by_line.state, State::Refunded);
        assert_eq!(by_line.refunded, by_line.charged);
    }

    #[test]
    fn nothing_is_ordered_of_an_empty_cart() {
        assert_eq!(
            Order::of("O-1".into(), "guest", &Cart::default()),
            Err(Refused::EmptyCart)
        );
    }
}
