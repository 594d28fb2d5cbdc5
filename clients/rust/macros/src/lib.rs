//! `#[operation_log(...)]`: each call of an async function is an audit event. Used through `hindsight_client`.

mod arguments;
mod expand;

use proc_macro::TokenStream;
use syn::{ItemFn, parse_macro_input};

/// Makes each call of an async function that returns a `Result` an audit event.
///
/// ```text
/// #[operation_log(
///     client = self.audit, action = "order.refund", operation = "update",
///     target = ("order", id), reference = ("order", id), actor = user,
///     request = json!({ "amount": amount }), before = self.find(id).await, after = self.find(id).await, strict
/// )]
/// async fn refund(&self, user: &str, id: &str, amount: u32) -> Result<Order, RefundError> { ... }
/// ```
///
/// `client` and `action` are needed. `target` and `reference` may be given several times, each an expression of a pair;
/// `actor` is a user's id. What else is to be said - roles, a measure - is said by `event`, an expression that makes the
/// event of the `event` so far: `event = event.actor("user", user.id, user.name, &["support"])`.
/// `request`, `before` are read before the body runs, `after` after it succeeded, where `result` names what it returned.
/// All of them may use the parameters (not those that the body takes by value) and `.await`.
/// With `strict` the body doesn't run when the event can't be kept; the error type is then made from `OperationRefused`.
/// An error is a failure with its `Display` text; a panic or a dropped future is one, too.
#[proc_macro_attribute]
pub fn operation_log(arguments: TokenStream, function: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as arguments::Arguments);
    let function = parse_macro_input!(function as ItemFn);
    expand::expand(&arguments, function)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
