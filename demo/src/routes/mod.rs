//! The shop's addresses: pages, the calls that its forms make, and its three files.

mod actions;
mod files;
mod show;

use axum::Router;
use axum::response::Redirect;
use axum::routing::{get, post};

use crate::Counter;

/// Everything under `/demo`.
pub(crate) fn routes(counter: Counter) -> Router {
    Router::new()
        .route("/demo", get(|| async { Redirect::permanent("/demo/") }))
        .route("/demo/", get(show::list))
        .route("/demo/products/{id}", get(show::product))
        .route("/demo/cart", get(show::cart))
        .route("/demo/checkout/{order}", get(show::checkout))
        .route("/demo/orders/{order}", get(show::order))
        .route("/demo/account", get(show::account))
        .route("/demo/desk", get(show::desk))
        .route("/demo/desk/{order}", get(show::desk_order))
        .route("/demo/payment", get(show::payment))
        .route("/demo/shop.css", get(files::style))
        .route("/demo/shop.js", get(files::script))
        .route("/demo/pay.js", get(files::payment_script))
        .route("/demo/calls/cart", post(actions::cart))
        .route("/demo/calls/language", post(actions::language))
        .route("/demo/calls/sign-in", post(actions::sign_in))
        .route("/demo/calls/sign-out", post(actions::sign_out))
        .route("/demo/calls/account", post(actions::account))
        .route("/demo/calls/orders", post(actions::open))
        .route("/demo/calls/orders/{order}/pay", post(actions::pay))
        .route("/demo/calls/orders/{order}/refund", post(actions::refund))
        .route("/demo/{*rest}", get(show::nothing))
        .with_state(counter)
}
