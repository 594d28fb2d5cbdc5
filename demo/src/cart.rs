//! The cart, which lies in the visitor's own cookie: `mug:2.tea:1`.
//!
//! What a cookie says comes from anybody: unknown products and odd numbers are left out, so a cart is always one that the
//! shop can sell. At most each product once, [`MOST_OF_ONE`] pieces.

use crate::catalogue::{PRODUCTS, Product, find};
use crate::money::Cents;

/// Most pieces of one product.
pub(crate) const MOST_OF_ONE: u32 = 99;

/// Products with their numbers, in the order in which they were put in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cart(Vec<(&'static str, u32)>);

impl Cart {
    /// Reads a cookie's value.
    pub(crate) fn read(text: &str) -> Self {
        let mut cart = Self::default();
        for part in text.split('.').take(PRODUCTS.len()) {
            let known = part
                .split_once(':')
                .and_then(|(id, count)| Some((find(id)?, count.parse().ok()?)));
            if let Some((product, count)) = known {
                cart.set(product, count);
            }
        }
        cart
    }

    /// The cookie's value.
    pub(crate) fn write(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(|(id, count)| format!("{id}:{count}")).collect();
        parts.join(".")
    }

    /// So many of a product; none takes it out.
    pub(crate) fn set(&mut self, product: &Product, count: u32) {
        let count = count.min(MOST_OF_ONE);
        match self.0.iter_mut().find(|(id, _)| *id == product.id) {
            Some(line) => line.1 = count,
            None => self.0.push((product.id, count)),
        }
        self.0.retain(|(_, count)| *count > 0);
    }

    /// How many of a product are in it.
    pub(crate) fn count(&self, product: &Product) -> u32 {
        self.0
            .iter()
            .find(|(id, _)| *id == product.id)
            .map_or(0, |(_, count)| *count)
    }

    /// Its lines.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&'static Product, u32)> {
        self.0.iter().filter_map(|(id, count)| Some((find(id)?, *count)))
    }

    /// Pieces in all.
    pub(crate) fn pieces(&self) -> u32 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// What it costs.
    pub(crate) fn total(&self) -> Cents {
        self.lines()
            .map(|(product, count)| product.price.times(count))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cookie: &str, expected: &str) {
        assert_eq!(Cart::read(cookie).write(), expected, "{cookie}");
    }

    #[test]
    fn a_cookie_gives_a_cart_that_can_be_sold() {
        check("mug:2.tea:1", "mug:2.tea:1");
        check("", "");
        check("mug:2.mug:3", "mug:3");
        check("mug:0.tea:1", "tea:1");
        check("mug:100000", "mug:99");
        check("yacht:1.mug:-1.tea:x.stool", "");
        check("a:1.b:1.c:1.d:1.e:1.f:1.g:1.h:1.mug:1", "");
    }

    #[test]
    fn it_adds_up() {
        let cart = Cart::read("mug:2.tea:1");
        assert_eq!(
            (cart.pieces(), cart.total().to_string()),
            (3, "¥224.00".to_owned())
        );
    }
}
